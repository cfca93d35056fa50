"""Secrets that change while the gateway serves: taken over without a reload, or refused aloud."""

import fcntl
import json
import os
import signal

import pytest
from support import configs
from support.processes import eventually
from support.vaults import Vault

pytestmark = pytest.mark.asan


def config(fake, reference) -> dict:
    out = configs.through(fake)
    out["providers"][fake.name]["key"] = reference
    return out


def received(fake) -> str:
    return fake.receipts()[-1]["header"]["authorization"].removeprefix("Bearer ")


def sent_now(instance, fake) -> str:
    """The key that a request carries which begins now."""
    assert instance.chat()[0] == 200
    return received(fake)


def entries_of(instance) -> list[dict]:
    return instance.admin("/api/v1/audit?limit=1000")["data"]


def comes_to(instance, fake, secret) -> None:
    eventually(lambda: sent_now(instance, fake) == secret, f"requests with {secret}")


def test_a_new_version_is_taken_over_without_a_reload(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    instance = holdfast(config(one, "vault:openai/prod"), env=vault.environment, state=vault.state)
    assert sent_now(instance, one) == "sk-vault-first"
    vault.put("openai/prod", "sk-vault-second")
    comes_to(instance, one, "sk-vault-second")
    vault.run("rotate", "--root")
    vault.put("openai/prod", "sk-vault-third")
    comes_to(instance, one, "sk-vault-third")
    assert "taken over with their new values: vault:openai/prod" in instance.log()
    assert "sk-vault" not in instance.log()
    generation = instance.admin("/api/v1/status")["snapshot_generation"]
    assert generation == 3, "a rotation that changes no secret changes nothing here"


def test_a_pinned_version_stays(holdfast, fake, tmp_path):
    one, two, vault = fake("one"), fake("two"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    both = configs.through(one, two)
    both["providers"]["one"]["key"] = "vault:openai/prod@1"
    both["providers"]["two"]["key"] = "vault:openai/prod"
    instance = holdfast(both, env=vault.environment, state=vault.state)
    vault.put("openai/prod", "sk-vault-second")
    eventually(lambda: "taken over" in instance.log(), "the new version")
    assert sent_now(instance, one) == "sk-vault-first"
    one.behave("status_500")
    assert instance.chat()[0] == 200
    assert received(two) == "sk-vault-second"


def mounted(folder, name, secret):
    """As Kubernetes has it: the name leads over ..data into a folder that is exchanged whole."""
    folder.mkdir(exist_ok=True)
    version = folder / f"..{secret.strip() or 'empty'}"
    version.mkdir()
    (version / name).write_text(secret)
    (version / name).chmod(0o600)
    (folder / "..data_tmp").symlink_to(version.name)
    os.replace(folder / "..data_tmp", folder / "..data")
    if not (folder / name).is_symlink():
        (folder / name).symlink_to(f"..data/{name}")
    return folder / name


def test_a_kubernetes_secret_is_taken_over_when_it_is_exchanged(holdfast, fake, tmp_path):
    one = fake("one")
    path = mounted(tmp_path / "secret", "key", "sk-file-first\n")
    instance = holdfast(config(one, f"file:{path}"))
    assert sent_now(instance, one) == "sk-file-first"
    mounted(tmp_path / "secret", "key", "sk-file-second\n")
    comes_to(instance, one, "sk-file-second")
    change = [e for e in entries_of(instance) if e["action"] == "secrets.change"]
    assert change[0]["target"] == f"file:{path}" and change[0]["actor"] == "holdfast"
    assert "sk-file" not in json.dumps(change)


BAD = {
    "empty": ("", "is empty"),
    "two_words": ("sk-file and more", "has a space, a line break"),
    "gone": (None, "cannot be opened: No such file or directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_content_keeps_the_old_and_says_so(holdfast, fake, tmp_path, case):
    content, said = BAD[case]
    one, path = fake("one"), tmp_path / "key"
    path.write_text("sk-file-first\n")
    path.chmod(0o600)
    instance = holdfast(config(one, f"file:{path}"))
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    eventually(lambda: "new secrets refused" in instance.log(), "a refusal in the log")
    line = instance.log().rsplit("new secrets refused: ", 1)[1]
    assert "providers.one.key" in line and said in line
    assert sent_now(instance, one) == "sk-file-first"
    assert any(said in warning for warning in instance.admin("/readyz")["warnings"])
    path.write_text("sk-file-first\n")
    path.chmod(0o600)
    eventually(lambda: instance.admin("/readyz")["warnings"] == [], "the value that was in use")
    path.write_text("sk-file-third\n")
    path.chmod(0o600)
    comes_to(instance, one, "sk-file-third")
    assert instance.admin("/readyz")["warnings"] == []


def test_a_reload_that_waits_for_the_vault_holds_nobody_up(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    instance = holdfast(config(one, "vault:openai/prod"), env=vault.environment, state=vault.state)
    with (vault.state / "vault.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a verb of the vault has it that does not end
        os.kill(instance.process.pid, signal.SIGHUP)
        os.kill(instance.process.pid, signal.SIGHUP)
        for _ in range(20):
            assert instance.admin("/api/v1/status")["snapshot_generation"] == 1
            assert instance.chat()[0] == 200
        eventually(
            lambda: (os.kill(instance.process.pid, signal.SIGHUP),
                     "the one that was asked for follows" in instance.log())[1],
            "word of the reload that waits",
        )  # fmt: skip
    eventually(
        lambda: instance.admin("/api/v1/status")["snapshot_generation"] >= 2,
        "the reload after the lock",
    )
