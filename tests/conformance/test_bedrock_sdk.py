CLIENT = "bedrock"


def test_grid(cell, carried):
    carried(cell)
