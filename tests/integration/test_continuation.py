"""midstream: continue -- a stream that breaks after content is gone on with by the next target."""

import json
import random

import pytest
from support import configs, hedges, http_client, sse
from support.families import eventstream
from support.processes import eventually

asan = pytest.mark.asan

# It says some things twice, in scripts of several bytes, with white space of all kinds.
TEXT = (
    "Harbours keep ships alive: quays, cranes and a lighthouse.\n\nRow, row, row, row, row the boat,"
    " row, row, row, row, row the boat; später wäre zu spät.  Übung macht den Meister, sagt man\n"
    '  - 波止場 で 待つ\nand "quotes" with \\ marks 🙂 end it here.'
)
PATHS = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{}:streamGenerateContent?alt=sse",
    "bedrock": "/model/{}/converse-stream",
}
HELLO = [{"role": "user", "content": "Hello"}]
BODIES = {
    "openai": {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}},
    "responses": {"input": "Hello", "store": False, "stream": True},
    "anthropic": {"max_tokens": 999, "messages": HELLO, "stream": True},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "bedrock": {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
}
FIRST = ("openai", "anthropic", "gemini", "bedrock")
# Asked to go on from the text itself (anthropic; mistral, which says all of it again), or told to.
# These begin with the words that they are asked for, or with all of the text.
SECOND = {
    "openai": ("m2", {"told": "asked"}),
    "anthropic": ("claude-sonnet-4-5", {}),
    "mistral": ("m2", {"again": 1}),
    "gemini": ("m2", {"told": "all"}),
    "bedrock": ("m2", {"told": "asked"}),
}
# So that cuts on purpose keep no target from being asked first.
UNDAUNTED = {"failures": 1000, "error_rate": 100, "min_requests": 10_000, "slow_factor": 0}


def provider(fake, **fields) -> dict:
    return configs.of_family(fake, health=UNDAUNTED, **fields)


def ask(gateway, client: str, model="chat", headers=None, **fields) -> bytes:
    status, _, answer = answer_of(gateway, client, model, headers, **fields)
    assert status == 200, answer
    return answer


def answer_of(gateway, client, model="chat", headers=None, **fields):
    body = BODIES[client] | fields
    if client in ("openai", "responses", "anthropic"):
        body = body | {"model": model}
    extra = {"anthropic-version": "2023-06-01"} if client == "anthropic" else {}
    return gateway.ask("POST", PATHS[client].format(model), body, extra | (headers or {}))


# What each dialect's stream comes to, and that it is one well-formed answer: (text, usage).


def read_openai(data: bytes):
    chunks = sse.chunks(data)
    assert sse.is_whole(data), data
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert len({chunk["model"] for chunk in chunks}) == 1
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["stop"]
    assert sum("role" in c["delta"] for c in choices) == 1
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert len(usages) == 1
    return sse.text(data), usages[0]


def read_responses(data: bytes):
    events = sse.chunks(data)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds.count("response.created") == 1 and kinds[-1] == "response.completed", kinds
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    done = events[-1]["response"]
    parts = [part["text"] for item in done["output"] for part in item.get("content", [])]
    assert "".join(parts) == text
    return text, done["usage"]


def read_anthropic(data: bytes):
    events = sse.chunks(data)
    kinds = [event["type"] for event in events]
    assert kinds.count("message_start") == 1 and kinds[-1] == "message_stop", kinds
    assert kinds.count("message_delta") == 1
    opened = [event["index"] for event in events if event["type"] == "content_block_start"]
    closed = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert opened == closed == list(range(len(opened)))
    text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
    return text, next(e["usage"] for e in events if e["type"] == "message_delta")


def read_gemini(data: bytes):
    events = sse.chunks(data)
    assert len({event["responseId"] for event in events}) == 1
    found = [event["candidates"][0] for event in events]
    assert [c["finishReason"] for c in found if "finishReason" in c] == ["STOP"]
    text = "".join(part["text"] for c in found for part in c["content"]["parts"])
    return text, events[-1]["usageMetadata"]


def read_bedrock(data: bytes):
    events = [(head[":event-type"], json.loads(body)) for head, body in eventstream.read(data)]
    kinds = [kind for kind, _ in events if kind != "ping"]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"], kinds
    assert kinds.count("messageStart") == kinds.count("messageStop") == 1
    deltas = [body for kind, body in events if kind == "contentBlockDelta"]
    stops = [body["contentBlockIndex"] for kind, body in events if kind == "contentBlockStop"]
    assert stops == list(range(len(stops)))
    return "".join(body["delta"]["text"] for body in deltas), dict(events)["metadata"]["usage"]


READ = {
    "openai": read_openai,
    "responses": read_responses,
    "anthropic": read_anthropic,
    "gemini": read_gemini,
    "bedrock": read_bedrock,
}


@pytest.fixture(scope="module")
def harbour(module_holdfast, module_fake):
    """Every first before every second: (gateway, firsts, seconds)."""
    firsts = {kind: module_fake(f"first-{kind}", family=kind) for kind in FIRST}
    seconds = {kind: module_fake(f"second-{kind}", family=kind) for kind in SECOND}
    fakes = [*firsts.values(), *seconds.values()]
    models = {}
    for first in FIRST:
        for second, (model, _) in SECOND.items():
            targets = [
                {"provider": f"first-{first}", "model": "m1"},
                {"provider": f"second-{second}", "model": model},
            ]
            models[f"{first}-{second}"] = {
                "policy": "failover",
                "midstream": "continue",
                "targets": targets,
            }
    config = {"providers": {fake.name: provider(fake) for fake in fakes}, "models": models}
    return module_holdfast(config, env=configs.BEDROCK_ENVIRONMENT), firsts, seconds


def mark(client: str) -> str:
    camel = client in ("gemini", "bedrock")
    return "holdfastContinuations" if camel else "holdfast_continuations"


CUTS = 10  # of each client before each pair: 1,000 in all


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", FIRST)
def test_a_stream_that_is_cut_anywhere_comes_out_whole(harbour, first):
    """From each first family, for each client's dialect, before each second family."""
    gateway, firsts, seconds = harbour
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    begun, marked = dict.fromkeys(SECOND, 0), 0
    for second, (_, manner) in SECOND.items():
        seconds[second].clear()
        seconds[second].behave("good", text=TEXT, goes_on=1, **manner)
        for client, read in READ.items():
            for _ in range(CUTS):
                at = chance.randrange(1001)
                firsts[first].behave("cut_at", at=at, text=TEXT, goes_on=1)
                answer = ask(gateway, client, f"{first}-{second}")
                text, usage = read(answer)
                assert text == TEXT and usage, (seed, client, second, at)
                marked += mark(client) in usage
        receipts = [json.loads(receipt["body"]) for receipt in seconds[second].receipts()]
        begun[second] = sum(bool(begun_in(body)) for body in receipts)
        for body in receipts:
            assert TEXT.startswith(begun_in(body)), seed
    assert min(begun.values()) >= CUTS, (seed, begun)  # many of the cuts were in the middle
    assert marked >= CUTS, seed


def begun_in(body: dict) -> str:
    """The answer so far, in the request of a continuation; empty: it is asked from the start."""
    turns = body.get("messages") or body.get("contents") or []
    said = [turn for turn in turns if turn["role"] in ("assistant", "model")]
    parts = said[-1].get("content", said[-1].get("parts")) if said else ""
    return parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts)


@pytest.fixture
def chain(holdfast, fake):
    """chain(*families, ...): (gateway, *fakes), with the model `chat` over the fakes in order. All
    go on with TEXT but the first, which breaks off after 6 words of it.
        models   their models       of       {name: more of that provider}
        target   more of each       more     of the configuration"""

    def start(*families, models=("m1", "m2", "m3"), of=None, target=None, more=None, **model):
        names = ("one", "two", "three")
        fakes = [fake(name, family=family) for name, family in zip(names, families, strict=False)]
        targets = [
            {"provider": one.name, "model": name} | (target or {})
            for one, name in zip(fakes, models, strict=False)
        ]
        chat = {"policy": "failover", "midstream": "continue", "targets": targets} | model
        providers = {one.name: provider(one) | (of or {}).get(one.name, {}) for one in fakes}
        config = {"providers": providers, "models": {"chat": chat}}
        fakes[0].behave("cut_after", after=6, text=TEXT, goes_on=1)
        for other in fakes[1:]:
            other.behave("good", text=TEXT, goes_on=1, told="asked")
        gateway = holdfast(config | (more or {}), env=configs.BEDROCK_ENVIRONMENT)
        return gateway, *fakes

    return start


CLAUDE = ("m1", "claude-sonnet-4-5")
GPT = ("openai", "openai")


def bodies(fake) -> list[dict]:
    return [json.loads(receipt["body"]) for receipt in fake.receipts()]


def attempts(gateway, headers, count) -> list[dict]:
    return sorted(gateway.attempts_of(headers["x-request-id"], count), key=lambda a: a["attempt"])


def assert_one_error(answer: bytes) -> None:
    """The client has the beginning, then one error event, and no other target was asked."""
    assert len(sse.errors(answer)) == 1 and b"[DONE]" not in answer
    assert TEXT.startswith(sse.text(answer))


@asan
class TestHow:
    @pytest.mark.parametrize("how", ["cut_after", "end_after", "error_after", "garbage_after"])
    def test_however_it_breaks(self, chain, how):
        gateway, one, _ = chain(*GPT)
        one.behave(how, after=5, text=TEXT, goes_on=1)
        text, _ = read_openai(ask(gateway, "openai"))
        assert text == TEXT

    def test_when_it_falls_silent(self, chain):
        idle = configs.LONG | {"idle": "300ms"}
        gateway, one, _ = chain(*GPT, of={"one": {"timeouts": idle}})
        one.behave("stall_after", after=5, text=TEXT, goes_on=1)
        text, _ = read_openai(ask(gateway, "openai"))
        assert text == TEXT

    def test_from_the_text_itself_where_the_model_can(self, chain):
        gateway, _, two = chain("openai", "anthropic", models=CLAUDE)
        text, usage = read_openai(ask(gateway, "openai", max_tokens=1000))
        assert text == TEXT and usage["holdfast_continuations"] == 1
        assert usage["prompt_tokens"] > 25  # the second's own are 25
        (sent,) = bodies(two)
        assert [message["role"] for message in sent["messages"]] == ["user", "assistant"]
        said = begun_in(sent)
        assert said and TEXT.startswith(said) and said == said.rstrip()
        assert 900 < sent["max_tokens"] < 1000  # less what was said

    def test_told_to_where_it_cannot(self, chain):
        gateway, _, two = chain("openai", "anthropic", models=("m1", "claude-sonnet-5"))
        text, usage = read_anthropic(ask(gateway, "anthropic"))
        assert text == TEXT and usage["holdfast_continuations"] == 1
        (sent,) = bodies(two)
        roles = [message["role"] for message in sent["messages"]]
        assert roles == ["user", "assistant", "user"]
        assert f"<<<{begun_in(sent)[-32:].lstrip()}>>>" in str(sent["messages"][-1]["content"])

    @pytest.mark.parametrize("told", ["all", 40, 0])
    def test_what_is_said_again_is_left_out(self, chain, told):
        gateway, _, two = chain(*GPT)
        two.behave("good", text=TEXT, goes_on=1, told=told)
        text, _ = read_openai(ask(gateway, "openai"))
        assert text == TEXT

    def test_another_answer_is_not_put_behind_it(self, chain):
        """The next target is asked, and the one that started over is not blamed."""
        gateway, one, two, _ = chain("openai", "openai", "openai")
        one.behave("cut_after", after=20, text=TEXT, goes_on=1)
        two.behave("good", text=TEXT, goes_on=1, told="anew")
        status, headers, answer = answer_of(gateway, "openai")
        assert status == 200 and read_openai(answer)[0] == TEXT
        first, second, third = attempts(gateway, headers, 3)
        assert first["failure"] == "cut_stream" and third["failure"] == "none"
        assert second["failure"] == "malformed_body" and not second["committed"]
        states = {
            p["name"]: p["targets"][0] for p in gateway.admin("/api/v1/providers")["providers"]
        }
        assert states["two"]["consecutive_failures"] == 0
        assert states["one"]["consecutive_failures"] == 1

    def test_from_the_clients_own_beginning(self, chain):
        """What the client began is part of the answer that is gone on with."""
        gateway, one, two = chain("anthropic", "anthropic", models=("claude-sonnet-4-5",) * 2)
        begun = [*HELLO, {"role": "assistant", "content": "Harbours keep"}]
        one.behave("cut_after", after=4, text=TEXT, goes_on=1)
        text, _ = read_anthropic(ask(gateway, "anthropic", messages=begun))
        assert "Harbours keep" + text == TEXT
        (sent,) = bodies(two)
        assert [message["role"] for message in sent["messages"]] == ["user", "assistant"]
        assert begun_in(sent).startswith("Harbours keep ships")

    def test_a_thought_that_broke_off_is_thought_again(self, chain):
        """By clients that need not send it back signed; the others get the error."""
        gateway, one, two = chain("anthropic", "anthropic", models=CLAUDE)
        one.behave("cut_after", after=2, think=1)
        two.behave("good", think=1)
        answer = ask(gateway, "openai")
        assert sse.is_whole(answer) and sse.text(answer) == "Hello from two w3 w4"
        answer = ask(gateway, "anthropic")
        assert [event["type"] for event in sse.chunks(answer)][-1] == "error"

    def test_thoughts_about_going_on_stay_here(self, chain):
        gateway, _, two = chain("anthropic", "anthropic", models=CLAUDE)
        two.behave("good", text=TEXT, goes_on=1, told="asked", think=1)
        text, _ = read_openai(answer := ask(gateway, "openai"))
        assert text == TEXT
        assert not any("reasoning" in c["delta"] for e in sse.chunks(answer) for c in e["choices"])


@asan
def test_off_unless_the_model_says_so(chain):
    """The upstream's own bytes, and one error event when they break off."""
    gateway, one, two = chain(*GPT, midstream="error")
    assert_one_error(ask(gateway, "openai"))
    assert two.receipts() == []
    one.behave("good", answers_as="m9")
    assert sse.chunks(ask(gateway, "openai"))[0]["model"] == "m9"  # passed through, not translated


@asan
class TestWhereItWouldNotStayValid:
    PLACE = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
        "required": ["city", "country"],
        "additionalProperties": False,
    }
    TOOL = {"type": "function", "function": {"name": "look", "parameters": PLACE}}
    SCHEMA = {"name": "place", "schema": PLACE}
    CASES = {
        "json_schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        "json_object": {"response_format": {"type": "json_object"}},
        "several answers": {"n": 2},
        "log probabilities": {"logprobs": True},
        "sound": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    }

    @pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
    def test_it_ends_in_the_error(self, chain, fields):
        gateway, one, two = chain(*GPT)
        one.behave("cut_after", after=1)
        answer = ask(gateway, "openai", **fields)
        assert len(sse.errors(answer)) == 1 and b"[DONE]" not in answer
        assert two.receipts() == []
        assert gateway.metrics()["holdfast_continuations_total"] == 0

    def test_half_a_call(self, chain):
        gateway, one, two = chain(*GPT)
        one.behave("cut_after", after=2, pieces="chars")
        answer = ask(gateway, "openai", tools=[self.TOOL])
        assert b"tool_calls" in answer
        assert len(sse.errors(answer)) == 1 and two.receipts() == []

    def test_a_call_behind_the_seam_is_whole(self, chain):
        """Text that broke off before its call: the call is the second's alone."""
        gateway, one, two = chain(*GPT)
        one.behave("cut_after", after=2, calls=0)
        two.behave("good")
        answer = ask(gateway, "openai", tools=[self.TOOL])
        assert sse.is_whole(answer) and sse.text(answer) == "Hello from"
        choices = [choice for chunk in sse.chunks(answer) for choice in chunk["choices"]]
        calls = [call for c in choices for call in c["delta"].get("tool_calls", [])]
        arguments = json.loads("".join(call["function"]["arguments"] for call in calls))
        assert arguments == {"city": "Rome", "country": "Rome"}
        assert {call["index"] for call in calls} == {0}
        assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["tool_calls"]

    def test_a_provider_that_keeps_the_response(self, chain):
        gateway, _, two = chain(*GPT)
        answer = ask(gateway, "responses", store=True)
        assert [event["type"] for event in sse.chunks(answer)][-1] == "error"
        assert two.receipts() == []


@asan
class TestTheSeam:
    def test_the_second_may_break_too(self, chain):
        gateway, _, two, three = chain("openai", "anthropic", "gemini", models=(*CLAUDE, "m3"))
        two.behave("cut_after", after=6, text=TEXT, goes_on=1)
        status, headers, answer = answer_of(gateway, "openai")
        text, usage = read_openai(answer)
        assert status == 200 and text == TEXT and usage["holdfast_continuations"] == 2
        assert len(begun_in(bodies(three)[0])) > len(begun_in(bodies(two)[0]))
        assert [a["failure"] for a in attempts(gateway, headers, 3)] == [
            "cut_stream",
            "cut_stream",
            "none",
        ]

    @pytest.mark.parametrize(
        ("how", "failure"), [("error", "server_error"), ("cut_after", "cut_stream")]
    )
    def test_when_nobody_is_left_it_ends_in_one_error(self, chain, how, failure):
        gateway, _, two = chain(*GPT)
        fault = {"class": "fault"} if how == "error" else {"after": 3, "text": TEXT, "goes_on": 1}
        two.behave(how, **fault)
        status, headers, answer = answer_of(gateway, "openai")
        assert status == 200
        assert_one_error(answer)
        assert len(two.receipts()) == 1
        assert attempts(gateway, headers, 2)[1]["failure"] == failure
        metrics = gateway.metrics()
        assert metrics["holdfast_cut_streams_total"] == 1
        assert metrics["holdfast_continuations_total"] == 1

    def test_a_target_that_refuses_to_go_on_is_passed_over(self, chain):
        gateway, _, two, three = chain("openai", "anthropic", "openai", models=(*CLAUDE, "m3"))
        two.behave("error", **{"class": "bad_request"})
        text, _ = read_openai(ask(gateway, "openai"))
        assert text == TEXT and len(two.receipts()) == len(three.receipts()) == 1

    def test_the_client_leaves(self, chain):
        gateway, _, two = chain(*GPT)
        two.behave("blackhole")
        body = json.dumps(BODIES["openai"] | {"model": "chat"}).encode()
        with http_client.Connection(gateway.app_port) as connection:
            connection.send(http_client.post(PATHS["openai"], body))
            _, headers, _ = connection.head()
            next(connection.pieces(headers))
            eventually(lambda: two.receipts(), "the second is asked")
        second = attempts(gateway, dict(headers), 2)[1]
        assert second["failure"] == "client_left" and second["continuation"]
        eventually(lambda: two.state()["open"] == 0, "the upstream's exchange ends")

    def test_the_deadline_passes(self, chain):
        gateway, _, two = chain(*GPT, deadline="2s")
        two.behave("blackhole")
        status, headers, answer = answer_of(gateway, "openai")
        assert status == 200
        assert_one_error(answer)
        assert attempts(gateway, headers, 2)[1]["failure"] == "deadline"

    def test_within_the_retry_budget(self, chain):
        """While the other target is out, cut streams do not all become two requests."""
        out = {"failures": 1, "open_first": "1h", "open_longest": "1h"}
        gateway, one, two = chain(
            *GPT, of={"two": {"health": out}}, more={"server": {"threads": 1}}
        )
        two.behave("error", **{"class": "fault"})
        asked, saved_up, free = 40, 10, 3
        for _ in range(asked):
            assert_one_error(ask(gateway, "openai"))
        assert len(two.receipts()) <= 1 + 0.2 * asked + saved_up + free
        assert gateway.metrics()["holdfast_retries_refused_total"] > 0
        assert len(one.receipts()) == asked


@asan
class TestWhatIsNoted:
    PRICE = {"input": 100, "output": 1000}  # USD per million tokens
    IN_NANO, OUT_NANO = 100_000, 1_000_000

    def test_both_attempts_and_their_costs(self, chain):
        budgets = {"all": {"amount": 100, "period": "month", "hard": "yes"}}
        gateway, *_ = chain(
            "openai",
            "anthropic",
            models=CLAUDE,
            target={"price": self.PRICE},
            more={"budgets": budgets},
        )
        status, headers, answer = answer_of(gateway, "openai", max_tokens=1000)
        assert status == 200 and headers["x-holdfast-provider"] == "one"
        _, usage = read_openai(answer)
        first, second = attempts(gateway, headers, 2)
        assert (first["provider"], second["provider"]) == ("one", "two")
        assert (first["failure"], second["failure"]) == ("cut_stream", "none")
        assert (first["continuation"], second["continuation"]) == (False, True)
        assert first["committed"] and second["committed"]
        # Nobody can say what the first has cost, so that budgets count the most that it may have.
        assert first["cost_nano_usd"] is None and first["charged_nano_usd"] > 1000 * self.OUT_NANO
        known = second["tokens_in"] * self.IN_NANO + second["tokens_out"] * self.OUT_NANO
        assert second["cost_nano_usd"] == second["charged_nano_usd"] == known > 0
        (budget,) = gateway.admin("/api/v1/budgets")["data"]
        charged = first["charged_nano_usd"] + second["charged_nano_usd"]
        assert budget["used_nano_usd"] == charged
        # The client's usage: what the second told, and an estimate of what the first did not.
        assert usage["prompt_tokens"] > second["tokens_in"]
        assert usage["completion_tokens"] > second["tokens_out"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert gateway.metrics()["holdfast_continuations_total"] == 1
        assert gateway.metrics()["holdfast_cut_streams_total"] == 0

    def test_an_answer_that_did_not_break_is_not_marked(self, chain):
        gateway, one, _ = chain(*GPT)
        one.behave("good", text=TEXT, goes_on=1)
        status, headers, answer = answer_of(gateway, "openai")
        text, usage = read_openai(answer)
        assert status == 200 and text == TEXT and "holdfast_continuations" not in usage
        (attempt,) = attempts(gateway, headers, 1)
        assert attempt["continuation"] is False

    @pytest.mark.parametrize("client", READ)
    def test_the_usage_says_so(self, chain, client):
        gateway, *_ = chain("openai", "anthropic", models=CLAUDE)
        _, usage = READ[client](ask(gateway, client))
        assert usage[mark(client)] == 1

    def test_what_only_lacked_its_end_is_closed(self, chain):
        gateway, one, two = chain(*GPT)
        one.behave("cut_at", at=998, text=TEXT, goes_on=1)
        status, headers, answer = answer_of(gateway, "openai")
        assert status == 200 and read_openai(answer)[0] == TEXT
        (attempt,) = attempts(gateway, headers, 1)
        assert attempt["failure"] == "cut_stream" and two.receipts() == []

    def test_it_is_not_answered_from_memory(self, chain):
        gateway, one, two = chain(*GPT, cache={"ttl": "10m"})
        for count in (1, 2):
            _, headers, answer = answer_of(gateway, "openai")
            assert read_openai(answer)[0] == TEXT and "x-holdfast-cache" not in headers
            assert len(two.receipts()) == count
        one.behave("good", text=TEXT, goes_on=1)

        def from_memory():  # what is whole is kept once its client has it
            _, headers, answer = answer_of(gateway, "openai")
            assert read_openai(answer)[0] == TEXT
            return headers.get("x-holdfast-cache") == "hit"

        eventually(from_memory, "an answer that did not break is given again")

    def test_it_is_kept_whole(self, chain, client):
        stored = {"responses": {"store": True}}
        gateway, *_ = chain("anthropic", "anthropic", models=CLAUDE, more=stored)
        told = None
        with client(gateway).responses.stream(model="chat", input="Hello") as stream:
            told = stream.get_final_response()
        assert told.output_text == TEXT
        kept = client(gateway).responses.retrieve(told.id)
        assert kept.output_text == TEXT and len(kept.output) == 1
        assert kept.usage == told.usage


@asan
class TestWithHedging:
    """The first is late, the second has content first and breaks off, the third goes on."""

    def test_what_the_second_began_the_third_ends(self, chain):
        gateway, one, two, three = chain(
            "openai", "openai", "openai", hedge=hedges.QUICKLY, more=hedges.ONE_LOOP
        )
        one.behave("good", text=TEXT, goes_on=1)
        hedges.learn(gateway, True)
        asked = len(three.receipts())
        one.behave("hold_after", after=0)
        two.behave("cut_after", after=6, text=TEXT, goes_on=1)
        status, headers, answer = answer_of(gateway, "openai")
        assert status == 200 and headers["x-holdfast-hedge"] == "won"
        text, usage = read_openai(answer)
        assert text == TEXT and usage["holdfast_continuations"] == 1
        first, second, third = attempts(gateway, headers, 3)
        assert (first["provider"], first["failure"]) == ("one", "hedge_lost")
        assert (second["provider"], second["failure"]) == ("two", "cut_stream")
        assert (third["provider"], third["failure"]) == ("three", "none")
        assert [a["continuation"] for a in (first, second, third)] == [False, False, True]
        assert len(three.receipts()) == asked + 1
