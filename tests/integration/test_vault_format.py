"""What `holdfast vault` writes, another implementation reads: the format is what is described."""

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from support import vault_reader
from support.vaults import Vault

pytestmark = pytest.mark.asan

WORDS = "correct horse battery staple"


def test_the_other_implementation_is_argon2id_of_rfc_9106():
    derive = Argon2id(
        salt=b"\2" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\4" * 12,
        secret=b"\3" * 8,
    )  # fmt: skip
    assert derive.derive(b"\1" * 32) == bytes.fromhex(
        "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    )


@pytest.mark.parametrize("passphrase", [None, WORDS], ids=["key_file", "passphrase"])
def test_another_implementation_reads_it(tmp_path, passphrase):
    vault = Vault(tmp_path, passphrase)
    opener = {"passphrase": passphrase.encode()} if passphrase else {"key_file": vault.key_file}
    vault.put("openai/prod", "sk-first", "--owner", "ops", "--provider", "openai")
    vault.put("openai/prod", "sk-second", "--rotate-by", "2027-03-01")
    vault.put("azure/eu", "az-" + "k" * 8000)
    wanted = [
        vault_reader.Secret("azure/eu", 1, "", "", "", b"az-" + b"k" * 8000),
        vault_reader.Secret("openai/prod", 1, "ops", "openai", "", b"sk-first"),
        vault_reader.Secret("openai/prod", 2, "ops", "openai", "2027-03-01", b"sk-second"),
    ]
    assert vault_reader.read(vault.state, **opener) == wanted
    vault.run("rotate")
    vault.run("rotate", "--root")
    assert vault_reader.read(vault.state, **opener) == wanted
    vault.put("azure/us", "az-" + "u" * 8000)  # so that a backup has more than one chunk
    backup = tmp_path / "vault.backup"
    vault.run("backup", backup)
    assert vault_reader.read_backup(backup.read_bytes(), **opener) == [
        wanted[0],
        vault_reader.Secret("azure/us", 1, "", "", "", b"az-" + b"u" * 8000),
        *wanted[1:],
    ]
