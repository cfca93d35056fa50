"""Reads a vault without Holdfast: the format as it is described, by another implementation.

`cryptography` brings the primitives; it reproduces the vectors of RFC 9106, 5649, 5869 and 4231.
"""

import hashlib
import hmac
import pathlib
import sqlite3
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

KEY_FILE, PASSPHRASE = 1, 2
BACKUP = b"holdfast-vault-backup-1\n"


class Secret(NamedTuple):
    path: str
    version: int
    owner: str
    provider: str
    rotate_by: str
    value: bytes


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def number(value: int) -> bytes:
    return struct.pack(">Q", value)


class Fields:
    def __init__(self, data: bytes):
        self.data = data

    def number(self) -> int:
        (value,), self.data = struct.unpack(">Q", self.data[:8]), self.data[8:]
        return value

    def text(self) -> bytes:
        (size,) = struct.unpack(">I", self.data[:4])
        value, self.data = self.data[4 : 4 + size], self.data[4 + size :]
        assert len(value) == size
        return value


def key_of_file(path) -> bytes:
    word, digits = pathlib.Path(path).read_text().split()
    assert word == "holdfast-vault-key-1"
    return bytes.fromhex(digits)


def operator_key(protection: bytes, key_file=None, passphrase: bytes | None = None):
    """The key that wraps the root, and the wrapped root."""
    fields = Fields(protection)
    kind, salt = fields.number(), fields.text()
    passes, memory, wrapped = fields.number(), fields.number(), fields.text()
    if kind == KEY_FILE:
        return key_of_file(key_file), wrapped
    assert kind == PASSPHRASE
    derive = Argon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory // 1024)
    return derive.derive(passphrase), wrapped


def domain_key(root: bytes, install_id: bytes, domain: str) -> bytes:
    return HKDF(SHA256(), 32, install_id, b"holdfast/v1/" + domain.encode()).derive(root)


def xaes_open(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    first = int.from_bytes(block.update(bytes(16)))
    doubled = (first << 1) & ((1 << 128) - 1)
    subkey = doubled ^ 0x87 if first >> 127 else doubled
    derived = b"".join(
        block.update((int.from_bytes(bytes([0, i, 0x58, 0]) + nonce[:12]) ^ subkey).to_bytes(16))
        for i in (1, 2)
    )
    return AESGCM(derived).decrypt(nonce[12:], sealed, bound)


def open_record(keys: dict, record: bytes, path: bytes, version: int, schema: bytes) -> bytes:
    assert record[0] == 1
    (key_id,) = struct.unpack(">I", record[1:5])
    bound = text(b"default") + text(path) + text(number(version)) + text(schema)
    return xaes_open(keys[key_id], record[5:29], record[29:], bound)


def read(state, key_file=None, passphrase: bytes | None = None) -> list[Secret]:
    """Every secret of STATE/vault.db by path and version; the seals are checked."""
    with sqlite3.connect(pathlib.Path(state) / "vault.db") as database:
        (install_id, protection, _, generation, previous, seal) = database.execute(
            "SELECT install_id, protection, checksum, generation, previous_seal, seal FROM vault"
        ).fetchone()
        sealed_keys = database.execute("SELECT id, sealed FROM data_keys ORDER BY id").fetchall()
        rows = database.execute(
            "SELECT tag, version, metadata, secret FROM secrets ORDER BY tag, version"
        ).fetchall()
    database.close()
    contents = number(1) + text(install_id) + text(protection) + number(generation)
    contents += text(previous) + number(len(sealed_keys))
    contents += b"".join(number(i) + text(sealed) for i, sealed in sealed_keys)
    contents += number(len(rows))
    contents += b"".join(
        text(tag) + number(version) + text(metadata) + text(secret)
        for tag, version, metadata, secret in rows
    )
    wrapping, wrapped = operator_key(protection, key_file, passphrase)
    root = aes_key_unwrap_with_padding(wrapping, wrapped)
    head = domain_key(root, install_id, "vault-head")
    assert hmac.digest(head, contents, hashlib.sha256) == seal
    return secrets_of(root, install_id, sealed_keys, rows)


def keys_of(state, key_file) -> dict[str, bytes]:
    """Every key of the vault in the clear, to look for where it must not be."""
    with sqlite3.connect(pathlib.Path(state) / "vault.db") as database:
        install_id, protection = database.execute(
            "SELECT install_id, protection FROM vault"
        ).fetchone()
        sealed_keys = database.execute("SELECT id, sealed FROM data_keys").fetchall()
    database.close()
    wrapping, wrapped = operator_key(protection, key_file)
    root = aes_key_unwrap_with_padding(wrapping, wrapped)
    names = ("vault", "vault-name", "vault-head", "backup")
    found = {name: domain_key(root, install_id, name) for name in names}
    for i, sealed in sealed_keys:
        found[f"data key {i}"] = open_record({0: found["vault"]}, sealed, b"", i, b"data-key")
    return found | {"operator": wrapping, "root": root}


def secrets_of(root, install_id, sealed_keys, rows) -> list[Secret]:
    domain = {0: domain_key(root, install_id, "vault")}
    keys = {i: open_record(domain, sealed, b"", i, b"data-key") for i, sealed in sealed_keys}
    names = domain_key(root, install_id, "vault-name")
    found = []
    for tag, version, metadata, secret in rows:
        fields = Fields(open_record(keys, metadata, tag, version, b"metadata"))
        path, _ = fields.text(), fields.number()
        rest = [fields.text().decode() for _ in range(3)]
        assert hmac.digest(names, text(b"default") + text(path), hashlib.sha256) == tag
        value = open_record(keys, secret, path, version, b"secret")
        found.append(Secret(path.decode(), version, *rest, value))
    return sorted(found)


def read_backup(backup: bytes, key_file=None, passphrase: bytes | None = None) -> list[Secret]:
    assert backup.startswith(BACKUP)
    fields = Fields(backup[len(BACKUP) :])
    install_id, protection = fields.text(), fields.text()
    context = backup[: len(backup) - len(fields.data)]
    wrapping, wrapped = operator_key(protection, key_file, passphrase)
    root = aes_key_unwrap_with_padding(wrapping, wrapped)
    key = domain_key(root, install_id, "backup")
    salt, commitment, chunks = fields.data[:24], fields.data[24:56], fields.data[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(SHA512(), 76, info).derive(key)
    assert derived[44:] == commitment
    plain, count, base = b"", 0, int.from_bytes(derived[32:44])
    while True:
        piece, chunks = chunks[: 16384 + 16], chunks[16384 + 16 :]
        piece = AESGCM(derived[:32]).decrypt((base ^ count).to_bytes(12), piece, None)
        plain, count = plain + piece, count + 1
        if len(piece) < 16384:
            break
    assert not chunks
    fields = Fields(plain)
    assert fields.number() == 1
    assert (fields.text(), fields.text()) == (install_id, protection)
    fields.number(), fields.text()
    sealed_keys = [(fields.number(), fields.text()) for _ in range(fields.number())]
    rows = [
        (fields.text(), fields.number(), fields.text(), fields.text())
        for _ in range(fields.number())
    ]
    return secrets_of(root, install_id, sealed_keys, rows)
