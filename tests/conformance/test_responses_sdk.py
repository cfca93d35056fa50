CLIENT = "responses"


def test_grid(cell, carried):
    carried(cell)
