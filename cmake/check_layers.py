#!/usr/bin/env python3
"""Holds every #include below src/ against src/layers.txt: a room includes only itself and rooms above it.

A line of layers.txt is a room; a room with `*` has sub-rooms (`provider/openai`) that never include each
other, except those named on the line after `open:`.
"""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent / "src"
order, open_subrooms = {}, {}
for number, line in enumerate((root / "layers.txt").read_text().splitlines()):
    words = line.split("#")[0].split()
    if not words:
        continue
    order[words[0]] = number
    open_subrooms[words[0]] = set(words[words.index("open:") + 1 :]) if "open:" in words else set()

problems = []
for path in sorted([*root.rglob("*.h"), *root.rglob("*.cpp")]):
    parts = path.relative_to(root).parts
    if len(parts) == 1:
        continue  # main.cpp sees everything
    room = parts[0]
    if room not in order:
        problems.append(f"{path.relative_to(root.parent)}: room '{room}' is not in src/layers.txt")
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        where = f"{path.relative_to(root.parent)}:{number}"
        target = match.group(1).split("/")
        if len(target) == 1 or target[0] not in order:
            problems.append(
                f'{where}: include "{match.group(1)}" must name a room, as in "base/error.h"'
            )
            continue
        if order[target[0]] > order[room]:
            problems.append(
                f"{where}: room '{room}' must not include '{target[0]}', which is below it"
            )
        if target[0] == room and len(target) > 2 and target[1] not in open_subrooms[room]:
            if len(parts) > 2 and parts[1] != target[1]:
                problems.append(
                    f"{where}: siblings '{room}/{parts[1]}' and '{room}/{target[1]}' "
                    "must not include each other"
                )
for problem in problems:
    print(problem)
print(f"layers: {len(problems)} problem{'s' if len(problems) != 1 else ''} in {len(order)} rooms")
sys.exit(1 if problems else 0)
