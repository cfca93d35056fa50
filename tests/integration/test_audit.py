"""The audit log: what is written down before it is done, and what becomes of whoever changes it."""

import base64
import json
import pathlib
import random
import resource
import shutil
import socket
import stat
import subprocess

import pytest
from support import audit_judge, configs
from support.processes import BINARY, Holdfast, clean_environment, eventually

pytestmark = pytest.mark.asan

APP = "sk-app-0123456789"


def act(instance, action: str, target="one/m1", **fields):
    return instance.ask(
        "POST", "/api/v1/targets", {"action": action, "target": target} | fields, admin=True
    )


def entries_of(instance, query="limit=1000") -> list[dict]:
    return instance.admin(f"/api/v1/audit?{query}")["data"]


def entries_in(state: pathlib.Path) -> list[dict]:
    """As they are on the disk: a torn line fails."""
    text = (state / "audit/entries.jsonl").read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def audit(*arguments, exit_code=0) -> str:
    done = subprocess.run(
        [BINARY, "audit", *map(str, arguments)],
        capture_output=True, text=True, env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout if exit_code in (0, 2) else done.stderr


def findings(*arguments) -> list[str]:
    """The names of what is wrong, each once."""
    found = json.loads(audit("verify", "--json", *arguments, exit_code=2))
    return list(dict.fromkeys(one["finding"] for one in found["problems"]))


def reloaded(instance, config, said="configuration.reload") -> None:
    def count():
        return sum(one["action"] == said for one in entries_of(instance))

    before = count()
    instance.reload(config)
    eventually(lambda: count() > before, f"{said} in the audit log")


def test_what_an_operator_does_is_written_down(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    instance = holdfast(config)
    status, headers, _ = act(instance, "drain", for_s=60, reason="maintenance by Ann")
    assert status == 200
    intent, outcome = entries_of(instance)[-2:]
    assert intent["phase"] == "intent" and intent["action"] == "target.drain"
    assert intent["target"] == "one/m1" and intent["reason"] == "maintenance by Ann"
    assert intent["actor"] == "machine" and intent["from"] == "administration"
    assert intent["request_id"] == headers["x-request-id"]
    assert "before" not in intent and intent["after"]["out"] and intent["after"]["until_us"] > 0
    assert outcome["phase"] == "outcome" and outcome["outcome"] == "done"
    assert outcome["of"] == intent["index"]
    assert act(instance, "freeze")[0] == 200
    assert act(instance, "restore")[0] == 200
    restored = entries_of(instance)[-2]
    assert restored["before"]["out"] and restored["before"]["frozen"]
    assert not restored["after"]["out"]
    assert act(instance, "drain", "nobody")[0] == 404
    assert entries_of(instance)[-1]["action"] == "target.restore", "nothing was done"

    reloaded(instance, configs.through(two, one))
    change = next(e for e in entries_of(instance) if e["action"] == "configuration.reload")
    started = next(e for e in entries_of(instance) if e["action"] == "gateway.started")
    assert change["from"] == "SIGHUP" and change["phase"] == "intent"
    before, after = (change[when]["configuration_sha256"] for when in ("before", "after"))
    assert before == started["after"]["configuration_sha256"] != after
    reloaded(instance, config | {"nonsense": 1}, "configuration.refused")
    refused = entries_of(instance)[-1]
    assert refused["after"]["first_problem_at"].endswith(": nonsense")
    reloaded(instance, config)

    instance.stop()
    actions = [entry["action"] for entry in entries_in(instance.state)]
    assert actions[:2] == ["log.began", "gateway.started"]
    assert actions[-2:] == ["gateway.stopping", "gateway.stopped"]
    assert "sk-upstream-secret" not in (instance.state / "audit/entries.jsonl").read_text()
    assert stat.S_IMODE((instance.state / "audit/key").stat().st_mode) == 0o600
    name = audit("key", "--state", instance.state).split("+")[0]
    assert audit("verify", "--state", instance.state).endswith(f"checkpoints of {name}\n")


def test_pages_of_the_log(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    for _ in range(3):
        assert act(instance, "freeze")[0] == 200
    everything = instance.admin("/api/v1/audit")
    assert everything["entries"] == len(everything["data"]) == 10
    assert [e["index"] for e in entries_of(instance, "from=2&limit=3")] == [2, 3, 4]
    assert [e["index"] for e in entries_of(instance, "limit=2")] == [8, 9]
    assert entries_of(instance, "from=10") == []
    for query in ("limit=0", "limit=1001", "limit=x", "from=-1", "since=1"):
        assert instance.ask("GET", f"/api/v1/audit?{query}", admin=True)[0] == 400
    assert "target.freeze" in audit("tail", "--state", instance.state, "--lines", 2)
    lines = audit("tail", "--state", instance.state, "--json").splitlines()
    assert [json.loads(line) for line in lines] == everything["data"]


def test_a_page_of_large_entries_says_where_to_go_on(holdfast, fake):
    config = configs.through(fake("one"))
    instance = holdfast(config)
    instance.stop()
    # As a room with long values would have written them: signed for when the gateway is back.
    folder = instance.state / "audit"
    index = len(entries_in(instance.state))
    values = {f"v{i:02}": "x" * 1000 for i in range(60)}
    with (folder / "entries.jsonl").open("a") as file:
        for number in range(40):
            entry = {"action": "x.y", "after": values, "index": index + number, "phase": "fact"}
            entry["time_us"] = 1
            file.write(json.dumps(entry, sort_keys=True, separators=(",", ":")) + "\n")
    again = holdfast(config, state=instance.state)
    seen, at = [], 0
    while at is not None:
        status, _, body = again.ask("GET", f"/api/v1/audit?from={at}&limit=1000", admin=True)
        assert status == 200 and len(body) < (1 << 20) + (1 << 14)
        page = json.loads(body)
        seen += [entry["index"] for entry in page["data"]]
        at = page["next_from"]
    assert seen == list(range(len(seen))) and len(seen) > index + 40
    audit("verify", "--state", instance.state)


def test_what_lies_in_the_file_does_not_act_on_a_terminal(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    hostile = "\x1b[2J\x9b31m\u202eevil\u2028\u200b"
    assert act(instance, "drain", reason=hostile)[0] == 200
    instance.stop()
    with (instance.state / "audit/entries.jsonl").open("ab") as file:
        file.write(b"\x1b]0;no entry\x07 \xff\n")
        # Listed as an entry: whoever can write the one file can write the other.
        with (instance.state / "audit/ends").open("ab") as ends:
            ends.write(file.tell().to_bytes(8, "little"))
    for form in ((), ("--json",)):
        done = subprocess.run(
            [BINARY, "audit", "tail", "--state", str(instance.state), "--lines", "20", *form],
            capture_output=True, env=clean_environment(), check=True,
        )  # fmt: skip
        text = done.stdout.decode()
        assert all(c == "\n" or (" " <= c and not "\x7f" <= c <= "\x9f") for c in text)
        assert not set(text) & set("\u202e\u2028\u200b")
        assert "\\u202eevil" in text and "no entry" in text
        if form:
            lines = [json.loads(line) for line in text.splitlines()]
            assert any(line.get("reason") == hostile for line in lines)


def test_others_verify_it_with_the_public_key_alone(holdfast, fake, tmp_path):
    """pymerkle's tree and cryptography's signatures agree with what the gateway signed for."""
    instance = holdfast(configs.through(fake("one")) | {"audit": {"checkpoint_entries": 3}})
    key = audit("key", "--state", instance.state).strip()
    for _ in range(4):
        assert act(instance, "freeze")[0] == 200
    kept = tmp_path / "kept.note"
    kept.write_text(instance.admin("/api/v1/audit")["checkpoint"])
    for action in ("restore", "drain", "restore"):
        assert act(instance, action)[0] == 200
    instance.stop()
    exported = tmp_path / "exported"
    audit("export", "--state", instance.state, "--to", exported)
    assert not (exported / "key").exists()
    assert "ok" in audit("verify", "--export", exported, "--key", key, "--checkpoint", kept)

    lines = audit_judge.verify(exported, key)
    assert len(lines) == len(entries_in(instance.state))
    tree = audit_judge.tree_of(lines)
    for index in range(len(lines)):
        proof = json.loads(audit("prove", "--state", instance.state, "--entry", index))
        assert proof["entry"].encode() == lines[index]
        checkpoint = audit_judge.open_note(proof["checkpoint"], key)
        assert tree.get_root(checkpoint.size) == checkpoint.root
        path = set(map(base64.b64decode, proof["path"]))
        assert path == audit_judge.nodes_of_inclusion(tree, index, checkpoint.size)
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    assert f"entry {index} is in the log" in audit("verify", "--proof", file, "--key", key)
    file.write_text(json.dumps(proof | {"entry": lines[0].decode()}))
    assert "not proven" in audit("verify", "--proof", file, "--key", key, exit_code=2)

    goes_on = json.loads(audit("prove", "--state", instance.state, "--checkpoint", kept))
    old = audit_judge.open_note(goes_on["before"], key)
    new = audit_judge.open_note(goes_on["checkpoint"], key)
    path = list(map(base64.b64decode, goes_on["path"]))
    assert new.size == len(lines) > old.size
    assert audit_judge.goes_on(old, new, path, tree)
    assert not audit_judge.goes_on(old, new, path[:-1], tree)
    file.write_text(json.dumps(goes_on))
    assert f"goes on from that of {old.size}" in audit("verify", "--proof", file, "--key", key)


@pytest.mark.attack(95)
def test_a_full_disk_refuses_changes_and_goes_on_serving(holdfast, fake):
    config = configs.through(fake("one"), fake("two"))
    instance = holdfast(config)
    assert act(instance, "freeze", "two")[0] == 200
    said = instance.admin("/api/v1/targets")
    generation = instance.admin("/api/v1/status")["snapshot_generation"]
    # The limit on file sizes stands in for a full disk.
    pid = instance.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    for _ in range(5):
        status, _, body = act(instance, "drain")
        assert status == 503
        assert json.loads(body)["error"]["code"] == "audit_unavailable"
        assert b"nothing was done" in body and b"File too large" in body
    instance.reload(configs.through(fake("two")))
    eventually(
        lambda: "the last reload was refused" in json.dumps(instance.admin("/readyz")),
        "the reload is refused",
    )
    assert instance.admin("/api/v1/targets") == said, "nothing has happened"
    assert instance.admin("/api/v1/status")["snapshot_generation"] == generation
    for _ in range(10):
        status, headers, _ = instance.chat()
        assert status == 200 and headers["x-holdfast-provider"] == "one"
    assert "changes are refused until it can" in json.dumps(instance.admin("/readyz")["warnings"])
    assert instance.metrics()["holdfast_audit_refused_total"] >= 6
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    eventually(lambda: entries_of(instance)[-1]["action"] == "log.resumed", "the gap is told")
    assert entries_of(instance)[-1]["after"]["refused"] >= 6
    assert "changes are refused" not in json.dumps(instance.admin("/readyz")["warnings"])
    assert act(instance, "drain")[0] == 200
    instance.stop()
    drains = [e for e in entries_in(instance.state) if e["action"] == "target.drain"]
    assert [e["phase"] for e in drains] == ["intent", "outcome"], "what was refused is not there"
    audit("verify", "--state", instance.state)


@pytest.mark.attack(95)
def test_a_start_on_a_full_disk_serves_and_refuses_changes(holdfast, fake, tmp_path):
    """Disk full: what cannot be written down is not done, and applications are served."""
    config = configs.through(fake("one"))
    first = holdfast(config)
    first.stop()
    # A folder in the file's place cannot be written either, and needs no small disk.
    ends, away = first.state / "audit/ends", tmp_path / "ends"
    ends.rename(away)
    ends.mkdir()
    again = holdfast(config, state=first.state)
    assert again.chat()[0] == 200
    status, _, body = act(again, "freeze")
    assert status == 503 and json.loads(body)["error"]["code"] == "audit_unavailable"
    assert "changes are refused until it can" in json.dumps(again.admin("/readyz")["warnings"])
    ends.rmdir()
    away.rename(ends)
    eventually(
        lambda: entries_of(again)[-1]["action"] == "gateway.started", "the start is written down"
    )
    assert act(again, "freeze")[0] == 200
    again.stop()
    assert [e["action"] for e in entries_in(first.state)].count("gateway.started") == 2
    audit("verify", "--state", first.state)


def test_a_start_that_is_refused_later_is_no_start(holdfast, fake, tmp_path):
    config = configs.through(fake("one"))
    first = holdfast(config)
    first.stop()
    before = len(entries_in(first.state))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config["admin"] = {"listen": f"127.0.0.1:{port}"}
        refused = Holdfast(tmp_path / "refused", config, state=first.state, wait=False)
        refused.expected_exit = True
        assert refused.process.wait(20) == 4
        refused.process.stdout.close()
    actions = [e["action"] for e in entries_in(first.state)[before:]]
    assert "gateway.started" not in actions


def test_a_log_that_cannot_be_begun_is_refused(holdfast, fake, tmp_path):
    first = holdfast(configs.through(fake("one")))
    first.stop()
    audited = first.state / "audit"
    shutil.rmtree(audited)
    audited.write_text("not a folder")
    again = Holdfast(
        tmp_path / "again", configs.through(fake("one")), state=first.state, wait=False
    )
    again.expected_exit = True
    assert again.process.wait(20) == 4
    assert str(audited) in again.log()
    again.process.stdout.close()


@pytest.mark.attack(101)
def test_what_was_acknowledged_survives_kill_9(holdfast, fake, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    config = configs.through(fake("one")) | {"audit": {"checkpoint_entries": 4}}
    state, acknowledged = tmp_path / "killed", []
    for _ in range(3):
        instance = holdfast(config, state=state)
        for _ in range(choose.randrange(1, 12)):
            status, headers, _ = act(instance, choose.choice(["freeze", "drain", "restore"]))
            assert status == 200
            acknowledged.append(headers["x-request-id"])
        instance.kill()
    last = holdfast(config, state=state)
    last.stop()
    entries = entries_in(state)
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    written = [entry["request_id"] for entry in entries if "request_id" in entry]
    assert written == acknowledged
    begun = {entry["index"] for entry in entries if entry["phase"] == "intent"}
    assert begun == {entry["of"] for entry in entries if entry["phase"] == "outcome"}
    audit("verify", "--state", state)


@pytest.fixture
def log_of_one(holdfast, fake):
    """A log of some acts whose gateway has stopped; its state, and its public key."""
    config = configs.through(fake("one"))
    instance = holdfast(config)
    for _ in range(4):
        assert act(instance, "freeze")[0] == 200
    instance.stop()
    return instance.state, audit("key", "--state", instance.state).strip(), config


def edit(lines):
    lines[5] = lines[5].replace("one/m1", "one/m2")


def reorder(lines):
    lines[4], lines[5] = lines[5], lines[4]


def take_out(lines):
    del lines[4]


def truncate(lines):
    del lines[-3:]


ATTACKS = [
    (truncate, "truncated"),
    (edit, "edited"),
    (reorder, "reordered"),
    (take_out, "gap"),
]


@pytest.mark.attack(97)
@pytest.mark.parametrize(("attack", "name"), ATTACKS, ids=[name for _, name in ATTACKS])
def test_each_attack_is_found_and_named(log_of_one, attack, name, tmp_path):
    state, key, _ = log_of_one
    file = state / "audit/entries.jsonl"
    lines = file.read_text().splitlines()
    attack(lines)
    file.write_text("".join(f"{line}\n" for line in lines))
    assert findings("--state", state) == [name]
    exported = tmp_path / "exported"
    audit("export", "--state", state, "--to", exported)
    assert findings("--export", exported, "--key", key) == [name]
    with pytest.raises(AssertionError):
        audit_judge.verify(exported, key)


@pytest.mark.attack(97)
def test_a_log_that_was_cut_does_not_start_and_says_what_to_do(log_of_one, tmp_path):
    state, _, config = log_of_one
    file = state / "audit/entries.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("".join(f"{line}\n" for line in lines[:-3]))
    refused = Holdfast(tmp_path / "refused", config, state=state, wait=False)
    refused.expected_exit = True
    assert refused.process.wait(20) == 1
    refused.process.stdout.close()
    assert "truncated" in refused.log() and "move the folder away" in refused.log()
    (state / "audit").rename(state / "audit.evidence")
    again = Holdfast(tmp_path / "again", config, state=state)
    assert entries_of(again)[0]["action"] == "log.began"
    assert again.stop() == 0
    again.check()


@pytest.mark.attack(103)
def test_a_fork_and_a_rollback_are_found_by_a_kept_checkpoint(log_of_one, holdfast, tmp_path):
    state, key, config = log_of_one
    older, fork = tmp_path / "older", tmp_path / "fork"
    shutil.copytree(state, older)
    shutil.copytree(state, fork)
    for folder, action in ((state, "drain"), (fork, "restore")):
        instance = holdfast(config, state=folder)
        for _ in range(4):
            assert act(instance, action)[0] == 200
        instance.stop()
    kept = tmp_path / "kept"
    shutil.copy(state / "audit/checkpoints", kept)
    audit("verify", "--state", fork, "--key", key)
    assert findings("--state", fork, "--key", key, "--checkpoint", kept) == ["forked"]
    assert findings("--state", older, "--key", key, "--checkpoint", kept) == ["rolled_back"]
    other = "holdfast/other+" + key.split("+", 1)[1]
    assert "not the public key" in audit("verify", "--state", fork, "--key", other, exit_code=1)


@pytest.mark.attack(57)
def test_what_comes_by_itself_is_counted_not_repeated(holdfast, fake):
    """An attacker cannot fill the disk: one entry a minute for each kind."""
    one, two = fake("one"), fake("two")
    config = configs.through(one, two) | {"keys": {"app": {"key": "env:APP_KEY"}}}
    instance = holdfast(config, env={"APP_KEY": APP})
    one.behave("status_401")
    good = {"authorization": f"Bearer {APP}"}
    for _ in range(3):
        assert instance.chat(headers=good)[0] == 200
    for _ in range(30):
        assert instance.chat(headers={"authorization": "Bearer nonsense"})[0] == 401
    for _ in range(5):
        foreign = {"origin": "https://evil.example"}
        assert instance.ask("GET", "/api/v1/status", headers=foreign, admin=True)[0] == 403
    eventually(
        lambda: (
            {"client.refused", "credential.refused", "administration.refused"}
            <= {entry["action"] for entry in entries_of(instance)}
        ),
        "each is written down",
    )
    instance.stop()
    entries = entries_in(instance.state)
    counts = {}
    for entry in entries:
        if entry["action"].endswith(".refused"):
            counts.setdefault((entry["action"], entry["target"]), []).append(
                entry["after"]["count"]
            )
    assert sum(counts["client.refused", "no valid key"]) == 30
    assert sum(counts["administration.refused", "origin_not_allowed"]) == 5
    assert sum(counts["credential.refused", "one: revoked"]) >= 1
    assert all(len(times) <= 3 for times in counts.values()), counts
    assert "nonsense" not in json.dumps(entries)


def test_wrong_usage_says_what_is_right(tmp_path):
    for arguments, code, said in [
        (("verify", "--state", tmp_path), 4, "cannot open"),
        (("verify", "--export", tmp_path), 1, "--key is missing"),
        (("verify", "--state", tmp_path, "--key", "nonsense"), 1, "not the public key"),
        (("prove", "--state", tmp_path), 1, "say --entry INDEX"),
        (("tail", "--state", tmp_path, "--lines", "0"), 1, "--lines is from 1"),
        (("export", "--state", tmp_path, "--to", tmp_path), 1, "a folder that is not there yet"),
    ]:
        assert said in audit(*arguments, exit_code=code)
