"""Who asked which model, when, how large, at what cost and with what result is sealed into the audit
log: whoever changes, removes or adds a record is found, here and by somebody else's program."""

import contextlib
import json
import random
import sqlite3
import subprocess

import pytest
from support import configs, records_judge
from support.processes import BINARY, clean_environment

pytestmark = pytest.mark.asan

SECRET = "the content of a conversation"


def entries_in(state) -> list[dict]:
    return [json.loads(line) for line in (state / "audit/entries.jsonl").read_text().splitlines()]


def verify(state, exit_code=0) -> dict:
    done = subprocess.run(
        [BINARY, "audit", "verify", "--state", str(state), "--records", str(state), "--json"],
        capture_output=True, text=True, env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == exit_code, done.stdout + done.stderr
    return json.loads(done.stdout)


def change(state, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(state / "records.db")) as database, database:
        database.executescript(sql)


@pytest.fixture
def sealed(holdfast, fake):
    """A state whose gateway has stopped: 12 attempts of an application, all sealed."""
    keys = {"app": {"key": "env:APP_KEY"}}
    config = configs.through(fake("one")) | {"keys": keys}
    instance = holdfast(config, env={"APP_KEY": "sk-app-0123456789"})
    headers = {"authorization": "Bearer sk-app-0123456789"}
    for _ in range(12):
        body = {"model": "chat", "messages": [{"role": "user", "content": SECRET}]}
        assert instance.ask("POST", "/v1/chat/completions", body, headers=headers)[0] == 200
    instance.stop()
    return instance.state


def test_others_hold_the_records_against_the_log(sealed):
    attempts = records_judge.judge(entries_in(sealed), sealed / "records.db")
    assert len(attempts) == 12
    assert {row["key_name"] for row in attempts} == {"app"}
    report = verify(sealed)
    assert report["usage"] == {"segments": 1, "expired_segments": 0, "attempts": 12}
    assert report["remarks"] == []
    assert SECRET not in (sealed / "audit/entries.jsonl").read_text()


CHANGES = [
    ("UPDATE attempts SET tokens_out=tokens_out+1 WHERE id=3", "records_changed", "attempt 3 "),
    ("UPDATE attempts SET key_name='other' WHERE id=12", "records_changed", "attempt 12 "),
    ("DELETE FROM attempts WHERE id=5", "records_removed", "attempt 5 "),
    ("UPDATE attempts SET id=-1 WHERE id=5", "records_added", "attempt -1 "),
]


@pytest.mark.attack(97)
@pytest.mark.parametrize(("sql", "finding", "named"), CHANGES)
def test_each_change_of_a_record_is_found_and_named(sealed, sql, finding, named):
    change(sealed, sql)
    problems = verify(sealed, exit_code=2)["problems"]
    assert any(one["finding"] == finding and named in one["what"] for one in problems), problems
    with pytest.raises(AssertionError):
        assert len(records_judge.judge(entries_in(sealed), sealed / "records.db")) == 12
        assert not records_judge.rows(sealed / "records.db", -(1 << 60), 0), "added"


def test_a_change_is_found_when_the_segments_are_changed_too(sealed):
    change(
        sealed,
        "UPDATE attempts SET charged_nano_usd=charged_nano_usd+1 WHERE id=2; DELETE FROM segments",
    )
    assert verify(sealed, exit_code=2)["problems"] == [
        {
            "finding": "records_changed",
            "what": "among the attempts 1 to 12 (segment 1) are some that are not what was sealed",
        }
    ]


def test_the_log_can_be_looked_at_while_both_are_written(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    for _ in range(5):
        assert instance.chat()[0] == 200
        assert verify(instance.state)["problems"] == []
    assert instance.metrics()["holdfast_records_unsealed"] >= 0


@pytest.mark.attack(101)
def test_what_was_recorded_before_kill_9_is_sealed_once(holdfast, fake, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    config, state = configs.through(fake("one")), tmp_path / "killed"
    for _ in range(4):
        instance = holdfast(config, state=state)
        for _ in range(choose.randrange(0, 15)):
            assert instance.chat()[0] == 200
        instance.kill()
    holdfast(config, state=state).stop()
    report = verify(state)
    assert report["problems"] == [] and report["remarks"] == []
    attempts = records_judge.judge(entries_in(state), state / "records.db")
    assert len(attempts) == report["usage"]["attempts"]
    with contextlib.closing(sqlite3.connect(state / "records.db")) as database:
        assert database.execute("SELECT count(*) FROM attempts").fetchone()[0] == len(attempts)
    numbers = [one["segment"] for one in records_judge.segments(entries_in(state))]
    assert numbers == sorted(set(numbers))
