"""Vertex AI, by the official `google-genai` package."""

CLIENT = "vertex"


def test_grid(cell, carried):
    carried(cell)
