"""What a target's health does to traffic: brown-outs, recovery, flapping, reloads."""

import threading

import pytest
from support import configs, sse
from support.processes import eventually

pytestmark = pytest.mark.asan


def answered_by(instance, **fields) -> str:
    status, headers, body = instance.chat(**fields)
    assert status == 200, body
    return headers["x-holdfast-provider"]


def target_of(instance, name="one") -> dict:
    (model,) = instance.admin("/api/v1/status")["models"]
    return next(one for one in model["targets"] if one["provider"] == name)


def reloaded(instance, config) -> None:
    before = instance.admin("/api/v1/status")["snapshot_generation"]
    instance.reload(config)
    eventually(
        lambda: instance.admin("/api/v1/status")["snapshot_generation"] > before, "the new file"
    )


def with_health(config: dict, **health) -> dict:
    for provider in config["providers"].values():
        provider["health"] = health
    return config


def test_a_brown_out_moves_traffic_to_the_faster_target(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.through(one, two))
    for _ in range(12):
        assert answered_by(instance, stream=True) == "one"
    usual = target_of(instance)["usual_first_content_ms"]
    assert usual is not None and usual < 1000
    one.behave("good", delay_ms=int(5 * usual) + 1100, tokens=1)
    slow = 0
    while answered_by(instance, stream=True) == "one":
        slow += 1
        assert slow < 12, "three slow answers, and a second until they are judged"
    assert slow >= 3
    found = target_of(instance)
    assert (found["state"], found["reason"]) == ("open", "slow")


def test_a_brown_out_of_the_only_target_is_borne(holdfast, fake):
    one = fake("one")
    instance = holdfast(configs.through(one))
    for _ in range(12):
        answered_by(instance, stream=True)
    one.behave("good", delay_ms=1500, tokens=1)
    for _ in range(4):
        assert answered_by(instance, stream=True) == "one"
    assert target_of(instance)["state"] == "closed"


def test_traffic_returns_gradually(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(with_health(configs.through(one, two), open_first="3s", open_longest="3s"))
    one.behave("status_500", count=3)
    while answered_by(instance) == "two" and target_of(instance)["state"] == "closed":
        pass
    assert target_of(instance)["state"] == "open"
    eventually(lambda: answered_by(instance) == "one", "the probe that brings it back")
    share = target_of(instance)["share_percent"]
    assert share < 100, "it was out for three seconds and gets all after as many"
    after = [answered_by(instance) for _ in range(3)]
    assert "two" in after, after
    eventually(lambda: target_of(instance)["share_percent"] == 100, "it is back")
    assert answered_by(instance) == "one"


def test_a_target_that_flaps_is_left_alone_for_longer_each_time(holdfast, fake):
    one, two = fake("one"), fake("two")
    health = {"open_first": "300ms", "open_longest": "20s", "slow_start": "0s", "failures": 1}
    instance = holdfast(with_health(configs.through(one, two), **health))
    waits = []
    for _ in range(3):
        one.behave("status_500", count=1)
        assert answered_by(instance) == "two"
        found = target_of(instance)
        assert found["state"] == "open"
        waits.append(found["until_us"] - found["last_failure"]["at_us"])
        eventually(lambda: answered_by(instance) == "one", "it is up again")
    # 300, 600, 1200 ms and up to a fifth more each.
    for wait, at_least_ms in zip(waits, (300, 600, 1200), strict=True):
        assert 0.9 * at_least_ms <= wait / 1000 <= 1.3 * at_least_ms, waits


def test_an_error_rate_takes_a_target_out(holdfast, fake):
    one, two = fake("one"), fake("two")
    health = {"failures": 1000, "min_requests": 10, "error_rate": 40, "open_first": "60s"}
    instance = holdfast(with_health(configs.through(one, two), **health))
    for turn in range(20):
        one.behave("status_500" if turn % 2 else "good")
        answered_by(instance)
        if target_of(instance)["state"] == "open":
            break
    assert target_of(instance)["reason"] == "error_rate"
    one.behave("good")
    assert answered_by(instance) == "two"


def test_health_keeps_with_a_target_whose_place_in_the_file_moves(holdfast, fake):
    one, two, three = fake("one"), fake("two"), fake("three")
    instance = holdfast(configs.through(one, two))
    for _ in range(5):
        assert answered_by(instance, stream=True) == "one"
    one.behave("status_401")
    assert answered_by(instance) == "two"
    before = target_of(instance)
    assert before["state"] == "open" and before["usual_first_content_ms"] is not None
    reloaded(instance, configs.through(three, two, one))
    after = target_of(instance)
    moving = {"until_us", "told_limits"}  # told as what is left from now
    assert {name: after[name] for name in before if name not in moving} == {
        name: before[name] for name in before if name not in moving
    }
    assert abs(after["until_us"] - before["until_us"]) < 100_000
    fresh = target_of(instance, "three")
    assert fresh["attempts"] == 0 and fresh["state"] == "closed"
    assert answered_by(instance) == "three"


def test_ten_reloads_a_second_lose_nobody(holdfast, fake):
    one, two, three = fake("one"), fake("two"), fake("three")
    turns = [configs.through(one, two, three), configs.through(three, one), configs.through(two)]
    instance = holdfast(turns[0])
    stop, failures, count = threading.Event(), [], [0]

    def client():
        while not stop.is_set():
            status, _, body = instance.chat(stream=True)
            count[0] += 1
            if status != 200 or not sse.is_whole(body):
                failures.append((status, body))

    clients = [threading.Thread(target=client) for _ in range(3)]
    for thread in clients:
        thread.start()
    pace = threading.Event()
    for turn in range(40):
        instance.reload(turns[turn % 3])
        pace.wait(0.1)
    stop.set()
    for thread in clients:
        thread.join()
    assert count[0] > 40 and not failures, failures[:3]
