"""How long each region takes, from where Holdfast runs: in the API and on the status page's facts."""

import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan


def pairs(instance):
    return {one["to"]: one for one in instance.admin("/api/v1/regions")["pairs"]}


def test_each_region_of_the_targets_is_told(holdfast, fake):
    one, two, three = fake("one"), fake("two"), fake("three")
    config = configs.through(one, two, three) | {"server": {"region": "eu-central"}}
    config["providers"]["one"]["region"] = "us-east"
    config["providers"]["two"]["region"] = "us-east"
    instance = holdfast(config)
    before = pairs(instance)
    assert {to: found["targets"] for to, found in before.items()} == {"us-east": 2, None: 1}
    assert before["us-east"]["from"] == "eu-central" and before["us-east"]["attempts"] == 0
    assert before["us-east"]["first_content_ms"] == {"p50": None, "p95": None}

    one.behave("status_503")
    for stream in (False, True, True):
        assert instance.chat(stream=stream)[1]["x-holdfast-provider"] == "two"
    # The last stream is counted when its end has been sent.
    eventually(
        lambda: pairs(instance)["us-east"]["attempts"] >= 4, "those that failed count as well"
    )
    far, unsaid = pairs(instance)["us-east"], pairs(instance)[None]
    assert unsaid["attempts"] == 0
    for kind in ("first_content_ms", "total_ms"):
        assert 0 < far[kind]["p50"] <= far[kind]["p95"]
    assert instance.admin("/api/v1/status")["regions"] == instance.admin("/api/v1/regions")["pairs"]


def test_slow_answers_are_seen(holdfast, fake):
    near, far = fake("near"), fake("far")
    config = configs.through(near, far)
    config["providers"]["near"]["region"] = "here"
    config["providers"]["far"]["region"] = "there"
    instance = holdfast(config)
    far.behave("good", delay_ms=600, tokens=1)
    near.listen(False)
    assert instance.chat(stream=True)[1]["x-holdfast-provider"] == "far"
    eventually(lambda: pairs(instance)["there"]["attempts"] == 1, "the attempt is counted")
    assert pairs(instance)["there"]["first_content_ms"]["p50"] >= 500
    assert pairs(instance)["here"]["first_content_ms"]["p50"] is None
