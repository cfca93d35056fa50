"""Money: what attempts cost, and budgets that are never overspent, whatever happens."""

import csv
import io
import json
import random
import threading
import time

import pytest
from support import configs, http_client
from support.processes import eventually

NANO = 1_000_000_000
# USD per million tokens, dear enough that a few requests matter.
PRICE = {"input": 100, "output": 1000}
IN_NANO, OUT_NANO = 100_000, 1_000_000
APP = "sk-app-0123456789"
SHOP = "sk-shop-9876543210"
BODY = {"model": "chat", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


def priced(*fakes, budgets=None, price=PRICE, **more) -> dict:
    config = configs.through(*fakes)
    if price is not None:
        for target in config["models"]["chat"]["targets"]:
            target["price"] = price
    config["server"] = {"threads": 3}
    return config | {"budgets": budgets or {}} | more


def cost_of(answer: dict) -> int:
    usage = answer["usage"]
    return usage["prompt_tokens"] * IN_NANO + usage["completion_tokens"] * OUT_NANO


def budget(instance, name="all") -> dict:
    return next(b for b in instance.admin("/api/v1/budgets")["data"] if b["name"] == name)


def ask(instance, headers=None, **fields):
    return instance.ask("POST", "/v1/chat/completions", BODY | fields, headers)


@pytest.mark.attack(75)
@pytest.mark.asan
def test_every_attempt_has_its_cost(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = priced(one, two)
    del config["models"]["chat"]["targets"][1]["price"]
    instance = holdfast(config)
    status, headers, body = ask(instance)
    assert status == 200
    want = cost_of(json.loads(body))
    (attempt,) = instance.attempts_of(headers["x-request-id"], 1)
    assert attempt["cost_nano_usd"] == want and attempt["charged_nano_usd"] == want
    known = instance.admin("/api/v1/prices")["data"]
    assert [target["known"] for target in known] == [True, False]
    assert attempt["price_version"] == known[0]["prices"][0]["version"]

    one.behave("status_500")
    _, headers, _ = ask(instance)
    failed, answered = instance.attempts_of(headers["x-request-id"], 2)
    assert failed["cost_nano_usd"] == 0, "a provider that refuses is not paid"
    assert answered["cost_nano_usd"] is None, "a price that is not known is not 0"
    samples = instance.metrics()
    at_one = 'provider="one",model="m1"'
    assert samples[f"holdfast_cost_usd_total{{{at_one}}}"] == pytest.approx(want / NANO)
    assert samples['holdfast_unknown_costs_total{provider="two",model="m1"}'] == 1

    rows = instance.admin("/api/v1/costs?by=provider")["data"]
    assert [(row["name"], row["cost_nano_usd"], row["unknown"]) for row in rows] == [
        ("one", want, 0),
        ("two", 0, 1),
    ]
    _, headers, text = instance.ask("GET", "/api/v1/costs?by=model&format=csv", admin=True)
    assert headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(text.decode()))
    assert row["model"] == "m1" and int(row["cost_nano_usd"]) == want and row["attempts"] == "3"
    status, _, answer = instance.ask("GET", "/api/v1/costs?by=nobody", admin=True)
    assert status == 400 and "logical_model" in json.loads(answer)["error"]["message"]


@pytest.mark.attack(74)
@pytest.mark.invariant("Budget bugs")
@pytest.mark.asan
def test_a_hard_budget_is_never_overspent(holdfast, fake):
    one = fake("one")
    amount = 600_000_000
    config = priced(one, budgets={"all": {"amount": "0.6", "period": "month", "hard": "yes"}})
    instance = holdfast(config)
    costs, refusals, lock = [], [], threading.Lock()

    def client():
        for _ in range(200):
            status, headers, body = ask(instance)
            with lock:
                if status == 200:
                    costs.append(cost_of(json.loads(body)))
                else:
                    refusals.append((status, headers, json.loads(body)["error"]))
            if status != 200:
                return

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert len(one.receipts()) == len(costs), "what was refused was not asked"
    assert sum(costs) <= amount
    assert sum(costs) > amount * 0.9, "refused long before it was used up"
    assert len(refusals) == 8
    for status, headers, error in refusals:
        assert status == 429 and error["code"] == "insufficient_quota"
        assert error["type"] == "insufficient_quota" and "budget all" in error["message"]
        assert headers["x-should-retry"] == "false"
    eventually(lambda: budget(instance)["used_nano_usd"] == sum(costs), "all is settled")
    eventually(
        lambda: [c["percent"] for c in budget(instance)["crossed"]] == [50, 75, 90],
        "the thresholds are told",
    )
    assert instance.metrics()['holdfast_budget_refused_total{budget="all"}'] == 8

    assert instance.stop() == 0
    again = holdfast(config, state=instance.state)
    assert budget(again)["used_nano_usd"] == sum(costs), "a restart forgets nothing"
    assert ask(again)[0] == 429
    config["budgets"]["all"]["amount"] = 2
    again.reload(config)
    eventually(lambda: ask(again)[0] == 200, "a larger amount takes effect at a reload")


@pytest.mark.asan
def test_warned_then_degraded_then_soft(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = priced(one)
    config["providers"]["two"] = configs.provider(two)
    config["models"]["cheap"] = {
        "targets": [{"provider": "two", "model": "m2", "price": {"input": 0}}]
    }
    config["budgets"] = {
        "chat": {
            "model": "chat",
            "amount": "0.02",
            "warn_at": 25,
            "degrade_at": 50,
            "degrade_to": "cheap",
        },
        "told": {"amount": "0.001"},
    }
    instance = holdfast(config)
    _, headers, _ = ask(instance)
    assert "x-holdfast-budget" not in headers and "x-holdfast-degraded" not in headers
    _, headers, _ = ask(instance)
    assert "chat=" in headers["x-holdfast-budget"] and "told=" in headers["x-holdfast-budget"]
    for _ in range(3):
        status, headers, _ = ask(instance)
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert headers["x-holdfast-degraded"] == "chat -> cheap: budget chat"
    soft = budget(instance, "told")
    assert soft["used_nano_usd"] > soft["amount_nano_usd"] and not soft["hard"]
    eventually(lambda: "budget told: " in instance.log(), "a soft budget is only told")


@pytest.mark.asan
def test_who_is_counted_and_who_is_never_stopped(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = priced(one, two)
    config["keys"] = {
        "app": {"key": "env:APP", "team": "red"},
        "shop": {"key": "env:SHOP", "team": "red", "class": "critical_revenue"},
    }
    config["budgets"] = {
        "red": {"team": "red", "amount": "0.1", "hard": "yes"},
        "first": {"provider": "one", "amount": 0, "hard": "yes"},
    }
    instance = holdfast(config, env={"APP": APP, "SHOP": SHOP})
    app, shop = ({"authorization": f"Bearer {key}"} for key in (APP, SHOP))
    status, headers, _ = ask(instance, app)
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert headers["x-holdfast-fallback-reason"] == "over_budget"
    assert headers["x-holdfast-attempts"] == "1", "what was not asked is no attempt"
    status, _, body = ask(instance, app, max_tokens=1000)
    assert status == 429 and "budget" in json.loads(body)["error"]["message"]
    assert ask(instance, shop, max_tokens=1000)[0] == 200
    assert budget(instance, "red")["forced"] == 1
    eventually(lambda: "critical_revenue goes on" in instance.log(), "somebody is paged")
    assert "is critical_revenue: it is never stopped" in instance.log(), "config warns of it"


@pytest.mark.attack(75)
@pytest.mark.invariant("LiteLLM prices")
@pytest.mark.asan
def test_an_unknown_price_under_a_hard_budget(holdfast, fake):
    one = fake("one")
    hard = {"all": {"amount": 1, "hard": "yes"}}
    instance = holdfast(priced(one, budgets=hard, price=None))
    status, _, body = ask(instance)
    assert status == 429
    assert "the price of one/m1 is not known" in json.loads(body)["error"]["message"]
    assert not one.receipts() and "one/m1 has no price" in instance.log()
    stands_in = priced(one, budgets=hard, price=None, prices={"fallback": PRICE})
    instance = holdfast(stands_in)
    status, headers, body = ask(instance)
    assert status == 200
    (attempt,) = instance.attempts_of(headers["x-request-id"], 1)
    assert attempt["cost_nano_usd"] is None
    assert attempt["charged_nano_usd"] == cost_of(json.loads(body))


KILLS = 50


@pytest.mark.attack(101)
@pytest.mark.invariant("Redis Sentinel")
@pytest.mark.timeout(400)
def test_kills_lose_no_money(holdfast, fake, tmp_path):
    """kill -9 at any moment: what the records charge is what the budget has used, never too much."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    one = fake("one", receipts=tmp_path / "receipts")
    amount = 8 * NANO
    budgets = {"all": {}, "of-the-model": {"model": "chat"}}
    for one_of_them in budgets.values():
        one_of_them |= {"amount": 8, "period": "month", "hard": "yes"}
    config = priced(one, budgets=budgets)
    state = tmp_path / "state"
    requests = [
        http_client.post("/v1/chat/completions", json.dumps(body).encode())
        for body in (BODY, BODY | {"stream": True})
    ]
    answered = []
    for _ in range(KILLS):
        instance = holdfast(config, state=state)
        stop = threading.Event()

        def client(request, port=instance.app_port, stop=stop):
            while not stop.is_set():
                try:
                    with http_client.Connection(port) as connection:
                        while not stop.is_set():
                            connection.send(request)
                            answered.append(connection.answer().status)
                except (OSError, EOFError, ValueError):
                    pass

        clients = [
            threading.Thread(target=client, args=(requests[number % 2],)) for number in range(8)
        ]
        for thread in clients:
            thread.start()
        time.sleep(choose.choice([0.0, 0.01, 0.03]) + choose.random() * 0.05)  # the moment
        instance.kill()
        stop.set()
        for thread in clients:
            thread.join()

    instance = holdfast(config, state=state)
    used = budget(instance)["used_nano_usd"]
    of_the_model = budget(instance, "of-the-model")["used_nano_usd"]
    attempts = instance.attempts()
    charged = sum(
        a["charged_nano_usd"] if a["state"] == "settled" else a["reserved_nano_usd"]
        for a in attempts
    )
    receipts = (tmp_path / "receipts").read_text().splitlines()
    each = cost_of(json.loads(ask(holdfast(priced(fake("two"))))[2]))
    print(
        f"{KILLS} kills: {len(attempts)} attempts, {len(receipts)} receipts, used {used}, "
        f"billed {len(receipts) * each} of {amount}"
    )
    assert len(attempts) > KILLS / 2 and 200 in answered
    assert used == of_the_model == charged, "the budget and the records tell the same"
    assert len(receipts) * each <= used <= amount, "never more was billed than is counted"
