"""Holds attempts against the segments of an audit log, without anything of Holdfast's.

Written from docs/reference/sealed-records.md: SQLite's rows, json, hashlib and pymerkle's tree.
"""

import contextlib
import json
import pathlib
import sqlite3

from support.audit_judge import tree_of


def rows(records: pathlib.Path, first: int, last: int) -> list[dict]:
    with contextlib.closing(sqlite3.connect(f"file:{records}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute(
            "SELECT * FROM attempts WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
        )
        return [dict(row) for row in found]


def text_of(row: dict) -> bytes:
    """The text that is hashed: what is NULL, and text that is empty, is left out."""
    kept = {name: value for name, value in row.items() if value not in (None, "")}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def segments(entries: list[dict]) -> list[dict]:
    return [entry["after"] for entry in entries if entry["action"] == "usage.sealed"]


def judge(entries: list[dict], records: pathlib.Path) -> list[dict]:
    """The attempts that are sealed; raises when one is not what was sealed."""
    sealed, after = [], 0
    for number, segment in enumerate(segments(entries), 1):
        assert segment["segment"] == number and segment["first_id"] == after + 1
        found = rows(records, segment["first_id"], segment["last_id"])
        assert len(found) == segment["attempts"], "removed"
        assert tree_of([text_of(row) for row in found]).get_root().hex() == segment["root"]
        for name in ("tokens_in", "tokens_out", "cost_nano_usd"):
            assert sum(row[name] or 0 for row in found) == segment[name]
        sealed += found
        after = segment["last_id"]
    return sealed
