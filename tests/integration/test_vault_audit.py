"""What `holdfast vault` does is in the audit log, whether or not a gateway runs."""

import json

import pytest
from support import configs
from support.processes import BINARY, clean_environment, eventually, subprocess
from support.vaults import Vault

pytestmark = pytest.mark.asan


def entries_in(vault) -> list[dict]:
    lines = (vault.state / "audit/entries.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def verified(vault) -> None:
    done = subprocess.run(
        [BINARY, "audit", "verify", "--state", vault.state],
        capture_output=True, text=True, env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def acts(vault) -> list[tuple]:
    """Each act of the vault with what it was about and how it ended."""
    entries = entries_in(vault)
    ends = {entry["of"]: entry["outcome"] for entry in entries if entry["phase"] == "outcome"}
    return [
        (entry["action"], entry.get("target", ""), ends.get(entry["index"]))
        for entry in entries
        if entry["action"].startswith("vault.") and entry["phase"] == "intent"
    ]


def test_each_act_has_an_intent_and_an_outcome(tmp_path):
    vault = Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-canary")
    vault.run("rotate")
    vault.run("rotate", "--root")
    vault.run("rekey", "--new-key-file", tmp_path / "second.key")
    vault.opener[1] = str(tmp_path / "second.key")
    vault.environment = {"HOLDFAST_VAULT_KEY_FILE": str(tmp_path / "second.key")}
    vault.run("backup", tmp_path / "a.backup")
    vault.run("list")
    assert vault.ask("put", "no/../path", stdin="sk-vault-canary").returncode == 1
    assert vault.ask("backup", tmp_path / "a.backup").returncode == 1, "it is there already"
    assert acts(vault) == [
        ("vault.init", "", "done"),
        ("vault.put", "openai/prod", "done"),
        ("vault.rotate", "", "done"),
        ("vault.rotate", "root", "done"),
        ("vault.rekey", "", "done"),
        ("vault.backup", "", "done"),
        ("vault.put", "no/../path", "failed"),
        ("vault.backup", "", "failed"),
    ]
    assert all(e["after"]["user"] for e in entries_in(vault) if e["phase"] == "intent")
    assert b"canary" not in (vault.state / "audit/entries.jsonl").read_bytes()
    verified(vault)


def test_nothing_is_done_that_cannot_be_written_down(tmp_path):
    vault = Vault(tmp_path)
    (vault.state / "audit/entries.jsonl").rename(tmp_path / "aside")
    (vault.state / "audit/entries.jsonl").mkdir()
    done = vault.ask("put", "openai/prod", stdin="sk-vault-first")
    assert done.returncode != 0 and "entries.jsonl" in done.stderr, done.stderr
    assert vault.run("list") == "no secrets\n"
    (vault.state / "audit/entries.jsonl").rmdir()
    (tmp_path / "aside").rename(vault.state / "audit/entries.jsonl")
    vault.put("openai/prod", "sk-vault-first")
    verified(vault)


def test_a_running_gateway_writes_down_that_the_vault_has_changed(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    config = configs.through(one)
    config["providers"]["one"]["key"] = "vault:openai/prod"
    instance = holdfast(config, env=vault.environment, state=vault.state)

    def changes():
        entries = instance.admin("/api/v1/audit?limit=1000")["data"]
        return [entry for entry in entries if entry["action"] == "vault.changed"]

    assert changes() == []
    vault.put("anthropic/prod", "sk-vault-other")
    (change,) = eventually(changes, "the change in the audit log")
    assert (change["before"], change["after"]) == ({"changes": 2}, {"changes": 3})
    assert change["actor"] == "operator" and change["from"] == "command line"
    vault.run("rotate", "--root")
    eventually(lambda: len(changes()) == 2, "the second change")
    verified(vault)
