"""Judges an exported audit log with other people's code: pymerkle's tree, cryptography's Ed25519.

Nothing here is Holdfast's: what it accepts, anybody else who reads the standards accepts too.
"""

import base64
import hashlib
import pathlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree, verify_consistency


@dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes


def open_note(note: str, key: str) -> Checkpoint:
    """The checkpoint in a signed note (c2sp.org/signed-note); raises when it is not signed by `key`."""
    name, key_id, encoded = key.split("+", 2)
    material = base64.b64decode(encoded)
    assert material[0] == 1, "Ed25519"
    assert hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex() == key_id
    text, signatures = note.rsplit("\n\n", 1)
    signer, blob = signatures.removeprefix("\u2014 ").rstrip("\n").split(" ")
    signature = base64.b64decode(blob)
    assert signer == name and signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(material[1:]).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    return Checkpoint(origin, int(size), base64.b64decode(root))


def tree_of(lines: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for line in lines:
        tree.append_entry(line)
    return tree


def notes_in(text: str) -> list[str]:
    """The notes of a file of checkpoints: an empty line behind each."""
    found = [note for note in text.split("\n\n") if note]
    return [
        f"{text}\n\n{signed.rstrip(chr(10))}\n"
        for text, signed in zip(found[::2], found[1::2], strict=True)
    ]


def verify(folder: pathlib.Path, key: str) -> list[bytes]:
    """The entries of an exported log that `key` has signed for; raises when they are not those."""
    lines = (folder / "entries.jsonl").read_bytes().splitlines()
    tree = tree_of(lines)
    checkpoints = [open_note(note, key) for note in notes_in((folder / "checkpoints").read_text())]
    assert checkpoints, "nothing is signed for"
    for checkpoint in checkpoints:
        assert checkpoint.size <= len(lines), "truncated"
        assert tree.get_root(checkpoint.size) == checkpoint.root, checkpoint
    return lines[: checkpoints[-1].size]


def nodes_of_inclusion(tree: InmemoryTree, index: int, size: int) -> set[bytes]:
    """The nodes of the proof, without the leaf."""
    path = tree.prove_inclusion(index + 1, size).serialize()["path"]
    leaf = tree.get_leaf(index + 1)
    return {node for node in map(bytes.fromhex, path)} - {leaf}


def goes_on(before: Checkpoint, after: Checkpoint, path: list[bytes], tree: InmemoryTree) -> bool:
    """Whether `path` shows it, by RFC 9162, section 2.1.4.2, and pymerkle's own proof does too.

    pymerkle's proofs have other nodes than the RFC's; the roots that they are about are the same.
    """
    verify_consistency(before.root, after.root, tree.prove_consistency(before.size, after.size))
    nodes = list(path) if before.size & (before.size - 1) else [before.root, *path]
    node, last = before.size - 1, after.size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = nodes[0]
    for beside in nodes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = _join(beside, first), _join(beside, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = _join(second, beside)
        node, last = node >> 1, last >> 1
    return last == 0 and first == before.root and second == after.root


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
