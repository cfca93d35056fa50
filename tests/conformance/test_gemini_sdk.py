CLIENT = "gemini"


def test_grid(cell, carried):
    carried(cell)
