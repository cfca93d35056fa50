"""Who answers under each policy, over real sockets; each with a whole answer and a stream."""

import collections
import json
import threading
import time

import pytest
from support import configs, sse
from support.processes import eventually

pytestmark = pytest.mark.asan

APP = {"authorization": "Bearer sk-app-0123456789"}
EUROPE = {"authorization": "Bearer sk-europe-9876543210"}
KEYS = {
    "app": {"key": "env:APP", "team": "support", "sensitivity": "internal"},
    "europe": {"key": "env:EUROPE", "regions": ["eu"]},
}
SECRETS = {"APP": "sk-app-0123456789", "EUROPE": "sk-europe-9876543210"}


@pytest.fixture(scope="module")
def fakes(module_fake):
    return [module_fake(name) for name in ("one", "two", "three")]


def target(name, **fields):
    return {"provider": name, "model": "m1"} | fields


SPEC = {
    "failover": {"targets": [target("one"), target("two")]},
    "weighted": {
        "policy": "weighted",
        "targets": [target("one", weight=0), target("two", weight=3), target("three", weight=0)],
    },
    "turns": {"policy": "round_robin", "targets": [target("one"), target("two"), target("three")]},
    "busy": {"policy": "least_busy", "targets": [target("one"), target("two"), target("three")]},
    "cheap": {"policy": "least_cost", "targets": [target("one"), target("two")]},
    "sticky": {
        "policy": "sticky",
        "on": "user",
        "targets": [target("one"), target("two"), target("three")],
    },
    "prefix": {
        "policy": "sticky",
        "on": "prefix",
        "targets": [target("one"), target("two"), target("three")],
    },
    "conditional": {
        "policy": "conditional",
        "targets": [
            target("three", when='header("x-tier") == "gold" and team == "support"'),
            target("two", when="tokens > 2000"),
            target("one"),
        ],
    },
    "split": {
        "policy": "split",
        "targets": [target("one", percent=100), target("two", percent=0)],
    },
    "nested": {
        "policy": "split",
        "on": "key",
        "targets": [
            {
                "percent": 100,
                "policy": "conditional",
                "targets": [
                    {
                        "when": "stream",
                        "policy": "weighted",
                        "targets": [target("two", weight=5), target("three", weight=0)],
                    },
                    target("one"),
                ],
            },
            target("three", percent=0),
        ],
    },
    "europe": {"regions": ["eu"], "targets": [target("one"), target("two"), target("three")]},
}


@pytest.fixture(scope="module")
def gateway(module_holdfast, fakes):
    regions = {"one": "us-east", "two": "eu-west", "three": "eu"}
    providers = {one.name: configs.provider(one, region=regions[one.name]) for one in fakes}
    config = {"providers": providers, "models": SPEC, "keys": KEYS}
    return module_holdfast(config, env=SECRETS)


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request):
    return request.param


def answered_by(instance, model, stream, headers=APP, **fields):
    status, answer, body = instance.chat(model, stream=stream, headers=headers, **fields)
    assert status == 200, body
    if stream:
        assert sse.is_whole(body)
        text = sse.text(body)
        assert text and f"Hello from {answer['x-holdfast-provider']} w3 w4".startswith(text)
    return answer["x-holdfast-provider"]


def count(instance, model, stream, times, **fields):
    return collections.Counter(answered_by(instance, model, stream, **fields) for _ in range(times))


def test_failover(gateway, stream):
    assert count(gateway, "failover", stream, 3) == {"one": 3}


def test_weighted(gateway, stream):
    assert count(gateway, "weighted", stream, 5) == {"two": 5}


def test_round_robin(gateway, stream):
    assert count(gateway, "turns", stream, 9) == {"one": 3, "two": 3, "three": 3}


def test_least_busy(gateway, stream):
    """Nobody is busy: all are asked."""
    assert set(count(gateway, "busy", stream, 30)) == {"one", "two", "three"}


def test_least_cost_without_prices_goes_in_order(gateway, stream):
    assert count(gateway, "cheap", stream, 3) == {"one": 3}


def test_sticky_on_user(gateway, stream):
    seen = {}
    for user in [f"user-{n}" for n in range(12)]:
        seen[user] = answered_by(gateway, "sticky", stream, user=user)
        assert answered_by(gateway, "sticky", stream, user=user) == seen[user]
    assert len(set(seen.values())) > 1


def test_sticky_on_prefix(gateway, stream):
    seen = set()
    for prompt in [f"You are helper number {n}." for n in range(12)]:
        system = {"role": "system", "content": prompt}
        names = {
            answered_by(
                gateway, "prefix", stream, messages=[system, {"role": "user", "content": text}]
            )
            for text in ("Hello", "Good day", "Where were we?")
        }
        assert len(names) == 1, "the prefix alone decides"
        seen |= names
    assert len(seen) > 1


def test_conditional(gateway, stream):
    gold = APP | {"x-tier": "gold"}
    long = [{"role": "user", "content": "word " * 4000}]
    assert answered_by(gateway, "conditional", stream) == "one"
    assert answered_by(gateway, "conditional", stream, headers=gold) == "three"
    assert answered_by(gateway, "conditional", stream, messages=long) == "two"
    silver = APP | {"x-tier": "silver"}
    assert answered_by(gateway, "conditional", stream, headers=silver) == "one"


def test_split(gateway, stream):
    assert count(gateway, "split", stream, 5) == {"one": 5}


def test_nested(gateway, stream):
    assert count(gateway, "nested", stream, 5) == {"two" if stream else "one": 5}


def test_regions_of_a_model_and_of_a_key(gateway, stream):
    assert answered_by(gateway, "europe", stream) == "two"
    assert set(count(gateway, "turns", stream, 6, headers=EUROPE)) == {"two", "three"}
    assert answered_by(gateway, "split", stream, headers=EUROPE) == "two", "though its part is 0"
    assert answered_by(gateway, "failover", stream, headers=EUROPE) == "two"


@pytest.mark.attack(88)
def test_nobody_is_permitted(holdfast, fakes, stream):
    config = configs.through(fakes[0])
    config["providers"]["one"]["region"] = "us"
    instance = holdfast(config | {"keys": KEYS}, env=SECRETS)
    fakes[0].clear()
    status, headers, body = instance.chat(stream=stream, headers=EUROPE)
    assert (status, json.loads(body)["error"]["code"]) == (403, "no_target_permitted")
    assert "x-holdfast-attempts" not in headers and not fakes[0].receipts()


@pytest.mark.parametrize("policy", ["failover", "weighted", "round_robin", "least_latency",
                                    "least_cost", "least_busy", "sticky", "conditional"])  # fmt: skip
def test_under_each_policy_the_others_answer_for_one_that_fails(holdfast, fakes, stream, policy):
    one, two, three = fakes
    broken = [target(name, model="m1+status_500") for name in ("one", "two")]
    config = configs.through(one, two, three)
    config["models"]["chat"] = {"policy": policy, "targets": [*broken, target("three")]}
    instance = holdfast(config)
    assert count(instance, "chat", stream, 6, headers=None) == {"three": 6}


def test_the_busy_one_is_left_alone(holdfast, fake, stream):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    config["models"]["chat"]["policy"] = "least_busy"
    config["models"]["first"] = {"targets": [target("one")]}
    # Three, since a request of `two` may end for its client a moment before it does for the gateway.
    one.behave("slow_headers", count=3)
    instance = holdfast(config)
    asked = {"model": "first", "stream": stream, "timeout": 60}
    threads = [threading.Thread(target=instance.chat, kwargs=asked) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(one.receipts()) == 3, "the requests are there")
    assert count(instance, "chat", stream, 8, headers=None) == {"two": 8}
    one.release()
    for thread in threads:
        thread.join()
    eventually(lambda: count(instance, "chat", stream, 4, headers=None)["one"], "it is asked again")


def test_the_slower_of_two_is_left_alone(holdfast, fake, stream):
    """`one` is held once, for much longer than `two` takes: that is remembered for a while."""
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    config["models"]["chat"]["policy"] = "least_latency"
    config["models"] |= {name: {"targets": [target(name)]} for name in ("one", "two")}
    one.behave("slow_headers", count=1)
    instance = holdfast(config)
    short = {"headers": None, "max_tokens": 1}  # so that the time to the first token decides
    _, headers, _ = instance.chat("two", stream=stream, max_tokens=1)
    instance.attempts_of(headers["x-request-id"], 1)  # until its end is known here
    asked = {"model": "one", "stream": stream, "timeout": 60}
    thread = threading.Thread(target=instance.chat, kwargs=asked)
    thread.start()
    eventually(lambda: one.receipts(), "the request is there")
    began, slowest = time.monotonic(), 0.1
    while time.monotonic() - began < 10 * slowest:
        asked_at = time.monotonic()
        assert answered_by(instance, "chat", stream, **short) == "two"
        slowest = max(slowest, time.monotonic() - asked_at)
    one.release()
    thread.join()
    assert count(instance, "chat", stream, 8, **short) == {"two": 8}


def test_what_is_too_long_goes_to_a_larger_window(holdfast, fakes, stream):
    one, two, three = fakes
    config = configs.through(one, two, three)
    config["models"]["chat"]["targets"] = [
        target("one", model="m1+context_length_exceeded", context_window=8000),
        target("two", context_window=8000),
        target("three", context_window=100_000),
    ]
    two.clear()
    instance = holdfast(config)
    status, headers, body = instance.chat(stream=stream)
    assert status == 200, body
    assert headers["x-holdfast-provider"] == "three" and headers["x-holdfast-attempts"] == "2"
    assert headers["x-holdfast-fallback-reason"] == "context_too_long"
    assert not two.receipts()
    counted = [
        (name, value)
        for name, value in instance.metrics().items()
        if name.startswith("holdfast_failovers_total") and value > 0
    ]
    assert len(counted) == 1 and "context_too_long" in counted[0][0] and counted[0][1] == 1


@pytest.mark.parametrize("choice", ["stop", "next"])
def test_refused_content(holdfast, fakes, stream, choice):
    one, two, _ = fakes
    config = configs.misbehaving(one, "content_filter", two, on_content_filter=choice)
    config["models"]["chat"]["targets"].insert(1, target("one"))
    instance = holdfast(config)
    status, headers, body = instance.chat(stream=stream)
    if choice == "stop":
        assert status == 400 and json.loads(body)["error"]["code"] == "content_filter"
    else:
        assert status == 200 and headers["x-holdfast-provider"] == "two"
        assert headers["x-holdfast-attempts"] == "2", "not the same provider's other target"


def test_no_last_resort(holdfast, fakes, stream):
    one = fakes[0]
    config = configs.misbehaving(one, "status_401", last_resort="refuse")
    instance = holdfast(config)
    assert instance.chat(stream=stream)[0] == 502
    one.clear()
    status, headers, body = instance.chat(stream=stream)
    assert (status, json.loads(body)["error"]["code"]) == (503, "no_target_available")
    assert "retry-after" not in headers and not one.receipts()


def test_a_request_waits_for_the_first_that_is_back(holdfast, fake, stream):
    one = fake("one")
    one.behave("status_429", retry_after="1", count=1)
    instance = holdfast(configs.through(one, wait_for_cooling="10s"))
    status, headers, _ = instance.chat(stream=stream)
    assert status == 200
    assert headers["x-holdfast-attempts"] == "2"
    assert headers["x-holdfast-fallback-reason"] == "rate_limited"
    assert len(one.receipts()) == 2


def test_a_client_that_leaves_ends_the_wait(holdfast, fake):
    one = fake("one")
    one.behave("status_429", retry_after="12", count=1)
    instance = holdfast(configs.through(one, wait_for_cooling="15s"))
    with pytest.raises(TimeoutError):
        instance.chat(timeout=1)
    eventually(
        lambda: instance.metrics()["holdfast_requests_in_flight"] == 0, "the request has ended", 8
    )
    assert len(one.receipts()) == 1


def test_the_status_tells_the_policy(gateway):
    told = {model["name"]: model["policy"] for model in gateway.admin("/api/v1/status")["models"]}
    assert told == {name: model.get("policy", "failover") for name, model in SPEC.items()}


def test_route_explain_agrees_with_what_happens(gateway, stream):
    for model in ("failover", "weighted", "conditional", "europe", "nested"):
        query = f"model={model}&key=app&stream={'true' if stream else 'false'}&tokens=4"
        explained = gateway.admin(f"/api/v1/route/explain?{query}")
        assert explained["order"][0]["provider"] == answered_by(gateway, model, stream), model
        assert explained["decisions"][0]["group"] == model
    assert "sk-" not in json.dumps(explained)
