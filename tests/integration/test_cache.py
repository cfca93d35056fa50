"""Answers are given again for the same question of the same key, and for nothing else."""

import json

import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan

ASK = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}


def cached(*fakes, **more):
    config = configs.through(*fakes)
    config["models"]["chat"]["cache"] = {"ttl": "10m", **more}
    return config


def ask(instance, body=ASK, headers=None, stream=False):
    body = {**body, "stream": True} if stream else body
    answer = instance.ask("POST", "/v1/chat/completions", body, headers)
    # An answer is kept once its last byte has been sent: behind that, and before this.
    eventually(lambda: instance.metrics()["holdfast_requests_in_flight"] == 0, "it has ended")
    return answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_second_answer_comes_from_memory(holdfast, fake, stream):
    one = fake("one")
    instance = holdfast(cached(one))
    first = ask(instance, stream=stream)
    assert first[0] == 200 and "x-holdfast-cache" not in first[1]
    again = ask(instance, dict(reversed(ASK.items())), stream=stream)
    assert again[0] == 200 and again[2] == first[2]
    assert again[1]["x-holdfast-cache"] == "hit" and again[1]["age"].isdigit()
    assert again[1]["content-type"] == first[1]["content-type"]
    assert again[1]["x-holdfast-provider"] == "one" and again[1]["x-holdfast-attempts"] == "0"
    assert again[1]["x-request-id"] != first[1]["x-request-id"]
    assert len(one.receipts()) == 1
    metrics = instance.metrics()
    assert metrics['holdfast_cache_requests_total{result="hit"}'] == 1
    assert metrics["holdfast_cache_entries"] == 1


@pytest.mark.attack(90, 91)
def test_what_differs_is_asked(holdfast, fake):
    one = fake("one")
    instance = holdfast(cached(one))
    bodies = [ASK, {**ASK, "temperature": 1}, {**ASK, "seed": 1}, {**ASK, "user": "a"}]
    for body in bodies:
        ask(instance, body)
    ask(instance, stream=True)
    assert len(one.receipts()) == len(bodies) + 1


def test_cache_control_is_honoured(holdfast, fake):
    one = fake("one")
    instance = holdfast(cached(one))
    status, _, text = ask(instance, headers={"cache-control": "only-if-cached"})
    assert status == 504 and json.loads(text)["error"]["code"] == "not_cached"
    ask(instance, headers={"cache-control": "no-store"})
    ask(instance)
    assert len(one.receipts()) == 2  # the first was not kept
    ask(instance, headers={"cache-control": "no-cache"})
    assert len(one.receipts()) == 3
    status, headers, _ = ask(instance, headers={"cache-control": "max-age=600, only-if-cached"})
    assert status == 200 and headers["x-holdfast-cache"] == "hit"
    assert len(one.receipts()) == 3


@pytest.mark.parametrize("behaviour", ["status_500", "status_400", "malformed_json"])
def test_failures_are_not_kept(holdfast, fake, behaviour):
    one = fake("one")
    instance = holdfast(cached(one))
    one.behave(behaviour, count=1)
    assert ask(instance)[0] != 200
    assert ask(instance)[0] == 200
    assert len(one.receipts()) == 2


def test_a_stream_that_broke_is_not_kept(holdfast, fake):
    one = fake("one")
    instance = holdfast(cached(one))
    one.behave("cut_after", count=1)
    ask(instance, stream=True)
    _, headers, _ = ask(instance, stream=True)
    assert "x-holdfast-cache" not in headers
    assert len(one.receipts()) == 2


def test_large_answers_are_not_kept(holdfast, fake):
    one = fake("one")
    instance = holdfast(cached(one, max_answer="1KiB"))
    long = {**ASK, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2000}
    one.behave("huge_body", mib=1)
    ask(instance, long)
    ask(instance, long)
    assert len(one.receipts()) == 2


@pytest.mark.attack(90)
def test_nobody_gets_what_another_key_asked_for(holdfast, fake):
    one = fake("one")
    config = cached(one)
    config["keys"] = {"a": {"key": "env:KEY_A"}, "b": {"key": "env:KEY_B"}}
    keys = {"KEY_A": "sk-a-0123456789abcdef", "KEY_B": "sk-b-0123456789abcdef"}
    instance = holdfast(config, env=keys)
    for turn, key in enumerate([*keys.values(), *keys.values()]):
        _, headers, _ = ask(instance, headers={"authorization": f"Bearer {key}"})
        assert ("x-holdfast-cache" in headers) == (turn >= 2)
    assert ask(instance, headers={"authorization": "Bearer wrong"})[0] == 401
    assert len(one.receipts()) == 2


def test_a_reload_begins_anew(holdfast, fake):
    one = fake("one")
    config = cached(one)
    instance = holdfast(config)
    ask(instance)
    instance.reload(config)
    eventually(lambda: "x-holdfast-cache" not in ask(instance)[1], "an answer that is new")
    assert len(one.receipts()) == 2


def test_models_without_a_cache_keep_nothing(holdfast, fake):
    one = fake("one")
    instance = holdfast(configs.through(one))
    ask(instance)
    ask(instance)
    assert len(one.receipts()) == 2
