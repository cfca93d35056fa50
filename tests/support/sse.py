"""Server-sent events, read as the specification says, and what a stream of chunks comes to."""

import json


def events(data: bytes) -> list[str]:
    """The data of every dispatched event; comments and unfinished events are not among them."""
    text = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    found, lines = [], []
    for line in text.split("\n"):
        if line == "":
            if lines:
                found.append("\n".join(lines))
            lines = []
        elif line.startswith("data:"):
            value = line[5:]
            lines.append(value[1:] if value.startswith(" ") else value)
    return found


def chunks(data: bytes) -> list[dict]:
    """Every event but [DONE], parsed."""
    return [json.loads(event) for event in events(data) if event.strip() != "[DONE]"]


def text(data: bytes) -> str:
    """The text of the first choice."""
    out = ""
    for chunk in chunks(data):
        for choice in chunk.get("choices") or []:
            if choice["index"] == 0:
                out += (choice.get("delta") or {}).get("content") or choice.get("text") or ""
    return out


def errors(data: bytes) -> list[dict]:
    return [chunk["error"] for chunk in chunks(data) if "error" in chunk]


def is_whole(data: bytes) -> bool:
    """Whether the stream ended as a good one does."""
    found = events(data)
    return bool(found) and found[-1].strip() == "[DONE]" and not errors(data)
