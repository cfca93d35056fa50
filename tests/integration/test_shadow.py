"""A target on trial gets copies of a share of the requests; nobody sees its answers, nor it."""

import json
import os
import re
import signal
import threading

import pytest
from support import configs, sse
from support.processes import SANITIZED, eventually

asan = pytest.mark.asan

HELLO = [{"role": "user", "content": "Hello"}]
# Every client's way of asking, whole and streamed: path and body.
CLIENTS = {
    "openai": ("/v1/chat/completions", {"model": "chat", "messages": HELLO}),
    "openai-stream": (
        "/v1/chat/completions",
        {"model": "chat", "messages": HELLO, "stream": True},
    ),
    "responses": ("/v1/responses", {"model": "chat", "input": "Hello", "store": False}),
    "responses-stream": (
        "/v1/responses",
        {"model": "chat", "input": "Hello", "store": False, "stream": True},
    ),
    "anthropic": ("/v1/messages", {"model": "chat", "max_tokens": 99, "messages": HELLO}),
    "anthropic-stream": (
        "/v1/messages",
        {"model": "chat", "max_tokens": 99, "messages": HELLO, "stream": True},
    ),
    "gemini": (
        "/v1beta/models/chat:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
    "gemini-stream": (
        "/v1beta/models/chat:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
    "bedrock": (
        "/model/chat/converse",
        {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
    ),
    "bedrock-stream": (
        "/model/chat/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
    ),
}
HEADERS = {"anthropic-version": "2023-06-01"}
# So that what is broken on purpose goes on being asked.
UNDAUNTED = {"failures": 1000, "error_rate": 100, "min_requests": 10_000, "slow_factor": 0}
PRICE = {"input": 2, "output": 10}


def on_trial(one, new, *, provider=None, more=None, **shadow) -> dict:
    """`chat` by `one`, with copies of all requests for `new`."""
    of = configs.of_family if new.family else configs.provider
    config = configs.through(one)
    config["providers"][new.name] = of(new, health=UNDAUNTED, **(provider or {}))
    entry = {"provider": new.name, "model": "m9", "share": 100} | shadow
    config["models"]["chat"]["shadow"] = [entry]
    return config | {"server": {"threads": 1}} | (more or {})


def ask(gateway, client="openai", request_id="req-1", headers=None):
    path, body = CLIENTS[client]
    sent = HEADERS | {"x-request-id": request_id} | (headers or {})
    return gateway.ask("POST", path, body, sent)


def copies(gateway, count: int, query="shadow=true") -> list[dict]:
    def found():
        records = gateway.attempts(query)
        return len(records) >= count and all(r["state"] == "settled" for r in records) and records

    records = eventually(found, f"{count} copies on record")
    assert len(records) == count, records
    return records


def dropped(gateway, why: str, name="new") -> float:
    label = f'{{provider="{name}",model="m9",reason="{why}"}}'
    return gateway.metrics().get(f"holdfast_shadows_dropped_total{label}", 0)


def without_times(headers: dict) -> dict:
    return {name: value for name, value in headers.items() if name != "date"}


def comparable(answer: bytes) -> bytes:
    """Translated answers have times of their own."""
    return re.sub(rb'"(created|created_at|completed_at)":\d+', b'"\\1":0', answer)


@asan
@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_answered_as_if_there_were_none(holdfast, fake, client):
    one, new = fake("one"), fake("new", family="anthropic")
    config = on_trial(one, new, price=PRICE)
    config["models"]["chat"]["pad_streams"] = "no"  # padding is by chance
    with_it = holdfast(config)
    without = holdfast(configs.through(one, pad_streams="no") | {"server": {"threads": 1}})
    status, headers, answer = ask(with_it, client)
    status_without, headers_without, answer_without = ask(without, client)
    assert status == status_without == 200, answer
    assert comparable(answer) == comparable(answer_without)
    hidden = {"content-length", "transfer-encoding"}
    shown = without_times(headers).keys() - hidden
    assert shown == without_times(headers_without).keys() - hidden
    for name in shown:
        assert headers[name] == headers_without[name], name
    assert headers["x-holdfast-provider"] == "one" and headers["x-holdfast-attempts"] == "1"
    assert b"new" not in answer and "new" not in str(headers)

    (copy,) = copies(with_it, 1)
    assert copy["shadow"] and copy["attempt"] == 0 and copy["request_id"] == "req-1"
    assert (copy["provider"], copy["model"], copy["failure"]) == ("new", "m9", "none")
    assert copy["status"] == 200 and copy["answer_status"] is None and not copy["committed"]
    assert copy["key_name"] is None and copy["team"] is None
    tokens = (copy["tokens_in"], copy["tokens_out"])
    assert copy["usage_from_provider"] and copy["first_content_us"] > 0 < copy["total_us"]
    assert copy["cost_nano_usd"] == 1000 * (2 * tokens[0] + 10 * tokens[1])
    (own,) = copies(with_it, 1, "shadow=false")
    assert not own["shadow"] and own["attempt"] == 1 and own["committed"]
    assert own["provider"] == "one"
    (received,) = new.receipts()
    assert json.loads(received["body"])["model"] == "m9"


@asan
def test_what_is_counted_and_for_whom(holdfast, fake):
    one, new = fake("one"), fake("new")
    config = on_trial(one, new, price=PRICE)
    config["keys"] = {"app": {"key": "env:APP", "team": "red"}}
    config["budgets"] = {
        "team": {"team": "red", "amount": 1},
        "trial": {"provider": "new", "amount": 1},
        "chat": {"model": "chat", "amount": 1},
    }
    gateway = holdfast(config, env={"APP": "sk-app"})
    for i in range(3):
        assert (
            ask(gateway, request_id=f"r{i}", headers={"authorization": "Bearer sk-app"})[0] == 200
        )
    spent = sum(copy["cost_nano_usd"] for copy in copies(gateway, 3))
    assert spent > 0

    def used(name):
        data = gateway.admin("/api/v1/budgets")["data"]
        return next(one["used_nano_usd"] for one in data if one["name"] == name)

    eventually(lambda: used("trial") == spent, "the provider's budget has it")
    assert used("chat") == spent and used("team") == 0, "the model's too; the client's has not"
    rows = gateway.admin("/api/v1/costs?by=provider")["data"]
    assert {row["name"]: row["cost_nano_usd"] for row in rows}["new"] == spent
    by_key = {row["name"]: row for row in gateway.admin("/api/v1/costs?by=key")["data"]}
    assert by_key["app"]["attempts"] == 3 and by_key["app"]["cost_nano_usd"] == 0
    samples = gateway.metrics()
    target = 'provider="new",model="m9"'
    assert samples[f'holdfast_shadows_total{{{target},failure="none"}}'] == 3
    assert samples[f"holdfast_shadow_time_to_first_content_seconds_count{{{target}}}"] == 3
    assert samples[f"holdfast_cost_usd_total{{{target}}}"] == pytest.approx(spent / 1e9)
    assert f'holdfast_attempts_total{{{target},failure="none"}}' not in samples
    assert not any("holdfast_tokens_total{" + target in name for name in samples)
    status = gateway.admin("/api/v1/status")
    assert [t["provider"] for t in status["models"][0]["targets"]] == ["one"]
    assert gateway.admin("/api/v1/status").get("failovers", []) == []


BROKEN = {
    "dead": ("connect", None),
    "unauthorized": ("revoked", "status_401"),
    "hanging": ("headers_timeout", "blackhole"),
    "flooding": ("malformed_body", "endless_body"),
    "garbage": ("malformed_body", "malformed_json"),
    "failing": ("server_error", "status_500"),
}


@asan
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_one_breaks_nothing(holdfast, fake, how):
    failure, behaviour = BROKEN[how]
    one, new = fake("one"), fake("new")
    timeouts = configs.LONG | ({"headers": "400ms"} if how == "hanging" else {})
    gateway = holdfast(on_trial(one, new, provider={"timeouts": timeouts}))
    if behaviour is None:
        new.listen(False)
    else:
        new.behave(behaviour)
    for i in range(5):
        status, headers, answer = ask(gateway, request_id=f"r{i}")
        assert status == 200 and headers["x-holdfast-attempts"] == "1"
        assert "x-holdfast-fallback-reason" not in headers
        assert b"Hello from one" in answer
    eventually(lambda: len(gateway.attempts("shadow=false")) == 5, "all are on record")
    made = eventually(
        lambda: [r for r in gateway.attempts("shadow=true") if r["state"] == "settled"], "a copy"
    )
    assert {copy["failure"] for copy in made} == {failure}, made
    assert all(copy["tokens_out"] is None for copy in made)
    target = gateway.admin("/api/v1/status")["models"][0]["targets"][0]
    assert target["provider"] == "one" and target["state"] == "closed"
    in_flight = "holdfast_shadows_in_flight"
    eventually(lambda: gateway.metrics()[in_flight] == 0, "every copy ends")


@asan
def test_its_own_breaker_is_not_that_of_real_requests(holdfast, fake):
    """Copies stop once their target is known to be out; where it serves, nobody hears of it."""
    one, new = fake("one"), fake("new")
    config = on_trial(one, new)
    config["providers"]["new"].pop("health")
    config["models"]["other"] = {"targets": [{"provider": "new", "model": "m9"}]}
    gateway = holdfast(config)
    new.behave("status_401", count=1)
    assert ask(gateway)[0] == 200
    (copy,) = copies(gateway, 1)
    assert copy["failure"] == "revoked"
    assert ask(gateway, request_id="req-2")[0] == 200
    eventually(lambda: dropped(gateway, "out") == 1, "copies leave it alone")
    status, headers, _ = gateway.chat(model="other")
    assert status == 200 and headers["x-holdfast-provider"] == "new"


@asan
def test_what_is_not_copied(holdfast, fake):
    one, new = fake("one", family="openai"), fake("new", family="openai")
    config = on_trial(one, new, when='sensitivity != "restricted"')
    config["providers"]["one"] = configs.of_family(one, region="eu")
    config["providers"]["new"]["region"] = "us"
    config["keys"] = {
        "home": {"key": "env:HOME_KEY", "regions": ["eu"]},
        "private": {"key": "env:PRIVATE_KEY", "sensitivity": "restricted"},
        "free": {"key": "env:FREE_KEY"},
    }
    config["models"]["chat"]["cache"] = {}
    env = {"HOME_KEY": "sk-home", "PRIVATE_KEY": "sk-private", "FREE_KEY": "sk-free"}
    gateway = holdfast(config, env=env)

    def post(key, body):
        proof = {"authorization": f"Bearer sk-{key}"}
        status, _, answer = gateway.ask("POST", "/v1/chat/completions", body, proof)
        assert status == 200, answer

    chat = {"model": "chat", "messages": HELLO}
    post("home", chat)
    eventually(lambda: dropped(gateway, "region") == 1, "the key's regions hold for copies")
    post("private", chat)
    eventually(lambda: dropped(gateway, "condition") == 1, "so does its condition")
    for i, body in enumerate(
        [
            {"model": "chat", "input": "Hello"},  # OpenAI keeps it unless told not to
            {"model": "chat", "input": "Hello", "store": True},
            {"model": "chat", "input": "Hello", "store": False, "previous_response_id": "resp_1"},
        ]
    ):
        gateway.ask("POST", "/v1/responses", body, {"authorization": "Bearer sk-free"})
        eventually(lambda n=i + 1: dropped(gateway, "kept") == n, f"{body} leaves something")
    post("free", chat | {"store": True})
    eventually(lambda: dropped(gateway, "kept") == 4, "a stored completion")
    moderation = {"model": "chat", "input": "Hello"}
    proof = {"authorization": "Bearer sk-free"}
    gateway.ask("POST", "/v1/moderations", moderation, proof)
    eventually(lambda: dropped(gateway, "not_text") == 1, "what is no text is told apart")
    assert dropped(gateway, "kept") == 4
    assert new.receipts() == []
    post("free", chat)
    copies(gateway, 1)
    post("free", chat)  # from memory
    post("free", chat | {"seed": 1})
    copies(gateway, 2)
    assert len(new.receipts()) == 2, "what is answered from memory is not copied"


@asan
def test_what_it_cannot_express_is_counted_and_not_sent(holdfast, fake):
    one, new = fake("one"), fake("new", family="anthropic")
    gateway = holdfast(on_trial(one, new))
    status, _, answer = gateway.chat(logit_bias={"1": 5})
    assert status == 200, answer
    eventually(lambda: dropped(gateway, "unfit") == 1, "it is counted")

    def told():
        (shadow,) = gateway.admin("/api/v1/status")["models"][0]["shadows"]
        return shadow["last_unfit"]

    unfit = eventually(told, "the operator is told why, as a client is")
    assert unfit["detail"].startswith("logit_bias: ") and "new/m9" in unfit["detail"]
    assert unfit["request_id"].startswith("req_")
    line = "not sent to new/m9, which is on trial: logit_bias: "
    eventually(lambda: line in gateway.log(), "so does the log")
    assert new.receipts() == []
    assert gateway.attempts("shadow=true") == []
    assert gateway.admin("/api/v1/status")["failovers"] == []


@asan
def test_its_overrides_hold_for_the_copy_alone(holdfast, fake):
    one, new = fake("one"), fake("new")
    gateway = holdfast(on_trial(one, new, overrides={"system": "Be brief.", "max_tokens": 7}))
    assert ask(gateway)[0] == 200
    copies(gateway, 1)
    (sent,), (copied,) = one.receipts(), new.receipts()
    assert json.loads(sent["body"])["messages"] == HELLO
    assert json.loads(copied["body"])["messages"][0]["content"] == "Be brief."


@asan
def test_a_request_is_copied_once_however_often_it_is_tried(holdfast, fake):
    one, two, new = fake("one"), fake("two"), fake("new")
    config = on_trial(one, new)
    config["providers"]["two"] = configs.provider(two)
    config["models"]["chat"]["targets"].append({"provider": "two", "model": "m1"})
    gateway = holdfast(config)
    one.behave("status_503")
    status, headers, _ = ask(gateway)
    assert status == 200 and headers["x-holdfast-attempts"] == "2"
    copies(gateway, 1)
    assert len(new.receipts()) == 1
    (failover,) = gateway.admin("/api/v1/status")["failovers"]
    assert "two" in failover["to"] and "new" not in str(failover)


@asan
def test_a_bound_on_copies_and_their_budget(holdfast, fake):
    one, new = fake("one"), fake("new")
    gateway = holdfast(on_trial(one, new))
    new.behave("when_released", then="good")
    bound = 32  # limits::shadows_per_thread
    for i in range(bound + 5):
        assert ask(gateway, request_id=f"r{i}")[0] == 200
    assert dropped(gateway, "full") == 5 and dropped(gateway, "memory") == 0
    assert gateway.metrics()["holdfast_shadows_in_flight"] == bound
    new.release()
    eventually(lambda: gateway.metrics()["holdfast_shadows_in_flight"] == 0, "they end")
    assert len(new.receipts()) == bound
    assert ask(gateway, request_id="after")[0] == 200
    copies(gateway, bound + 1, "shadow=true&limit=100")


@asan
def test_a_hard_budget_that_is_spent_stops_copies_alone(holdfast, fake):
    one, new = fake("one"), fake("new")
    config = on_trial(one, new, price=PRICE)
    config["budgets"] = {"trial": {"provider": "new", "amount": "0.000001", "hard": "yes"}}
    gateway = holdfast(config)
    for i in range(3):
        assert ask(gateway, request_id=f"r{i}")[0] == 200
    eventually(lambda: dropped(gateway, "budget") == 3, "none is paid for")
    assert new.receipts() == []


@asan
def test_what_is_refused_is_not_copied(holdfast, fake):
    one, two, new = fake("one"), fake("two"), fake("new")
    config = on_trial(one, new)
    config["models"]["chat"]["targets"][0]["price"] = PRICE
    config["budgets"] = {"none": {"provider": "one", "amount": 0, "hard": "yes"}}
    config["providers"]["two"] = configs.provider(two)
    config["models"]["other"] = {
        "targets": [{"provider": "two", "model": "m2"}],
        "shadow": config["models"]["chat"]["shadow"],
    }
    gateway = holdfast(config)
    assert ask(gateway, request_id="refused")[0] == 429
    assert gateway.chat(model="other")[0] == 200
    (copy,) = copies(gateway, 1)
    assert copy["logical_model"] == "other" and len(new.receipts()) == 1


@asan
def test_what_an_operator_has_taken_out_gets_no_copies(holdfast, fake):
    one, new = fake("one"), fake("new")
    gateway = holdfast(on_trial(one, new))

    def act(action):
        body = {"action": action, "target": "new"}
        status, _, answer = gateway.ask("POST", "/api/v1/targets", body, admin=True)
        assert status == 200, answer

    act("drain")
    assert ask(gateway, request_id="drained")[0] == 200
    assert dropped(gateway, "out") == 1 and new.receipts() == []
    act("restore")
    assert ask(gateway, request_id="restored")[0] == 200
    (copy,) = copies(gateway, 1)
    assert copy["request_id"] == "restored"


@asan
def test_half_of_the_providers_limits_is_left_to_requests(holdfast, fake):
    one, new = fake("one"), fake("new")
    limits = {"limits": {"requests_per_minute": 10}}
    gateway = holdfast(on_trial(one, new, provider=limits))
    for i in range(10):
        assert ask(gateway, request_id=f"r{i}")[0] == 200
    eventually(lambda: dropped(gateway, "no_room") >= 4, "the other half is not for copies")
    eventually(lambda: gateway.metrics()["holdfast_shadows_in_flight"] == 0, "all have ended")
    assert 4 <= len(new.receipts()) <= 6


@asan
def test_sigterm_waits_for_no_copy(holdfast, fake):
    one, new = fake("one"), fake("new")
    config = on_trial(one, new) | {"server": {"threads": 1, "drain_timeout": "30s"}}
    gateway = holdfast(config)
    new.behave("when_released", then="good")
    before = new.state()["requests"]
    assert ask(gateway)[0] == 200
    eventually(lambda: new.state()["requests"] > before, "the copy is under way")
    assert gateway.stop(timeout=15 if SANITIZED else 10) == 0
    again = holdfast(config, state=gateway.state)
    (copy,) = copies(again, 1)
    assert copy["failure"] == "local", "its end is on file"


@asan
def test_a_reload_begins_and_ends_it(holdfast, fake):
    one, new = fake("one"), fake("new")
    trial = on_trial(one, new)
    plain = configs.through(one) | {"server": {"threads": 1}}
    gateway = holdfast(plain)

    def reload(config, generation):
        gateway.reload(config)
        sample = "holdfast_snapshot_generation"
        eventually(lambda: gateway.metrics().get(sample, 0) == generation, "it is in force")

    # The loop takes a configuration over before the requests that come once it is shown.
    assert ask(gateway, request_id="before")[0] == 200
    reload(trial, 2)
    assert ask(gateway, request_id="during-1")[0] == 200
    copies(gateway, 1)
    new.behave("when_released", then="good")
    assert ask(gateway, request_id="during-2")[0] == 200
    eventually(lambda: new.state()["requests"] == 2, "its copy is under way")
    reload(plain, 3)
    assert ask(gateway, request_id="after")[0] == 200
    assert gateway.metrics()["holdfast_shadows_in_flight"] == 1, "what is under way goes on"
    new.release()
    made = copies(gateway, 2)
    assert {copy["request_id"] for copy in made} == {"during-1", "during-2"}
    assert {copy["failure"] for copy in made} == {"none"}
    assert new.state()["requests"] == 2
    names = [name for name in gateway.metrics() if name.startswith("holdfast_shadows_dropped")]
    assert names == [], "the others were not even looked at"


@asan
def test_a_reload_while_it_drains_begins_none(holdfast, fake):
    """Nobody would stop copies that begin then."""
    one, new = fake("one"), fake("new")
    server = {"server": {"threads": 1, "drain_timeout": "60s"}}
    gateway = holdfast(configs.through(one) | server)
    one.behave("when_released", then="good")
    answers = []
    client = threading.Thread(target=lambda: answers.append(ask(gateway)))
    client.start()
    eventually(lambda: one.state()["requests"] > 0, "a request is under way")
    gateway.expected_exit = True
    gateway.signal(signal.SIGTERM)
    eventually(lambda: "draining for up to" in gateway.log(), "it drains")
    gateway.reload(on_trial(one, new) | server)
    eventually(lambda: "configuration reloaded" in gateway.log(), "it is read")
    one.release()
    client.join()
    assert answers[0][0] == 200
    gateway.process.wait(60)
    assert gateway.stop() == 0
    assert new.state()["requests"] == 0


@asan
def test_nothing_is_leaked(holdfast, fake):
    one, new = fake("one"), fake("new")
    gateway = holdfast(on_trial(one, new))

    def many():
        def some(worker):
            for i in range(40):
                client = "openai-stream" if i % 2 else "openai"
                status, _, answer = ask(gateway, client, request_id=f"w{worker}-{i}")
                assert status == 200
                assert client == "openai" or sse.is_whole(answer)

        threads = [threading.Thread(target=some, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: gateway.metrics()["holdfast_shadows_in_flight"] == 0, "all have ended")

    many()
    files, memory = gateway.open_files(), gateway.rss_bytes()
    for behaviour in ("cut_after", "endless_body", "reset", "good"):
        new.behave(behaviour)
        many()
    # As many copies may be under way at once as shadows_per_thread says, each with a connection.
    assert gateway.open_files() <= files + 32 + 16
    # And hold so much on each thread as shadow_bytes_per_thread says.
    assert gateway.rss_bytes() <= memory + (os.cpu_count() or 1) * (80 << 20)


@asan
def test_explain_says_who_gets_a_copy(holdfast, fake):
    one, new = fake("one"), fake("new")
    gateway = holdfast(on_trial(one, new, share=50, when='team == "red"'))
    (found,) = gateway.admin("/api/v1/route/explain?model=chat")["shadows"]
    assert found["reason"] == "condition" and found["share"] == 50
    config = on_trial(one, new, share=50)
    gateway.reload(config)

    def reasons():
        ids = [f"r{i}" for i in range(20)]
        query = "/api/v1/route/explain?model=chat&request_id="
        return [gateway.admin(query + i)["shadows"][0]["reason"] for i in ids]

    told = eventually(lambda: None in reasons() and reasons(), "the condition is gone")
    assert set(told) == {None, "share"}
    for i in range(len(told)):
        assert ask(gateway, request_id=f"r{i}")[0] == 200
    made = copies(gateway, told.count(None))
    assert {copy["request_id"] for copy in made} == {
        f"r{i}" for i, reason in enumerate(told) if reason is None
    }, "it is as was explained"
