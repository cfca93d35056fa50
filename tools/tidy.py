"""Runs clang-tidy over src/, only on files whose inputs have changed since they were last clean.

usage: tidy.py ROOT BUILD CACHE

The key of a file is the hash of its text, of every header of the tree that its last compilation read
(ninja knows them), of its compiler flags, of .clang-tidy and of the tool's version. Clean keys are
remembered in CACHE, which a second clone shares.

Files are read without the precompiled header: clang-tidy would match all of it, and be four times as
slow.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

CLANG_TIDY = "clang-tidy-19"
PRECOMPILED = r" -Winvalid-pch| -Xclang -include(-pch)? -Xclang \S+"


def headers_by_source(root: pathlib.Path, build: pathlib.Path) -> dict[str, list[str]]:
    """Maps each source to the files of the tree that its object was made from."""
    listing = subprocess.run(
        ["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True
    ).stdout
    result = {}
    for block in listing.split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        paths = [os.path.normpath(os.path.join(build, line)) for line in lines[1:] if line]
        own = [path for path in paths if path.startswith(f"{root}/")]
        if own and own[0].endswith(".cpp"):
            result[own[0]] = own
    return result


def main(root: pathlib.Path, build: pathlib.Path, cache: pathlib.Path) -> int:
    root = root.resolve()
    build = build.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, check=True).stdout
    common = version + (root / ".clang-tidy").read_bytes() + (root / "cmake/pch.h").read_bytes()
    headers = headers_by_source(root, build)
    text_hash: dict[str, bytes] = {}

    def hash_of(path: str) -> bytes:
        if path not in text_hash:
            data = pathlib.Path(path).read_bytes() if os.path.exists(path) else b""
            text_hash[path] = hashlib.sha256(data).digest()
        return text_hash[path]

    waiting = []
    entries = json.loads((build / "compile_commands.json").read_text())
    sources = {}
    for entry in entries:
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if path.startswith(f"{root}/src/") and path.endswith(".cpp"):
            sources[path] = entry["command"].replace(str(root), "")
    for path, command in sorted(sources.items()):
        key = hashlib.sha256(common + command.encode())
        key.update(hash_of(path))
        for header in sorted(headers.get(path, [])):
            key.update(header.removeprefix(str(root)).encode() + hash_of(header))
        stamp = cache / key.hexdigest()
        if not stamp.exists():
            waiting.append((path, stamp))

    for entry in entries:
        entry["command"] = re.sub(PRECOMPILED, "", entry["command"])
    plain = build / "tidy"
    plain.mkdir(exist_ok=True)
    (plain / "compile_commands.json").write_text(json.dumps(entries))
    print(f"tidy: {len(waiting)} of {len(sources)} files to check", flush=True)
    failed = 0
    started = time.monotonic()

    def check(item: tuple[str, pathlib.Path]) -> tuple[str, pathlib.Path, int, str]:
        run = subprocess.run(
            ["nice", "-n", "10", CLANG_TIDY, "--quiet", "-p", str(plain), item[0]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return item[0], item[1], run.returncode, run.stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, result in enumerate(pool.map(check, waiting), 1):
            path, stamp, status, output = result
            name = path.removeprefix(f"{root}/")
            if status == 0:
                stamp.touch()
            else:
                failed += 1
                lines = output.splitlines()
                print("\n".join(line for line in lines if "warnings generated" not in line))
            if status or number % 10 == 0 or number == len(waiting):
                seconds = time.monotonic() - started
                print(f"tidy: {number} of {len(waiting)}, {seconds:.0f} s, {name}", flush=True)
    print(f"tidy: {failed} files with findings", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:4])))
