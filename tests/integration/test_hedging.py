"""A request whose target is late asks the next one too; who has content first answers, once."""

import json
import re
import threading

import pytest
from support import configs, hedges, http_client, sse
from support.processes import eventually

pytestmark = pytest.mark.asan

WHOLE = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
STREAM = b'{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
# The same question in each client's dialect: path and body, streamed.
CLIENTS = {
    "openai": ("/v1/chat/completions", STREAM),
    "completions": ("/v1/completions", b'{"model":"chat","stream":true,"prompt":"Hi"}'),
    "responses": (
        "/v1/responses",
        b'{"model":"chat","stream":true,"store":false,"input":"Hi"}',
    ),
    "anthropic": (
        "/v1/messages",
        b'{"model":"chat","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}',
    ),
    "gemini": (
        "/v1beta/models/chat:streamGenerateContent?alt=sse",
        b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}',
    ),
    "bedrock": (
        "/model/chat/converse-stream",
        b'{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}',
    ),
}
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


class Question(threading.Thread):
    """One request under way; `answer()` waits for (status, headers, body)."""

    def __init__(self, instance, path="/v1/chat/completions", body=STREAM):
        super().__init__()
        self.arguments = (instance, path, body)
        self.found = None
        self.start()

    def run(self):
        instance, path, body = self.arguments
        self.found = instance.ask("POST", path, body, HEADERS)

    def answer(self):
        self.join()
        return self.found


def asked(fake, before: int):
    """Waits until the fake has been asked once more than `before`."""
    eventually(lambda: fake.state()["requests"] > before, f"{fake.name} is asked")


def has_failed(gateway, fake):
    """Waits until an attempt at the fake has ended in an error of its own."""
    sample = f'holdfast_attempts_total{{provider="{fake.name}",model="m1",failure="server_error"}}'
    eventually(lambda: gateway.metrics().get(sample), f"{fake.name} has failed")


def text_of(body: bytes, stream: bool) -> str:
    if stream:
        assert sse.is_whole(body)
        return sse.text(body)
    return json.loads(body)["choices"][0]["message"]["content"]


def hold(fake, then="good") -> int:
    """Holds every answer of the fake back until it is released; how often it was asked before."""
    fake.behave("when_released", then=then)
    return fake.state()["requests"]


def total(metrics, name: str, provider: str) -> float:
    return metrics.get(f'{name}{{provider="{provider}",model="m1"}}', 0)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_the_second_answers_when_the_first_is_late(holdfast, fake, stream):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, stream)
    sent = gateway.metrics()
    hold(one)
    status, headers, body = gateway.chat(stream=stream)
    assert status == 200 and text_of(body, stream) == "Hello from two w3 w4"
    assert headers["x-holdfast-provider"] == "two" and headers["x-holdfast-attempts"] == "2"
    assert headers["x-holdfast-hedge"] == "won"
    assert "x-holdfast-fallback-reason" not in headers
    first, second = gateway.attempts_of(headers["x-request-id"], 2)
    assert (first["provider"], first["failure"]) == ("one", "hedge_lost")
    assert not first["committed"] and not first["client_left"]
    assert (second["provider"], second["failure"]) == ("two", "none") and second["committed"]
    now = gateway.metrics()
    for name, provider in (("hedges", "two"), ("hedges_won", "two")):
        full = f"holdfast_{name}_total"
        assert total(now, full, provider) == total(sent, full, provider) + 1
    eventually(lambda: one.state()["open"] == 0, "the loser's connection is closed")
    target = gateway.admin("/api/v1/status")["models"][0]["targets"][0]
    assert target["provider"] == "one" and target["state"] == "closed"
    assert target["consecutive_failures"] == 0


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_the_first_answers_when_it_is_first(holdfast, fake, stream):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, stream)
    hold(one)
    before = hold(two)
    question = Question(gateway, body=STREAM if stream else WHOLE)
    asked(two, before)
    one.release()
    status, headers, body = question.answer()
    assert status == 200 and text_of(body, stream) == "Hello from one w3 w4"
    assert headers["x-holdfast-provider"] == "one" and headers["x-holdfast-attempts"] == "2"
    assert headers["x-holdfast-hedge"] == "lost"
    first, second = gateway.attempts_of(headers["x-request-id"], 2)
    assert first["failure"] == "none" and second["failure"] == "hedge_lost"
    eventually(lambda: two.state()["open"] == 0, "the loser's connection is closed")


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_one_answer_in_its_dialect(holdfast, fake, client):
    """Both attempts have begun a stream; nothing of the loser's reaches the client."""
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    path, body = CLIENTS[client]
    hedges.learn(gateway, True)
    one.behave("hold_after", after=0)
    status, headers, answer = gateway.ask("POST", path, body, HEADERS)
    assert status == 200, answer
    assert headers["x-holdfast-provider"] == "two" and headers["x-holdfast-hedge"] == "won"
    assert re.search(rb"\btwo\b", answer) and not re.search(rb"\bone\b", answer), answer
    begins = {"anthropic": b"event: message_start", "responses": b"event: response.created"}
    assert answer.count(begins.get(client, b"Hello")) >= 1
    if client in begins:
        assert answer.count(begins[client]) == 1


def test_two_dialects_race(holdfast, fake):
    """The first is asked by translation, the second gets the client's bytes."""
    one, two = fake("one", family="anthropic"), fake("two")
    config = hedges.hedging(two)
    config["providers"]["one"] = configs.of_family(one)
    target = {"provider": "one", "model": "m1"}
    config["models"]["chat"]["targets"].insert(0, target)
    config["models"]["chat"]["hedge"] = hedges.QUICKLY
    gateway = holdfast(config)
    hedges.learn(gateway, True)
    one.behave("hold_after", after=0)
    status, headers, body = gateway.chat(stream=True)
    assert status == 200 and text_of(body, True) == "Hello from two w3 w4"
    assert headers["x-holdfast-hedge"] == "won"


def test_the_hedge_carries_on_when_the_first_fails(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, True)
    hold(one, then="status_500")
    before = hold(two)
    question = Question(gateway)
    asked(two, before)
    one.release()
    has_failed(gateway, one)
    two.release()
    status, headers, body = question.answer()
    assert status == 200 and text_of(body, True) == "Hello from two w3 w4"
    assert headers["x-holdfast-fallback-reason"] == "server_error"
    assert headers["x-holdfast-attempts"] == "2" and headers["x-holdfast-hedge"] == "won"


def test_the_first_carries_on_when_the_hedge_fails(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, True)
    hold(one)
    two.behave("status_500")
    question = Question(gateway)
    has_failed(gateway, two)
    one.release()
    status, headers, body = question.answer()
    assert status == 200 and text_of(body, True) == "Hello from one w3 w4"
    assert headers["x-holdfast-hedge"] == "lost" and headers["x-holdfast-attempts"] == "2"
    assert "x-holdfast-fallback-reason" not in headers, "no answer came from elsewhere"


def test_failover_goes_on_when_both_fail(holdfast, fake):
    one, two, three = fake("one"), fake("two"), fake("three")
    gateway = holdfast(hedges.hedging(one, two, three))
    hedges.learn(gateway, True)
    hold(one, then="status_500")
    before = hold(two, then="status_503")
    question = Question(gateway)
    asked(two, before)
    two.release()
    one.release()
    status, headers, body = question.answer()
    assert status == 200 and text_of(body, True) == "Hello from three w3 w4"
    assert headers["x-holdfast-attempts"] == "3"
    assert headers["x-holdfast-fallback-reason"] == "server_error, overloaded"


def test_what_the_first_refuses_is_refused(holdfast, fake):
    """The caller's fault is told at once: no second opinion is waited for."""
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, True)
    hold(one, then="status_400")
    before = hold(two)
    question = Question(gateway)
    asked(two, before)
    one.release()
    status, headers, body = question.answer()
    assert status == 400 and json.loads(body)["error"]["param"] == "messages"
    assert headers["x-holdfast-provider"] == "one"
    first, second = gateway.attempts_of(headers["x-request-id"], 2)
    assert first["failure"] == "bad_request" and second["failure"] == "hedge_lost"


def test_comments_come_from_one_side_at_a_time(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two, hold_keepalive="50ms"))
    hedges.learn(gateway, True)
    hold(one)
    before = hold(two)
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(http_client.post("/v1/chat/completions", STREAM))
        status, headers, _ = connection.head()
        assert status == 200
        pieces, got = connection.pieces(headers), b""
        asked(two, before)
        while got.count(b": keep-alive\n\n") < 5:
            got += next(pieces)
        two.release()
        got += b"".join(pieces)
    assert text_of(got, True) == "Hello from two w3 w4"


def test_a_client_that_leaves_ends_both(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, True)
    hold(one)
    before = hold(two)
    post = http_client.post("/v1/chat/completions", STREAM, {"x-request-id": "leaving"})
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(post)
        asked(two, before)
    first, second = gateway.attempts_of("leaving", 2)
    assert first["failure"] == second["failure"] == "client_left"
    eventually(lambda: one.state()["open"] + two.state()["open"] == 0, "both are cancelled")


def test_draining_ends_both(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = hedges.hedging(one, two)
    config["server"]["drain_timeout"] = "100ms"
    gateway = holdfast(config)
    hedges.learn(gateway, True)
    hold(one)
    before = hold(two)
    question = Question(gateway)
    asked(two, before)
    assert gateway.stop() == 0
    assert question.answer()[0] == 503


@pytest.mark.parametrize(
    "rule, changes",
    [
        ("what the provider keeps is not asked for twice", {"store": True}),
        ("a search of the provider's is not made twice", {"web_search_options": {}}),
    ],
)
def test_what_is_not_repeatable_is_not_hedged(holdfast, fake, rule, changes):
    one, two = fake("one"), fake("two")
    gateway = holdfast(hedges.hedging(one, two))
    hedges.learn(gateway, False)
    asked_before = one.state()["requests"]
    two_before = two.state()["requests"]
    one.behave("busy", slots=1, service_ms=400)
    _, headers, _ = gateway.chat(**changes)
    assert headers["x-holdfast-provider"] == "one", rule
    assert one.state()["requests"] == asked_before + 1 and two.state()["requests"] == two_before


def test_a_lost_hedge_is_charged_as_what_it_may_have_cost(holdfast, fake):
    """Nobody says what a cancelled attempt has cost: its reservation stands, as for any failure."""
    one, two = fake("one"), fake("two")
    config = hedges.hedging(one, two)
    for target in config["models"]["chat"]["targets"]:
        target["price"] = {"input": 1, "output": 1}
    config["budgets"] = {"all": {"model": "chat", "amount": 100, "hard": "yes"}}
    gateway = holdfast(config)
    hedges.learn(gateway, True)

    def used() -> int:
        return gateway.admin("/api/v1/budgets")["data"][0]["used_nano_usd"]

    def is_settled() -> bool:
        attempts = gateway.attempts()
        return (
            len(attempts) >= hedges.LEARNING
            and all(attempt["state"] == "settled" for attempt in attempts)
            and used() == sum(attempt["charged_nano_usd"] for attempt in attempts)
        )

    eventually(is_settled, "the answers so far are settled")
    before = used()
    hold(one)
    body = b'{"model":"chat","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    _, headers, _ = gateway.ask("POST", "/v1/chat/completions", body, HEADERS)
    first, second = gateway.attempts_of(headers["x-request-id"], 2)
    assert first["cost_nano_usd"] is None and second["cost_nano_usd"] > 0
    reserved = (len(body) + 50) * 1_000  # each byte a token at most
    after = before + reserved + second["cost_nano_usd"]
    eventually(lambda: used() == after, f"{after} of the budget is used")
