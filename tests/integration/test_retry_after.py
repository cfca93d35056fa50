"""Retry-After takes a target out until then; nothing sleeps on it, and nobody calls meanwhile."""

import json
import time

import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_target_is_left_alone_until_then(holdfast, fake, stream):
    one, two = fake("one"), fake("two")
    one.behave("status_429", retry_after="1", count=1)
    instance = holdfast(configs.through(one, two))
    limited = time.monotonic()  # at the latest: the answer that says so comes after
    status, headers, _ = instance.chat(stream=stream)
    assert status == 200 and headers["x-holdfast-fallback-reason"] == "rate_limited"
    answered_by_one = None
    while answered_by_one is None:
        start = time.monotonic()
        status, headers, _ = instance.chat(stream=stream)
        assert status == 200 and start - limited < 10
        if headers["x-holdfast-provider"] == "one":
            answered_by_one = start - limited
        else:
            # Not asked: not an attempt either.
            assert headers["x-holdfast-attempts"] == "1"
    assert answered_by_one > 0.9
    assert len(one.receipts()) == 2


FORMS = [
    # (the headers, at least so many seconds, at most so many)
    ({"retry_after": "2"}, 1, 2),
    ({"retry_after": "1.5"}, 1, 2),
    ({"retry_after": "date:3"}, 1, 3),
    ({"retry_after_ms": "1500"}, 1, 2),
    ({"retry_after_ms": "1500", "retry_after": "90"}, 1, 2),
]


@pytest.mark.parametrize(("form", "low", "high"), FORMS)
def test_all_out_is_429_with_the_shortest_wait(holdfast, fake, form, low, high):
    one, two = fake("one"), fake("two")
    one.behave("status_429", **form)
    two.behave("status_429", retry_after="80")
    instance = holdfast(configs.through(one, two))
    for turn in range(3):
        status, headers, body = instance.chat()
        assert status == 429, body
        assert low <= float(headers["retry-after"]) <= high, turn
        error = json.loads(body)["error"]
        assert error["code"] == "rate_limit_exceeded"
    assert len(one.receipts()) == 1 and len(two.receipts()) == 1


ODD = [
    {"retry_after": "-5"},
    {"retry_after": "soon"},
    {"retry_after": ""},
    {"retry_after": "date:-60"},
    {"retry_after_ms": "0"},
    {"retry_after_ms": "-1"},
    {"retry_after": "1e3"},
    {"retry_after": "nan"},
    {},
]


@pytest.mark.parametrize("form", ODD, ids=[json.dumps(form) for form in ODD])
def test_an_odd_hint_does_not_lock_a_target_out(holdfast, fake, form):
    one, two = fake("one"), fake("two")
    one.behave("status_429", count=1, **form)
    instance = holdfast(configs.through(one, two))
    assert instance.chat()[1]["x-holdfast-provider"] == "two"
    eventually(
        lambda: instance.chat()[1]["x-holdfast-provider"] == "one",
        "the first target is asked again",
        30,
    )


@pytest.mark.parametrize("value", ["99999999999999999999", "1e300", "date:999999999", "604800"])
def test_an_absurd_hint_is_capped_or_believed_but_does_no_harm(holdfast, fake, value):
    one, two = fake("one"), fake("two")
    one.behave("status_429", retry_after=value, count=1)
    instance = holdfast(configs.through(one, two))
    for _ in range(3):
        assert instance.chat()[0] == 200


def test_overload_with_a_hint_takes_out_too(holdfast, fake):
    one, two = fake("one"), fake("two")
    one.behave("status_503", retry_after="60")
    instance = holdfast(configs.through(one, two))
    for _ in range(3):
        assert instance.chat()[1]["x-holdfast-provider"] == "two"
    assert len(one.receipts()) == 1


def test_a_hint_for_one_model_leaves_the_others(holdfast, fake):
    """Limits are per model at the provider: the other target of the same provider stays in."""
    one = fake("one")
    config = configs.through(one)
    config["models"]["chat"]["targets"] = [
        {"provider": "one", "model": "m1+status_429;retry_after=60"},
        {"provider": "one", "model": "m2"},
    ]
    instance = holdfast(config)
    for _ in range(3):
        status, headers, _ = instance.chat()
        assert status == 200 and headers["x-holdfast-model"] == "m2"
    assert len(one.receipts()) == 4
