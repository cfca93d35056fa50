CLIENT = "openai"


def test_grid(cell, carried):
    carried(cell)
