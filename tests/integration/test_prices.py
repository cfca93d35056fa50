"""Prices: what was agreed decides who is asked, and everybody can look it up."""

import json

import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan


def priced(one, two, *prices) -> dict:
    config = configs.through(one, two, policy="least_cost")
    config["prices"] = {"list": list(prices)}
    return config


def test_the_cheapest_is_asked_and_a_reload_changes_who_that_is(holdfast, fake):
    one, two = fake("one"), fake("two")
    dear = {"provider": "one", "model": "*", "input": 10, "output": 30}
    cheap = {"provider": "two", "model": "m1", "input": "0.5", "output": "1.5"}
    instance = holdfast(priced(one, two, dear, cheap))
    assert instance.chat()[1]["x-holdfast-provider"] == "two"
    instance.reload(priced(one, two, dear, cheap | {"output": 300}))
    eventually(
        lambda: instance.chat()[1]["x-holdfast-provider"] == "one", "what is dearer comes later"
    )


def test_a_price_that_is_over_is_not_known(holdfast, fake):
    one, two = fake("one"), fake("two")
    over = {"provider": "one", "model": "m1", "input": 0, "until": "2020-01-01"}
    agreed = {"provider": "two", "model": "m1", "input": 9, "output": 9, "source": "contract 17"}
    instance = holdfast(priced(one, two, over, agreed))
    assert instance.chat()[1]["x-holdfast-provider"] == "two", "unknown prices come last"
    first, second = instance.admin("/api/v1/prices")["data"]
    assert not first["known"] and first["prices"][0]["until"] == "2020-01-01"
    assert not first["prices"][0]["in_force"]
    assert second["known"] and second["prices"][0]["source"] == "contract 17"
    assert second["prices"][0]["pico_usd_per_token"]["input"] == 9_000_000


@pytest.mark.invariant("LiteLLM prices")
def test_a_broken_list_leaves_the_prices_in_force(holdfast, fake, tmp_path):
    one, two = fake("one"), fake("two")
    config = priced(one, two, {"provider": "two", "model": "m1", "input": 1, "output": 1})
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({}))
    config["prices"]["file"] = str(prices)
    instance = holdfast(config)
    prices.write_text('{"m": {"litellm_provider": "openai", "mode": "chat", ')
    instance.reload(config)
    warnings = eventually(lambda: instance.admin("/readyz")["warnings"], "the reload is refused")
    assert "prices.file: not JSON" in warnings[0]
    assert instance.chat()[1]["x-holdfast-provider"] == "two"
