"""Requests, prices and answers that would spend without bounds, for nothing, or a negative amount."""

import json
import subprocess

import pytest
from support import configs
from support.processes import BINARY, clean_environment, eventually
from support.scripted import Scripted

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"
MESSAGES = '"messages":[{"role":"user","content":"Hello"}]'
PRICE = {"input": 100, "output": 1000}


def budgeted(fake) -> dict:
    config = configs.through(fake)
    config["models"]["chat"]["targets"][0]["price"] = PRICE
    return config | {"budgets": {"all": {"amount": "50", "hard": "yes"}}}


def used(gateway) -> int:
    return gateway.admin("/api/v1/budgets")["data"][0]["used_nano_usd"]


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    return module_holdfast(budgeted(upstream))


REFUSED = ["-1", "0", "2147483648", "9223372036854775808", "1e400", "1.5", '"10"', "true", "[]"]


@pytest.mark.attack(38, 39)
@pytest.mark.invariant("CVE-2026-71479")
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", REFUSED)
def test_odd_numbers_of_tokens_reserve_nothing(gateway, upstream, field, value):
    upstream.clear()
    before = used(gateway)
    body = f'{{"model":"chat",{MESSAGES},"{field}":{value}}}'
    status, _, answer = gateway.ask("POST", PATH, body)
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, field), answer
    assert upstream.receipts() == [] and used(gateway) == before


@pytest.mark.attack(39)
def test_no_number_of_tokens_is_bounded_all_the_same(gateway):
    """null, as if it were not there: what the model can say at most is reserved."""
    before = used(gateway)
    status, headers, _ = gateway.ask(
        "POST", PATH, f'{{"model":"chat",{MESSAGES},"max_tokens":null}}'
    )
    assert status == 200
    (attempt,) = gateway.attempts_of(headers["x-request-id"], 1)
    assert 0 < attempt["charged_nano_usd"] <= attempt["reserved_nano_usd"]
    eventually(lambda: used(gateway) == before + attempt["charged_nano_usd"], "it is settled")


@pytest.mark.attack(38)
@pytest.mark.parametrize("number", ["1e400", "-0", "9223372036854775808", "0.1e-400", "1" * 400])
def test_numbers_that_nobody_here_needs_pass_digit_for_digit(gateway, upstream, number):
    upstream.clear()
    body = f'{{"model":"chat",{MESSAGES},"max_tokens":5,"seedlike":{number}}}'
    assert gateway.ask("POST", PATH, body)[0] == 200
    (receipt,) = upstream.receipts()
    assert f'"seedlike":{number}}}'.encode() in receipt["body"]


USAGES = [
    {"prompt_tokens": -5, "completion_tokens": -7, "total_tokens": -12},
    {"prompt_tokens": 2**63, "completion_tokens": 2**62, "total_tokens": 1},
    {"prompt_tokens": 1e300, "completion_tokens": 1},
    {"prompt_tokens": "5", "completion_tokens": None},
    {"prompt_tokens": 2**53, "completion_tokens": 2**53},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
]


@pytest.mark.attack(75)
@pytest.mark.invariant("CVE-2026-71479")
@pytest.mark.parametrize("usage", USAGES, ids=range(len(USAGES)))
def test_a_provider_that_tells_absurd_usage_gives_no_money_back(holdfast, usage):
    """What was reserved is charged where what was used cannot be true; never less than nothing."""
    said = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"},
                     "finish_reason": "stop"}],
    }  # fmt: skip
    one = Scripted("one", lambda _: (200, "application/json", [json.dumps(said).encode()]))
    gateway = holdfast(budgeted(one))
    status, headers, _ = gateway.ask("POST", PATH, f'{{"model":"chat",{MESSAGES},"max_tokens":5}}')
    one.stop()
    assert status == 200
    (attempt,) = gateway.attempts_of(headers["x-request-id"], 1)
    assert 0 <= attempt["charged_nano_usd"] <= attempt["reserved_nano_usd"]
    assert attempt["cost_nano_usd"] is None or attempt["cost_nano_usd"] >= 0
    if "total_tokens" not in usage or usage["total_tokens"] != 0:
        assert attempt["charged_nano_usd"] == attempt["reserved_nano_usd"]
    eventually(lambda: used(gateway) == attempt["charged_nano_usd"], "it is settled")


def priced(value) -> dict:
    config = budgeted(type("Nobody", (), {"name": "one", "base_url": "https://x.example/v1"}))
    config["models"]["chat"]["targets"][0]["price"] = {"input": value, "output": 1}
    return config


def limited(value) -> dict:
    config = priced(1)
    config["budgets"]["all"]["amount"] = value
    return config


WRONG = [-1, "-0.5", "1e30", "9223372036854775808", "99999999999999999999", "NaN", "inf", "0x10",
         "1,5", "", None, True, [1]]  # fmt: skip


@pytest.mark.attack(75)
@pytest.mark.invariant("CVE-2026-71479")
@pytest.mark.parametrize("what", [priced, limited], ids=["price", "budget"])
@pytest.mark.parametrize("value", WRONG, ids=map(str, WRONG))
def test_prices_and_amounts_that_are_no_money_are_refused(binary, tmp_path, what, value):
    file = tmp_path / "holdfast.yaml"
    file.write_text(json.dumps(what(value), indent=2))
    done = subprocess.run(
        [str(BINARY), "config", "check", str(file)],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    place = {"priced": "models.chat.targets[0].price.input", "limited": "budgets.all.amount"}
    assert done.returncode == 1 and f"{place[what.__name__]}: " in done.stdout, done.stdout


def schema(**fields) -> dict:
    return {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object"} | fields},
    }


LARGE = [
    ("a thousand choices", {"n": 1000}, 400),
    ("no choice", {"n": 0}, 400),
    ("a thousand stop words", {"stop": ["x"] * 1000}, 200),
    ("ten thousand tools", {"tools": [schema(title=f"t{i}") for i in range(10_000)]}, 200),
    ("a schema of 5 MB", {"tools": [schema(description="x" * 5_000_000)]}, 200),
    ("a schema within itself", {"tools": [schema(properties={"a": {"$ref": "#"}})]}, 200),
]


@pytest.mark.attack(40)
@pytest.mark.parametrize("family", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize(("fields", "status"), [c[1:] for c in LARGE], ids=[c[0] for c in LARGE])
def test_large_requests_are_refused_or_cost_what_they_weigh(holdfast, fake, family, fields, status):
    """Passed on in one dialect, translated to two others: a bounded memory, nobody falls over."""
    one = fake("one") if family == "openai" else fake("one", family=family)
    config = configs.through(one) | {"server": {"threads": 1}}
    if family != "openai":
        config["providers"]["one"] = configs.of_family(one)
        config["models"]["chat"]["lossy"] = "allow"
    gateway = holdfast(config)
    assert gateway.chat()[0] == 200
    before = gateway.rss_bytes()
    got, _, answer = gateway.chat(**fields)
    assert got == status or (family != "openai" and got in (200, 400)), answer[:300]
    assert got == 200 or json.loads(answer)["error"]["message"]
    assert gateway.rss_bytes() - before < 128 << 20
    assert gateway.chat()[0] == 200
