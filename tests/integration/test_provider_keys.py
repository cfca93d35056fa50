"""Several keys of one provider: one that is refused costs no client an answer."""

import json

import pytest
from support import configs, sse
from support.processes import eventually

pytestmark = pytest.mark.asan

ENVIRONMENT = {"FIRST": "sk-first-secret", "SECOND": "sk-second-secret", "THIRD": "sk-third"}
KEYS = ["env:FIRST", "env:SECOND"]


def config(one, *others, keys=KEYS) -> dict:
    out = configs.through(one, *others)
    provider = out["providers"][one.name]
    del provider["key"]
    provider["keys"] = keys
    return out


def key_used(receipt: dict) -> str:
    return receipt["header"]["authorization"].removeprefix("Bearer ")


def keys_of(instance, name="one") -> dict[str, dict]:
    providers = instance.admin("/api/v1/providers")["providers"]
    (found,) = [one for one in providers if one["name"] == name]
    return {key["name"]: key for key in found["keys"]}


def reloaded(instance, config) -> None:
    before = instance.admin("/api/v1/status")["snapshot_generation"]
    instance.reload(config)
    eventually(
        lambda: instance.admin("/api/v1/status")["snapshot_generation"] > before, "the new file"
    )


def target_of(instance, name="one") -> dict:
    (model,) = instance.admin("/api/v1/status")["models"]
    return next(one for one in model["targets"] if one["provider"] == name)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", ["status_401", "status_403", "status_402", "insufficient_quota"])
def test_a_dead_key_is_followed_by_the_next(holdfast, fake, stream, how):
    one = fake("one")
    one.behave("by_key", keys={"sk-first-secret": how})
    instance = holdfast(config(one), env=ENVIRONMENT)
    for turn in range(5):
        status, headers, body = instance.chat(stream=stream)
        assert status == 200, body
        assert "Hello from one" in (sse.text(body) if stream else body.decode())
        assert headers["x-holdfast-attempts"] == ("2" if turn == 0 else "1")
    assert [key_used(one) for one in one.receipts()].count("sk-first-secret") == 1
    shown = keys_of(instance)
    assert shown["env:FIRST"]["state"] == "open" and shown["env:SECOND"]["state"] == "closed"
    assert shown["env:FIRST"]["last_failure"] in ("revoked", "unpaid")
    assert target_of(instance)["state"] == "closed", "the target is not at fault"
    assert (
        instance.metrics()['holdfast_credential_state{provider="one",credential="env:FIRST"}'] == 1
    )
    pages = [instance.ask("GET", path, admin=True)[2].decode() for path in
             ("/api/v1/providers", "/api/v1/status", "/metrics", "/api/v1/requests")]  # fmt: skip
    told = "".join(pages) + instance.log() + instance.output()
    assert "-secret" not in told, "names of keys are shown, keys never"


def test_when_all_keys_are_dead_the_next_target_answers(holdfast, fake):
    one, two = fake("one"), fake("two")
    one.behave("status_401")
    instance = holdfast(config(one, two), env=ENVIRONMENT)
    status, headers, _ = instance.chat()
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert headers["x-holdfast-attempts"] == "3"
    assert target_of(instance)["state"] == "open"
    assert instance.chat()[1]["x-holdfast-attempts"] == "1", "nobody asks again"


def test_a_limit_is_the_keys_own(holdfast, fake):
    one = fake("one")
    one.behave("by_key", keys={"sk-first-secret": "status_429"}, retry_after="60")
    instance = holdfast(config(one), env=ENVIRONMENT)
    for _ in range(4):
        assert instance.chat()[0] == 200
    used = [key_used(receipt) for receipt in one.receipts()]
    assert used == ["sk-first-secret"] + ["sk-second-secret"] * 4
    assert keys_of(instance)["env:FIRST"]["state"] == "cooling"


def test_when_all_keys_are_at_their_limit_nobody_is_asked(holdfast, fake):
    one = fake("one")
    one.behave("status_429", retry_after="60")
    instance = holdfast(config(one), env=ENVIRONMENT)
    for _ in range(3):
        status, headers, body = instance.chat()
        assert status == 429, body
        assert 50 <= float(headers["retry-after"]) <= 60
    assert len(one.receipts()) == 2, "each key once"


def test_the_health_of_a_key_is_its_own_wherever_it_stands(holdfast, fake):
    one = fake("one")
    one.behave("by_key", keys={"sk-first-secret": "status_401"})
    instance = holdfast(config(one), env=ENVIRONMENT)
    assert instance.chat()[0] == 200
    reloaded(instance, config(one, keys=["env:THIRD", "env:SECOND", "env:FIRST"]))
    shown = keys_of(instance)
    assert list(shown) == ["env:THIRD", "env:SECOND", "env:FIRST"]
    assert shown["env:FIRST"]["state"] == "open"
    assert shown["env:SECOND"]["attempts"] == 1 and shown["env:THIRD"]["attempts"] == 0
    assert instance.chat()[0] == 200
    assert key_used(one.receipts()[-1]) == "sk-third", "the first that is well"


def test_one_key_in_a_list_is_one_key(holdfast, fake):
    one = fake("one")
    instance = holdfast(config(one, keys=["env:SECOND"]), env=ENVIRONMENT)
    assert instance.chat()[0] == 200
    assert keys_of(instance) == {} and key_used(one.receipts()[0]) == "sk-second-secret"


BAD = [
    ({"keys": KEYS, "key": "env:FIRST"}, "stands beside key"),
    ({"keys": ["env:FIRST", "env:FIRST"]}, "is named twice"),
    ({"keys": ["sk-in-the-file"]}, "env:NAME, file:PATH"),
    ({"keys": "env:FIRST"}, "must be a list"),
    ({"keys": ["env:NOT_SET", "env:FIRST"]}, "NOT_SET"),
]


@pytest.mark.parametrize(("fields", "said"), BAD)
def test_what_is_wrong_is_named(holdfast, fake, fields, said):
    one = fake("one")
    wrong = configs.through(one)
    del wrong["providers"]["one"]["key"]
    wrong["providers"]["one"] |= fields
    instance = holdfast(wrong, env=ENVIRONMENT, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) == 1
    assert said in instance.log() + instance.output()
    assert "sk-in-the-file" not in json.dumps(instance.log() + instance.output())
