CLIENT = "anthropic"


def test_grid(cell, carried):
    carried(cell)
