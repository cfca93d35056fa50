"""Provider keys out of the vault: what the provider receives, and what an operator sees."""

import contextlib
import ctypes
import functools
import json
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest
from support import configs, processes, vault_reader
from support.processes import BINARY, SANITIZED, clean_environment, eventually
from support.vaults import Vault

pytestmark = pytest.mark.asan
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


def config(fake, reference="vault:openai/prod") -> dict:
    out = configs.through(fake)
    out["providers"][fake.name]["key"] = reference
    return out


def received(fake) -> str:
    return fake.receipts()[-1]["header"]["authorization"].removeprefix("Bearer ")


def generation(instance) -> int:
    return instance.admin("/api/v1/status")["snapshot_generation"]


def reloaded(instance, config) -> None:
    before = generation(instance)
    instance.reload(config)
    eventually(lambda: generation(instance) > before, "the new configuration")


def refused(instance, config) -> str:
    """Reloads, which must fail; what the log says of it."""
    already = instance.log().count("reload refused")
    instance.reload(config)
    eventually(lambda: instance.log().count("reload refused") > already, "a refusal in the log")
    return instance.log().rsplit("reload refused", 1)[1]


def test_the_configuration_says_which_version_the_provider_gets(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    assert "openai/prod@1" in vault.put("openai/prod", "sk-vault-first")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"
    vault.put("openai/prod", "sk-vault-second")  # beside the running gateway
    reloaded(instance, config(one))
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-second"
    reloaded(instance, config(one, "vault:openai/prod@1"))
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"
    vault.run("rotate", "--root")
    reloaded(instance, config(one))
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-second"


def test_two_versions_overlap(holdfast, fake, tmp_path):
    """A credential is rotated without a gap: the old one is asked while the new is not yet known."""
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-old")
    vault.put("openai/prod", "sk-vault-new")
    one.behave("by_key", keys={"sk-vault-new": "status_401"})
    both = config(one)
    del both["providers"]["one"]["key"]
    both["providers"]["one"]["keys"] = ["vault:openai/prod", "vault:openai/prod@1"]
    instance = holdfast(both, env=vault.environment, state=vault.state)
    for _ in range(3):
        assert instance.chat()[0] == 200
    assert received(one) == "sk-vault-old"


def test_it_serves_on_while_the_vault_is_away(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    aside = tmp_path / "aside"
    aside.mkdir()
    for name in ("vault.db", "vault.head"):
        shutil.move(vault.state / name, aside / name)
    eventually(lambda: "new secrets refused" in instance.log(), "that the vault is away")
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"
    said = refused(instance, config(one))
    assert re.search(r"holdfast\.yaml:\d+:\d+: providers\.one\.key: there is no vault in ", said)
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"
    # It was noticed that the vault went, and nothing came of the reload either.
    assert instance.metrics()["holdfast_config_reload_failures_total"] == 2
    for name in ("vault.db", "vault.head"):
        shutil.move(aside / name, vault.state / name)
    reloaded(instance, config(one))
    assert instance.chat()[0] == 200


def started(vault, config, folder, env) -> tuple[int, str]:
    """How `serve` ends that must not start."""
    file = folder / "holdfast.yaml"
    file.write_text(json.dumps(config, indent=2))
    done = subprocess.run(
        [str(BINARY), "serve", "--config", file, "--state", vault.state],
        capture_output=True, text=True, env=clean_environment(env), timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr


def other_key(vault):
    path = vault.folder / "other.key"
    path.write_text("holdfast-vault-key-1 " + "ab" * 32 + "\n")
    path.chmod(0o600)
    return {"HOLDFAST_VAULT_KEY_FILE": str(path)}


def without_vault(vault):
    (vault.state / "vault.db").unlink()
    return vault.environment


def damaged(vault):
    data = bytearray((vault.state / "vault.db").read_bytes())
    data[: len(data) // 2] = bytes(len(data) // 2)
    (vault.state / "vault.db").write_bytes(data)
    return vault.environment


def rolled_back(vault):
    older = (vault.state / "vault.db").read_bytes()
    vault.put("openai/prod", "sk-vault-second")
    (vault.state / "vault.db").write_bytes(older)
    return vault.environment


START = {
    "sealed": (lambda _: {}, "the vault is sealed: set HOLDFAST_VAULT_KEY_FILE"),
    "wrong_key": (other_key, "other.key does not open this vault"),
    "no_key_file": (
        lambda _: {"HOLDFAST_VAULT_KEY_FILE": "/none"},
        "the key file /none cannot be opened: No such file or directory",
    ),
    "no_vault": (without_vault, 'there is no vault in .*: make one with "holdfast vault init"'),
    "damaged": (damaged, "is damaged .*: restore it from a backup"),
    "rolled_back": (rolled_back, "rollback_detected: .*vault.db is of change 2"),
}


@pytest.mark.attack(97, 103)
@pytest.mark.parametrize("case", START)
def test_a_start_that_cannot_read_its_secrets_says_why_and_where(fake, tmp_path, case):
    make, wanted = START[case]
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    code, said = started(vault, config(one), tmp_path, make(vault))
    assert code == 1
    assert re.search(rf"holdfast\.yaml:\d+:\d+: providers\.one\.key: .*{wanted}", said), said
    assert "sk-vault" not in said


def test_every_missing_secret_is_named_with_its_line(fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    wrong = config(one, "vault:openai/prdo")
    wrong["keys"] = {"app": {"key": "vault:apps/first"}, "two": {"key": "vault:openai/prod@9"}}
    code, said = started(vault, wrong, tmp_path, vault.environment)
    assert code == 1
    assert re.search(
        r":\d+:\d+: providers\.one\.key: the vault has no openai/prdo: put it there", said
    )
    assert re.search(r":\d+:\d+: keys\.app\.key: the vault has no apps/first", said)
    assert re.search(r":\d+:\d+: keys\.two\.key: the vault has no version 9 of openai/prod", said)


@pytest.mark.parametrize("how", ["file", "variable", "credential"])
def test_a_passphrase_opens_it(holdfast, fake, tmp_path, how):
    one, vault = fake("one"), Vault(tmp_path, "correct horse battery")
    vault.put("openai/prod", "sk-vault-first")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.copy(vault.opener[1], credentials / "holdfast-vault-passphrase")
    env = {
        "file": vault.environment,
        "variable": {"HOLDFAST_VAULT_PASSPHRASE": "correct horse battery"},
        "credential": {"CREDENTIALS_DIRECTORY": str(credentials)},
    }[how]
    instance = holdfast(config(one), env=env, state=vault.state)
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"


@pytest.mark.attack(104)
def test_a_wrong_passphrase_is_told_from_damage(tmp_path):
    vault = Vault(tmp_path, "correct horse battery")
    done = vault.ask("list", env={"HOLDFAST_VAULT_PASSPHRASE": "correct horse batterz"})
    assert done.returncode == 1 and not done.stdout
    assert "HOLDFAST_VAULT_PASSPHRASE does not open this vault" in done.stderr
    assert "batter" not in done.stderr


@pytest.mark.invariant("LiteLLM traces")
def test_a_secret_is_shown_nowhere(holdfast, fake, tmp_path):
    canary = "sk-canary-0123456789"
    one, vault = fake("one"), Vault(tmp_path)
    said = vault.put("openai/prod", canary, "--owner", "ops")
    for turn in range(3):
        said += vault.put("openai/prod", f"{canary}-{turn}")
        said += vault.run("rotate", *(["--root"] if turn else []))
    said += vault.run("list") + vault.run("list", "--json")
    said += vault.run("get-metadata", "openai/prod") + vault.run("backup", tmp_path / "a.backup")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    assert instance.chat()[0] == 200 and received(one) == f"{canary}-2"
    one.behave("status_500")
    instance.chat()
    pages = ("/api/v1/providers", "/api/v1/status", "/metrics", "/api/v1/requests", "/")
    said += "".join(instance.ask("GET", path, admin=True)[2].decode() for path in pages)
    said += instance.log() + instance.output()
    assert "canary" not in said
    found = vault.bytes_on_disk()
    assert b"canary" not in found
    assert b"openai/prod" not in (vault.state / "vault.db").read_bytes(), "nor is its path"
    for path in vault.state.glob("vault.*"):
        assert path.stat().st_mode & 0o777 == 0o600, path


def memory_of(process: int) -> bytes:
    """All that a process can write to."""
    found = []
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{process}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if not rights.startswith("rw") or line.endswith("[vvar]"):
                continue
            begin, end = (int(number, 16) for number in place.split("-"))
            memory.seek(begin)
            with contextlib.suppress(OSError):
                found.append(memory.read(end - begin))
    return b"".join(found)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow memory is terabytes")
def test_a_running_gateway_holds_no_key_of_the_vault(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-nobody-names-this-version")
    vault.put("openai/prod", "sk-vault-this-is-in-use")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    reloaded(instance, config(one))
    assert instance.chat()[0] == 200
    memory = memory_of(instance.process.pid)
    assert b"sk-vault-this-is-in-use" in memory, "this is where it would be"
    assert b"sk-vault-nobody-names-this-version" not in memory
    assert vault.key_file.read_bytes().split()[1] not in memory
    for name, key in vault_reader.keys_of(vault.state, vault.key_file).items():
        assert key not in memory, name


PATHS = {
    "dots": "openai/../prod",
    "hidden": ".openai/prod",
    "escapes": "openai/%2e%2e/prod",
    "absolute": "/openai/prod",
    "long": "p" * 4096,
    "look_alike": "\u043epenai/prod",
    "line_break": "openai/prod\n",
    "empty_part": "openai//prod",
}


@pytest.mark.attack(105)
@pytest.mark.parametrize("case", PATHS)
def test_paths_that_lead_elsewhere_are_refused(fake, tmp_path, case):
    """By the command line and in the configuration, by one rule: none of them is made to fit."""
    vault, one = Vault(tmp_path), fake("one")
    vault.put("openai/prod", "sk-vault-first")
    done = vault.ask("put", PATHS[case], stdin="sk-vault-second")
    assert done.returncode == 1 and "a path is letters" in done.stderr, done.stderr
    assert [line.split("@")[0] for line in vault.run("list").splitlines()] == ["openai/prod"]
    code, said = started(vault, config(one, "vault:" + PATHS[case]), tmp_path, vault.environment)
    assert code == 1 and "vault: must be followed by a path" in said, said


@pytest.mark.skipif(SANITIZED, reason="a sanitizer locks nothing")
def test_keys_that_cannot_be_locked_in_memory_are_told(holdfast, fake, tmp_path, monkeypatch):
    """Without CAP_IPC_LOCK and with no memory to lock, as in a container that was given none."""

    def without_locked_memory():
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    limited = functools.partial(subprocess.Popen, preexec_fn=without_locked_memory)
    monkeypatch.setattr(processes.subprocess, "Popen", limited)
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    monkeypatch.undo()
    said = "keys of the vault could not be locked in memory"
    assert said in instance.log()
    assert any(said in warning for warning in instance.admin("/readyz")["warnings"])
    assert instance.chat()[0] == 200


def test_put_takes_no_secret_from_the_command_line_or_a_terminal(tmp_path):
    vault = Vault(tmp_path)
    done = vault.ask("put", "openai/prod", "sk-on-the-command-line")
    assert done.returncode == 1 and "openai" not in vault.run("list")
    leader, terminal = pty.openpty()
    done = subprocess.run(
        vault.command("put", "openai/prod"), stdin=terminal, capture_output=True, text=True,
        env=clean_environment(vault.environment), timeout=60,
    )  # fmt: skip
    os.close(leader), os.close(terminal)
    assert done.returncode == 1 and "a terminal would show it" in done.stderr
    for bad, why in (
        ("", "is empty"),
        ("two words", "has a space"),
        ("k" * 9000, "is longer than"),
    ):
        done = vault.ask("put", "openai/prod", stdin=bad)
        assert done.returncode == 1 and why in done.stderr and "words" not in done.stderr
    file = tmp_path / "secret"
    file.write_text("sk-from-a-file\n")
    vault.run("put", "openai/prod", "--file", file)
    assert vault_reader.read(vault.state, vault.key_file)[0].value == b"sk-from-a-file"


def test_metadata_is_shown(tmp_path):
    vault = Vault(tmp_path)
    assert vault.run("list") == "no secrets\n"
    vault.put("openai/prod", "sk-1", "--owner", "ops", "--rotate-by", "2020-01-01")
    vault.put("openai/prod", "sk-2", "--provider", "openai", "--rotate-by", "2999-01-01")
    (newest,) = json.loads(vault.run("list", "--json"))["secrets"]
    assert newest.pop("created_us") > 1_600_000_000_000_000
    assert newest == {
        "path": "openai/prod", "version": 2, "owner": "ops", "provider": "openai",
        "rotate_by": "2999-01-01", "overdue": False,
    }  # fmt: skip
    versions = json.loads(vault.run("get-metadata", "openai/prod", "--json"))["secrets"]
    assert [(one["version"], one["overdue"]) for one in versions] == [(2, False), (1, True)]
    assert "openai/prod@1  created 20" in vault.run("get-metadata", "openai/prod")
    assert "rotate by 2020-01-01 (overdue)" in vault.run("get-metadata", "openai/prod")
    assert vault.ask("get-metadata", "openai/test").returncode == 1


def test_an_overdue_secret_is_a_warning(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first", "--rotate-by", "2020-01-01")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    said = "providers.one.key: vault:openai/prod was to be rotated by 2020-01-01"
    eventually(lambda: said in instance.log(), "the warning")
    assert instance.chat()[0] == 200


def test_a_backup_restores_on_an_empty_machine(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first", "--owner", "ops")
    vault.put("openai/prod", "sk-vault-second")
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    backup = tmp_path / "vault.backup"
    vault.run("backup", backup)  # while it runs
    assert backup.stat().st_mode & 0o777 == 0o600
    assert "is there already" in vault.ask("backup", backup).stderr
    instance.stop()
    shutil.rmtree(vault.state)
    vault.run("restore", backup)
    assert "there is a vault already" in vault.ask("restore", backup).stderr
    secrets = vault_reader.read(vault.state, vault.key_file)
    assert [(one.version, one.owner, one.value) for one in secrets] == [
        (1, "ops", b"sk-vault-first"),
        (2, "ops", b"sk-vault-second"),
    ]
    instance = holdfast(config(one), env=vault.environment, state=vault.state)
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-second"


def test_rekey_takes_the_old_key_away(holdfast, fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    vault.run("rekey", "--new-key-file", tmp_path / "next.key")
    assert "does not open this vault" in vault.ask("list").stderr
    env = {"HOLDFAST_VAULT_KEY_FILE": str(tmp_path / "next.key")}
    assert "openai/prod@1" in vault.ask("list", env=env).stdout
    instance = holdfast(config(one), env=env, state=vault.state)
    assert instance.chat()[0] == 200 and received(one) == "sk-vault-first"


@pytest.mark.attack(103)
def test_an_older_database_is_accepted_by_hand_only(tmp_path):
    vault = Vault(tmp_path)
    vault.put("openai/prod", "sk-vault-first")
    rolled_back(vault)
    assert "rollback_detected" in vault.ask("list").stderr
    assert vault.ask("accept-rollback", env=other_key(vault)).returncode == 1
    vault.run("accept-rollback")
    assert "openai/prod@1" in vault.run("list")


def test_check_looks_into_the_vault_when_asked(fake, tmp_path):
    one, vault = fake("one"), Vault(tmp_path)
    file = tmp_path / "holdfast.yaml"
    file.write_text(json.dumps(config(one)))

    def check(*arguments):
        return subprocess.run(
            [str(BINARY), "config", "check", file, *arguments], capture_output=True, text=True,
            env=clean_environment(vault.environment), timeout=60,
        )  # fmt: skip

    done = check()
    assert done.returncode == 0 and "vault:openai/prod was not looked up" in done.stdout
    done = check("--state", vault.state)
    assert done.returncode == 1 and "the vault has no openai/prod" in done.stdout
    vault.put("openai/prod", "sk-vault-first")
    done = check("--state", vault.state)
    assert done.returncode == 0 and "no problems" in done.stdout


@pytest.mark.attack(101)
@pytest.mark.timeout(600)
def test_kill_9_at_any_moment_loses_nothing(tmp_path):
    """The real binary, ended while it puts, rotates and rekeys; what it said to have done, it has."""
    vault = Vault(tmp_path)
    moments = random.Random(20261127)
    keys = [vault.key_file, tmp_path / "second.key"]
    before = time.monotonic()
    vault.put("openai/first", "sk-0")
    usual = time.monotonic() - before
    acknowledged, tried, killed = 0, 0, 0
    for turn in range(16 if SANITIZED else 40):
        verb = ("put", "rotate", "put", "rekey")[turn % 4]
        arguments = {
            "put": ["openai/prod", "--file", tmp_path / "secret"],
            "rotate": ["--root"] if turn % 8 == 1 else [],
            "rekey": ["--new-key-file", keys[1]],
        }[verb]
        if verb == "put":
            tried += 1
            (tmp_path / "secret").write_text(f"sk-{tried}")
        process = subprocess.Popen(
            vault.command(verb, "--key-file", keys[0], *arguments),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), text=True,
        )  # fmt: skip
        if turn % 10 != 6:  # a put now and then is left to end
            time.sleep(moments.uniform(0.0, usual) if turn else 0)  # the moment of the crash
            process.kill()
        out, said = process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), said
        opens = [key for key in keys if pathlib.Path(key).exists() and opened_by(vault, key)]
        assert len(opens) == 1, f"turn {turn}, {verb}: {opens}"
        if opens[0] != keys[0]:
            keys.reverse()
        elif verb == "rekey":
            assert not out, "it did not say that the new key opens it"
        values = [one.value for one in vault_reader.read(vault.state, keys[0])]
        if "stored" in out:
            acknowledged = tried
        if acknowledged:
            assert b"sk-%d" % acknowledged in values, (turn, values)
    assert killed > 0 and acknowledged > 0


def opened_by(vault, key) -> bool:
    done = vault.ask("list", "--key-file", key)
    assert done.returncode == 0 or "does not open this vault" in done.stderr, done.stderr
    return done.returncode == 0
