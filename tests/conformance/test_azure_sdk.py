"""Azure OpenAI's deployments, by the official `openai` package."""

CLIENT = "azure"


def test_grid(cell, carried):
    carried(cell)
