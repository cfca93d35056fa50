"""What an outage of everything costs: a fifth more attempts than requests, not a multiple of them."""

import json

import pytest
from support import configs

pytestmark = pytest.mark.asan

ASKED = 200
SAVED_UP = 10  # attempts that the budget holds at the beginning, of one thread
TRIPS = 3  # failures that a breaker takes to open
SLACK = 8  # probes, and one attempt in 10 s that is free


def gateway_of(holdfast, *fakes):
    return holdfast(configs.through(*fakes) | {"server": {"threads": 1}})


def refused(gateway) -> float:
    return gateway.metrics()["holdfast_retries_refused_total"]


def test_an_outage_of_everything_adds_a_fifth(holdfast, fake):
    fakes = [fake(name) for name in ("one", "two", "three")]
    for one in fakes:
        one.behave("status_500")
    gateway = gateway_of(holdfast, *fakes)
    for _ in range(ASKED):
        status, _, body = gateway.chat()
        assert status == 502 and json.loads(body)["error"]["code"] == "server_error"
    attempts = sum(one.state()["requests"] for one in fakes)
    first_failures = TRIPS * (len(fakes) - 1)
    assert attempts <= 1.2 * ASKED + SAVED_UP + first_failures + SLACK
    assert attempts >= ASKED
    assert refused(gateway) > 0


def test_a_target_that_is_well_is_never_refused(holdfast, fake):
    one, two = fake("one"), fake("two")
    one.behave("status_500")
    gateway = gateway_of(holdfast, one, two)
    for _ in range(ASKED):
        status, headers, _ = gateway.chat()
        assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert refused(gateway) == 0


def test_the_first_success_ends_the_outage(holdfast, fake):
    one, two = fake("one"), fake("two")
    one.behave("status_500")
    two.behave("status_500")
    gateway = gateway_of(holdfast, one, two)
    for _ in range(ASKED):
        gateway.chat()
    two.behave("good")
    failed = 0
    while gateway.chat()[0] != 200:
        failed += 1
        assert failed <= 10  # each earns a fifth of the attempt that finds out
    for _ in range(20):
        assert gateway.chat()[0] == 200
