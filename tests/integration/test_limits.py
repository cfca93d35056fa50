"""Limits of keys, teams, models and providers: who is refused, who is passed over, what SDKs see."""

import concurrent.futures
import datetime
import json
import time

import anthropic
import openai
import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan

KEYS = {"APP": "sk-app-0123456789ab", "WEB": "sk-web-0123456789ab", "ALL": "sk-all-0123456789ab"}
HELLO = [{"role": "user", "content": "Hello"}]


def keyed(fake, **parts):
    """`chat` through `fake`, with the keys app and web of the team shop, and `free` of none."""
    config = configs.through(fake) | {
        "keys": {
            "app": {"key": "env:APP", "team": "shop"},
            "web": {"key": "env:WEB", "team": "shop"},
            "free": {"key": "env:ALL"},
        },
        # One thread has given back what one request took before it reads the next.
        "server": {"threads": 1},
    }
    for path, limits in parts.items():
        kind, name = path.split("_")
        config.setdefault(kind, {}).setdefault(name, {})["limits"] = limits
    return config


def as_key(name):
    return {"authorization": f"Bearer {KEYS[name]}"}


def sdk(gateway, name):
    return openai.OpenAI(base_url=gateway.app_url + "/v1", api_key=KEYS[name], max_retries=0)


SCOPES = [
    ("keys_app", "keys.app.limits.requests_per_minute", ["WEB", "ALL"]),
    ("teams_shop", "teams.shop.limits.requests_per_minute", ["ALL"]),
    ("models_chat", "models.chat.limits.requests_per_minute", []),
    ("providers_one", "providers.one.limits.requests_per_minute", []),
]


@pytest.mark.attack(79)
@pytest.mark.parametrize(("path", "name", "spared"), SCOPES, ids=[s[0] for s in SCOPES])
def test_the_sdk_sees_a_rate_limit_error_with_the_limits_name(holdfast, fake, path, name, spared):
    one = fake("one")
    gateway = holdfast(keyed(one, **{path: {"requests_per_minute": 2}}), env=KEYS)
    client = sdk(gateway, "APP")
    for _ in range(2):
        client.chat.completions.create(model="chat", messages=HELLO)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="chat", messages=HELLO)
    headers = refused.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 30
    assert 1 <= int(headers["retry-after-ms"]) <= 30_000
    assert name in str(refused.value) and refused.value.code == "rate_limit_exceeded"
    assert len(one.receipts()) == 2, "what is refused asks nobody"
    for other in spared:
        sdk(gateway, other).chat.completions.create(model="chat", messages=HELLO)
    scope = path.split("_")[0].rstrip("s")
    counted = f'holdfast_requests_limited_total{{scope="{scope}",limit="requests_per_minute"}}'
    assert gateway.metrics()[counted] == 1


def test_a_provider_that_is_full_is_passed_over(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    config["providers"]["one"]["limits"] = {"requests_per_minute": 3}
    gateway = holdfast(config)
    answers = [gateway.chat() for _ in range(5)]
    assert [status for status, _, _ in answers] == [200] * 5
    assert [h["x-holdfast-provider"] for _, h, _ in answers] == ["one"] * 3 + ["two"] * 2
    assert all(h["x-holdfast-attempts"] == "1" for _, h, _ in answers), "not asked, no attempt"
    assert len(one.receipts()) == 3


def test_what_a_budget_refuses_uses_up_no_providers_limit(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    config["models"]["other"] = json.loads(json.dumps(config["models"]["chat"]))
    config["providers"]["one"]["limits"] = {"requests_per_minute": 1}
    config["models"]["chat"]["targets"][0]["price"] = {"input": 1, "output": 1}
    config["models"]["chat"]["targets"][1]["price"] = {"input": 0, "output": 0}
    config["budgets"] = {"nothing": {"model": "chat", "amount": 0, "hard": "yes"}}
    gateway = holdfast(config | {"server": {"threads": 1}})
    for _ in range(4):
        status, headers, _ = gateway.chat()
        assert status == 200 and headers["x-holdfast-provider"] == "two"
        assert headers["x-holdfast-fallback-reason"] == "over_budget"
    answers = [gateway.chat(model="other") for _ in range(2)]
    assert [h["x-holdfast-provider"] for _, h, _ in answers] == ["one", "two"]
    assert len(one.receipts()) == 1


def test_tokens_are_estimated_then_counted(holdfast, fake):
    one = fake("one")
    one.behave("good", tokens=590)
    gateway = holdfast(keyed(one, keys_app={"tokens_per_minute": 600}), env=KEYS)
    start = time.monotonic()
    status, headers, body = gateway.chat(headers=as_key("APP"))
    assert status == 200 and headers["x-ratelimit-limit-tokens"] == "600"
    assert int(headers["x-ratelimit-remaining-tokens"]) > 500, "the answer is not counted yet"
    used = json.loads(body)["usage"]["total_tokens"]
    assert used >= 590
    _, headers, _ = gateway.chat(headers=as_key("APP"))
    refilled = 10 * (time.monotonic() - start) + 1
    assert int(headers["x-ratelimit-remaining-tokens"]) <= 600 - used + refilled
    # Both answers together were twice what a minute has: the next one waits.
    status, headers, body = gateway.chat(headers=as_key("APP"))
    assert status == 429
    assert "keys.app.limits.tokens_per_minute (600)" in json.loads(body)["error"]["message"]


def test_what_can_never_fit_is_not_to_be_retried(holdfast, fake):
    one = fake("one")
    gateway = holdfast(keyed(one, keys_app={"tokens_per_minute": 1_000}), env=KEYS)
    long = [{"role": "user", "content": "word " * 4_000}]
    status, headers, body = gateway.chat(headers=as_key("APP"), messages=long)
    assert status == 429 and headers["x-should-retry"] == "false"
    assert "retry-after" not in headers
    assert "keys.app.limits.tokens_per_minute (1000)" in json.loads(body)["error"]["message"]
    assert gateway.chat(headers=as_key("APP"))[0] == 200, "a short one fits"
    assert len(one.receipts()) == 1


def test_tokens_of_a_failed_request_are_given_back(holdfast, fake):
    one = fake("one")
    one.behave("status_500")
    gateway = holdfast(keyed(one, keys_app={"tokens_per_minute": 1_000}), env=KEYS)
    medium = [{"role": "user", "content": "word " * 600}]
    for _ in range(4):  # 750 tokens each: only one would fit
        status, headers, _ = gateway.chat(headers=as_key("APP"), messages=medium)
        assert status == 502


def test_headers_in_the_clients_dialect(holdfast, fake):
    one = fake("one")
    limits = {"requests_per_minute": 60, "tokens_per_minute": 100_000}
    gateway = holdfast(keyed(one, keys_app=limits), env=KEYS)
    client = anthropic.Anthropic(base_url=gateway.app_url, api_key=KEYS["APP"], max_retries=0)
    raw = client.messages.with_raw_response.create(model="chat", max_tokens=9, messages=HELLO)
    assert raw.headers["anthropic-ratelimit-requests-limit"] == "60"
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "59"
    datetime.datetime.fromisoformat(raw.headers["anthropic-ratelimit-requests-reset"])
    assert raw.headers["anthropic-ratelimit-tokens-limit"] == "100000"
    assert not any(name.startswith("x-ratelimit") for name in raw.headers)
    _, headers, _ = gateway.chat(headers=as_key("APP"))
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "58"
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    _, headers, _ = gateway.chat(headers=as_key("ALL"))
    assert not any("ratelimit" in name for name in headers), "a key without limits"
    path = "/v1beta/models/chat:generateContent"
    parts = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    status, headers, _ = gateway.ask("POST", path, parts, {"x-goog-api-key": KEYS["APP"]})
    assert status == 200 and not any("ratelimit" in name for name in headers)


def test_anthropics_sdk_sees_its_own_error(holdfast, fake):
    gateway = holdfast(keyed(fake("one"), keys_app={"requests_per_minute": 1}), env=KEYS)
    client = anthropic.Anthropic(base_url=gateway.app_url, api_key=KEYS["APP"], max_retries=0)
    client.messages.create(model="chat", max_tokens=9, messages=HELLO)
    with pytest.raises(anthropic.RateLimitError) as refused:
        client.messages.create(model="chat", max_tokens=9, messages=HELLO)
    assert refused.value.body["error"]["type"] == "rate_limit_error"
    assert int(refused.value.response.headers["retry-after"]) > 0


def test_never_more_at_once_than_the_limit_on_several_threads(holdfast, fake):
    one = fake("one")
    one.behave("slow_headers")
    config = keyed(one, keys_app={"concurrent_requests": 5}) | {"server": {"threads": 4}}
    gateway = holdfast(config, env=KEYS)
    with concurrent.futures.ThreadPoolExecutor(24) as clients:
        asked = [clients.submit(gateway.chat, headers=as_key("APP")) for _ in range(24)]
        # All but five are refused while those five are held.
        eventually(lambda: sum(one.done() for one in asked) == 19, "the refusals")
        assert one.state()["open"] == 5
        one.release()
        statuses = sorted(future.result()[0] for future in asked)
    assert statuses == [200] * 5 + [429] * 19
    one.behave("good")
    # Each place is free again.
    assert [gateway.chat(headers=as_key("APP"))[0] for _ in range(6)] == [200] * 6


ENDS = ["client leaves", "cut stream", "refused by the provider"]


@pytest.mark.parametrize("end", ENDS)
def test_a_place_is_given_back_however_the_request_ends(holdfast, fake, end):
    one = fake("one")
    config = keyed(
        one, keys_app={"concurrent_requests": 1}, providers_one={"concurrent_requests": 1}
    )
    gateway = holdfast(config, env=KEYS)
    if end == "client leaves":
        one.behave("slow_headers")
        with pytest.raises(TimeoutError):
            gateway.chat(headers=as_key("APP"), timeout=0.5)
        one.behave("good")
    elif end == "cut stream":
        one.behave("cut_after", after=2, count=1)
        gateway.chat(headers=as_key("APP"), stream=True)
    else:
        one.behave("status_400", count=1)
        assert gateway.chat(headers=as_key("APP"))[0] == 400
    eventually(lambda: gateway.chat(headers=as_key("APP"))[0] == 200, "a free place")


def test_a_reload_forgets_nothing(holdfast, fake):
    one = fake("one")
    config = keyed(one, keys_app={"requests_per_minute": 4})
    gateway = holdfast(config, env=KEYS)
    for _ in range(3):
        assert gateway.chat(headers=as_key("APP"))[0] == 200
    config["keys"]["app"]["limits"]["requests_per_minute"] = 5
    gateway.reload(config)
    eventually(lambda: gateway.admin("/api/v1/status")["snapshot_generation"] == 2, "the reload")

    def refused_by_the_new_limit():
        status, headers, _ = gateway.chat(headers=as_key("APP"))
        return status == 429 and headers["x-ratelimit-limit-requests"] == "5"

    eventually(refused_by_the_new_limit, "the end of the new limit")
    assert len(one.receipts()) <= 5
