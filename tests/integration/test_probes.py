"""Probes: a target that is out is found to be back without a client's request."""

import json

import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan


def probed(*fakes, **probe) -> dict:
    config = configs.through(*fakes)
    for provider in config["providers"].values():
        provider["probe"] = {"every": "200ms", "timeout": "5s"} | probe
    return config


def answered_by(instance) -> str:
    status, headers, body = instance.chat()
    assert status == 200, body
    return headers["x-holdfast-provider"]


def target_of(instance, name="one") -> dict:
    (model,) = instance.admin("/api/v1/status")["models"]
    return next(one for one in model["targets"] if one["provider"] == name)


def is_back(instance):
    eventually(lambda: target_of(instance)["state"] == "closed", "a probe finds that it is back")
    assert "target one/m1 is back, as a probe found" in instance.log()


def ended(instance, failure: str) -> float:
    name = f'holdfast_probes_total{{provider="one",model="m1",failure="{failure}"}}'
    return instance.metrics().get(name, 0)


def paths(fake) -> list[str]:
    return [receipt["method"] + " " + receipt["path"] for receipt in fake.receipts()]


def test_the_list_of_models_finds_a_connection_that_is_back(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two))
    one.listen(False)
    assert answered_by(instance) == "two"
    eventually(lambda: ended(instance, "connect") >= 2, "probes that fail")
    for _ in range(10):
        status, headers, _ = instance.chat()
        assert status == 200 and headers["x-holdfast-attempts"] == "1", "no client finds out"
    one.listen(True)
    is_back(instance)
    assert set(paths(one)) == {"GET /v1/models"}
    assert one.receipts()[0]["header"]["authorization"] == "Bearer sk-upstream-secret"
    assert ended(instance, "none") == 1
    assert answered_by(instance) == "one"


def test_the_list_of_models_finds_a_key_that_is_taken_again(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two))
    one.behave("status_401")
    assert answered_by(instance) == "two"
    eventually(lambda: ended(instance, "revoked") >= 2, "probes that are refused")
    one.behave("good")
    is_back(instance)
    assert paths(one).count("POST /v1/chat/completions") == 1


def test_a_list_of_models_says_nothing_of_failing_answers(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two))
    one.behave("status_500")
    eventually(
        lambda: answered_by(instance) and target_of(instance)["state"] == "open", "it is out"
    )
    eventually(lambda: target_of(instance)["state"] == "half_open", "its time is over")
    assert all(path.startswith("POST") for path in paths(one))
    one.behave("good")
    eventually(lambda: answered_by(instance) == "one", "a request finds out")


def test_a_completion_of_one_token_finds_answers_that_are_back(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two, kind="completion"))
    one.behave("status_500")
    eventually(
        lambda: answered_by(instance) and target_of(instance)["state"] == "open", "it is out"
    )
    asked = len(one.receipts())
    eventually(lambda: ended(instance, "server_error") >= 1, "a probe that fails")
    one.behave("good")
    is_back(instance)
    body = json.loads(one.receipts()[asked]["body"])
    assert body["model"] == "m1" and body.get("max_tokens", body.get("max_completion_tokens")) == 1
    assert not body.get("stream")


def test_completions_have_a_budget(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two, kind="completion", per_day=2))
    one.behave("status_401")
    assert answered_by(instance) == "two"
    eventually(lambda: "its 2 completions as probes" in instance.log(), "they are spent")
    assert ended(instance, "revoked") == 2
    assert len(one.receipts()) == 3, "one request and two probes"


def test_what_is_well_frozen_or_taken_out_is_not_probed(holdfast, fake):
    one, two, three = fake("one"), fake("two"), fake("three")
    instance = holdfast(probed(one, two, three))
    for target, action in (("one", "freeze"), ("two", "drain")):
        body = {"action": action, "target": target}
        assert instance.ask("POST", "/api/v1/targets", body, admin=True)[0] == 200
    one.behave("status_401")
    assert answered_by(instance) == "three"
    generation = instance.admin("/api/v1/status")["now_us"]
    eventually(
        lambda: instance.admin("/api/v1/status")["now_us"] > generation + 2_500_000, "two ticks"
    )
    assert paths(one) == ["POST /v1/chat/completions"]
    assert paths(two) == [] and paths(three) == ["POST /v1/chat/completions"]


def test_a_stop_does_not_wait_for_a_probe(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(probed(one, two, timeout="60s"))
    one.behave("status_401", count=1)
    assert answered_by(instance) == "two"
    one.behave("blackhole")
    eventually(lambda: one.state()["open"] == 1, "a probe is under way")
    assert instance.stop() == 0
