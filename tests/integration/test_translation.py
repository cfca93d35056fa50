"""Clients of one dialect at providers of another: what must never cross, and how it all ends."""

import base64
import json
import os
import pathlib
import re

import pytest
from support import configs
from support.http_client import Connection
from support.scripted import Scripted

pytestmark = pytest.mark.asan

KEY = "sk-upstream-secret"
PATHS = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{}:generateContent",
    "bedrock": "/model/{}/converse",
}
BODIES = {
    "openai": {"messages": [{"role": "user", "content": "Hello"}]},
    "responses": {"input": "Hello", "store": False},
    "anthropic": {"max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "bedrock": {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
}
CLIENTS = tuple(PATHS)


def provider(kind: str, fake, **fields) -> dict:
    """How Holdfast is told of a fake of that kind's family."""
    ends = {"openai": "/v1", "openai_compatible": "/v1", "gemini": "/v1beta", "cohere": "/v2"}
    base = fake.root_url + ends.get(kind, "")
    return (
        {"kind": kind, "base_url": base, "key": "env:UPSTREAM_KEY", "timeouts": configs.LONG}
        | ({"region": "eu-central-1"} if kind == "bedrock" else {})
        | fields
    )


def model(*targets, **fields) -> dict:
    chain = [{"provider": name, "model": each} for name, each in targets]
    return {"policy": "failover", "targets": chain} | fields


def ask(gateway, client: str, name: str, stream=False, array=False, headers=None, **fields):
    """One request in the client's dialect; (status, headers, bytes)."""
    path, body = PATHS[client].format(name), BODIES[client] | fields
    if client in ("openai", "responses", "anthropic"):
        body = body | {"model": name} | ({"stream": True} if stream else {})
    elif stream and client == "bedrock":
        path += "-stream"
    elif stream:
        path = path.replace("generate", "streamGenerate") + ("" if array else "?alt=sse")
    sent = {"anthropic-version": "2023-06-01"} if client == "anthropic" else {}
    return gateway.ask("POST", path, body, sent | (headers or {}))


def received(fake) -> str:
    return "\n".join(receipt["body"].decode() for receipt in fake.receipts())


@pytest.fixture
def scripted():
    """scripted(name, answer): an upstream that answers as the test says."""
    made = []

    def start(name, answer) -> Scripted:
        made.append(Scripted(name, answer))
        return made[-1]

    yield start
    for one in made:
        one.stop()


# Secrets.


class TestKeysStayHere:
    """A provider that says the key it was sent back to us."""

    @pytest.fixture
    def gateway(self, holdfast, fake, echo):
        models = {
            name: model(("echo", name))
            for name in ("status", "escaped", "whole", "stream", "after")
        }
        return holdfast({"providers": {"echo": provider("anthropic", echo)}, "models": models})

    @pytest.fixture
    def echo(self, scripted):
        said = {"type": "error", "error": {"type": "api_error", "message": f"bad key {KEY}"}}

        def answer(request):
            name = request["model"]
            body = json.dumps(said).encode()
            if name == "status":
                return 400, "application/json", [body]
            if name == "escaped":
                return 400, "application/json", [body.replace(b"sk-", b"\\u0073k\\u002D")]
            if name == "whole":
                return 200, "application/json", [body]
            begun = b"".join(anthropic_start()) if name == "after" else b""
            return 200, "text/event-stream", [begun + b"event: error\ndata: " + body + b"\n\n"]

        return scripted("echo", answer)

    @pytest.mark.attack(54)
    @pytest.mark.invariant("LiteLLM traces")
    @pytest.mark.parametrize("client", CLIENTS)
    @pytest.mark.parametrize("name", ["status", "escaped", "whole", "stream", "after"])
    def test_no_answer_log_or_page_has_them(self, gateway, client, name):
        status, headers, body = ask(gateway, client, name, stream=name in ("stream", "after"))
        text = re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda hex: bytes.fromhex(hex[1].decode()), body)
        assert KEY.encode() not in text and KEY not in str(headers), (status, body)
        assert b"error" in body or b"Exception" in body
        assert KEY not in json.dumps(gateway.admin("/api/v1/status"))
        assert KEY not in json.dumps(gateway.admin("/api/v1/providers"))
        assert KEY not in gateway.log()


# Another house's state.

ENVELOPE = "hf1:google::R0VNSU5J"


def foreign_histories():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    call["extra_content"] = {"google": {"thought_signature": ENVELOPE}}
    details = [{"type": "reasoning.text", "text": "t", "signature": "hf1:anthropic::QUFB"}]
    ask_, more = {"role": "user", "content": "a"}, {"role": "user", "content": "b"}
    yield (
        "openai",
        {
            "messages": [
                ask_,
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "r"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    )
    assistant = {"role": "assistant", "content": "x", "reasoning_details": details}
    yield "openai", {"messages": [ask_, assistant, more]}
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ENVELOPE}
    yield "responses", {"input": [ask_, reasoning, more]}
    thought = {"type": "thinking", "thinking": "t", "signature": ENVELOPE}
    assistant = {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]}
    yield "anthropic", {"messages": [ask_, assistant, more]}
    found = {"type": "web_search_result_location", "cited_text": "", "title": "t"}
    found |= {"url": "https://example.com/", "encrypted_index": "hf1:::"}
    cited = {"type": "text", "text": "x", "citations": [found]}
    yield "anthropic", {"messages": [ask_, {"role": "assistant", "content": [cited]}, more]}
    wrapped = base64.b64encode(b"hf1:anthropic::QUFB").decode()
    yield (
        "gemini",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "x", "thoughtSignature": wrapped}]},
                {"role": "user", "parts": [{"text": "b"}]},
            ]
        },
    )
    for signature in (ENVELOPE, "hf1:anthropic::QUFB"):
        text = {"reasoningText": {"text": "t", "signature": signature}}
        said = [{"reasoningContent": text}, {"text": "x"}]
        yield (
            "bedrock",
            {
                "messages": [
                    {"role": "user", "content": [{"text": "a"}]},
                    {"role": "assistant", "content": said},
                    {"role": "user", "content": [{"text": "b"}]},
                ]
            },
        )


@pytest.mark.parametrize(("client", "history"), list(foreign_histories()))
def test_no_envelope_leaves_on_the_way_of_the_same_dialect(holdfast, fake, client, history):
    family = {"responses": "openai"}.get(client, client)
    one = fake("one", family=family)
    config = {"providers": {"one": provider(family, one)}, "models": {"chat": model(("one", "m1"))}}
    ask(holdfast(config), client, "chat", **history)
    assert one.receipts() and "hf1:" not in received(one) and "aGYxO" not in received(one)


def test_a_word_that_looks_like_an_envelope_passes_as_it_is(holdfast, fake):
    one = fake("one")
    said = [{"role": "user", "content": "hf1:is the name of my model"}]
    status, _, _ = holdfast(configs.through(one)).chat(messages=said, a_new_field={"x": 1})
    assert status == 200
    assert json.loads(one.receipts()[0]["body"])["messages"] == said


def test_signatures_of_an_unknown_house_come_back_to_it_alone(holdfast, scripted):
    detail = {"type": "reasoning.text", "text": "t", "signature": "T1dO", "index": 0}
    message = {"role": "assistant", "content": "hi", "reasoning_details": [detail]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    body = json.dumps(whole | {"choices": [choice]}).encode()
    own = scripted("own", lambda _: (200, "application/json", [body]))
    config = {
        "providers": {"own": provider("openai_compatible", own)},
        "models": {"chat": model(("own", "m1"))},
    }
    _, _, answer = ask(holdfast(config), "anthropic", "chat")
    thoughts = [one for one in json.loads(answer)["content"] if one["type"] == "thinking"]
    assert [one["signature"] for one in thoughts] == ["hf1:@own::T1dO"]


# Citations.

FOUND = {"type": "web_search_result_location", "cited_text": "c", "title": "Gr\u00fc\u00dfe"}
FOUND |= {"url": "https://example.com/", "encrypted_index": "Eo8B"}
PAGE = {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": "t"}
PAGE |= {"start_page_number": 1, "end_page_number": 2}


def cited_by_anthropic(scripted):
    """An upstream that backs its second text with an address, the third with a page."""
    texts = [{"type": "text", "text": "\u4f60\U0001f600 "}]
    texts += [{"type": "text", "text": "b\u00fcc", "citations": [FOUND]}]
    texts += [{"type": "text", "text": "d", "citations": [PAGE]}]
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    whole |= {"content": texts, "stop_reason": "end_turn", "stop_sequence": None}
    whole |= {"usage": {"input_tokens": 1, "output_tokens": 1}}

    def answer(request):
        if not request.get("stream"):
            return 200, "application/json", [json.dumps(whole).encode()]
        events = [*anthropic_start()][:1]
        for index, text in enumerate(texts):
            start = {"type": "text", "text": text["text"], "citations": []}
            events.append(event_of("content_block_start", index=index, content_block=start))
            for citation in text.get("citations", []):
                delta = {"type": "citations_delta", "citation": citation}
                events.append(event_of("content_block_delta", index=index, delta=delta))
            events.append(event_of("content_block_stop", index=index))
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        events.append(event_of("message_delta", delta=ended, usage={"output_tokens": 1}))
        return 200, "text/event-stream", [b"".join([*events, event_of("message_stop")])]

    return scripted("citing", answer)


def event_of(kind, **members) -> bytes:
    return event({"type": kind} | members, kind)


def test_an_answers_citations_reach_a_client_of_another_dialect(holdfast, scripted):
    citing = cited_by_anthropic(scripted)
    config = {
        "providers": {"citing": provider("anthropic", citing)},
        "models": {"chat": model(("citing", "m1"))},
    }
    gateway = holdfast(config)
    want = {"url": FOUND["url"], "title": FOUND["title"], "start_index": 3, "end_index": 6}
    _, headers, body = ask(gateway, "openai", "chat")
    message = json.loads(body)["choices"][0]["message"]
    assert message["annotations"] == [{"type": "url_citation", "url_citation": want}]
    assert message["content"][3:6] == "b\u00fcc"
    assert headers["x-holdfast-dropped"] == "annotations"  # the page has no place here

    _, headers, body = ask(gateway, "openai", "chat", stream=True)
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    deltas = [one["choices"][0]["delta"] for one in chunks if one["choices"]]
    told = [one["annotations"] for one in deltas if "annotations" in one]
    assert told == [[{"type": "url_citation", "url_citation": want}]]
    assert "x-holdfast-dropped" not in headers  # it had gone out before

    _, headers, body = ask(gateway, "bedrock", "chat")
    content = json.loads(body)["output"]["message"]["content"]
    pages = [one["citationsContent"]["citations"] for one in content[1:]]
    assert pages[1][0]["location"] == {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}
    assert "x-holdfast-dropped" not in headers


def test_a_conversation_goes_on_when_it_brings_citations_back(holdfast, fake):
    one = fake("one")
    config = {
        "providers": {"one": provider("openai", one)},
        "models": {"chat": model(("one", "m1"))},
    }
    cited = {"type": "text", "text": "x", "citations": [FOUND, PAGE]}
    history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [cited]}]
    history += [{"role": "user", "content": "b"}]
    status, headers, _ = ask(holdfast(config), "anthropic", "chat", messages=history)
    assert status == 200
    assert headers["x-holdfast-dropped"] == "messages[1].content[0].citations"


# Names in paths.


@pytest.mark.parametrize("name", ["a?b=c", "a#b", "a%2Fb", "a%0d%0ab"])
@pytest.mark.parametrize("client", ["openai", "gemini"])
@pytest.mark.parametrize("kind", ["gemini", "azure_openai"])
def test_a_targets_name_cannot_leave_its_place_in_the_path(holdfast, scripted, kind, client, name):
    one = scripted("one", lambda _: (400, "application/json", [b"{}"]))
    version = {"api_version": "2024-10-21"} if kind == "azure_openai" else {}
    config = {
        "providers": {"one": provider(kind, one, **version)},
        "models": {"chat": model(("one", name))},
    }
    ask(holdfast(config), client, "chat")
    encoded = name.replace("%", "%25").replace("?", "%3F").replace("=", "%3D").replace("#", "%23")
    place = {"gemini": f"/models/{encoded}:", "azure_openai": f"/deployments/{encoded}/"}[kind]
    assert place in one.paths[0]


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/%ff%fe:generateContent",
        "/model/%ff/converse",
        "/openai/deployments/%ff/chat/completions",
        "/model/a" + "%C3%A9" * 150 + "/converse",
        "/v1beta/models/a" + "%F0%9F%98%80" * 100 + ":generateContent",
    ],
)
def test_what_a_path_names_is_repeated_as_valid_text(holdfast, fake, path):
    gateway = holdfast(configs.through(fake("one")))
    body = BODIES["openai"] | BODIES["gemini"]
    body |= BODIES["bedrock"] if path.startswith("/model/") else {}
    status, _, answer = gateway.ask("POST", path, body)
    assert status == 404
    assert "\ufffd" in answer.decode() or "é" in answer.decode() or "😀" in answer.decode()
    json.loads(answer)


# Streams.


def event(data, name=None) -> bytes:
    return (f"event: {name}\n" if name else "").encode() + f"data: {json.dumps(data)}\n\n".encode()


def anthropic_start():
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": []}
    yield event({"type": "message_start", "message": message | {"usage": usage}}, "message_start")
    opened = {"type": "content_block_start", "index": 0}
    yield event(opened | {"content_block": {"type": "text", "text": ""}}, "content_block_start")
    said = {"type": "text_delta", "text": "hi"}
    yield event({"type": "content_block_delta", "index": 0, "delta": said}, "content_block_delta")


def chunk(delta, finish=None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        | {"choices": [choice]}
    )


def test_an_attempt_that_had_begun_leaves_nothing_in_the_error_of_an_array(holdfast, scripted):
    started = {"type": "content_block_start", "index": 0}
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    signed = {"type": "signature_delta", "signature": "AAAA"}
    events = [
        next(anthropic_start()),
        event(started | {"content_block": thought}, "content_block_start"),
        event({"type": "content_block_delta", "index": 0, "delta": signed}, "content_block_delta"),
        None,  # until a keep-alive has gone out
        event({"type": "error", "error": {"type": "api_error", "message": "no"}}, "error"),
    ]
    one = scripted("one", lambda _: (200, "text/event-stream", events))
    config = {
        "providers": {"one": provider("anthropic", one)},
        "models": {"chat": model(("one", "m1"), hold_keepalive="100ms")},
    }
    gateway = holdfast(config)
    with Connection(gateway.app_port) as client:
        body = json.dumps(BODIES["gemini"]).encode()
        client.send(
            b"POST /v1beta/models/chat:streamGenerateContent HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        _, headers, _ = client.head()
        pieces = client.pieces(headers)
        first = next(pieces)
        assert not first.strip()
        one.go_on()
        answer = json.loads(first + b"".join(pieces))
    assert [each["error"]["code"] for each in answer] == [502]


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_comes_after_the_end(holdfast, scripted, client):
    end = chunk({}, "stop") + b"data: [DONE]\n\n"
    events = [chunk({"content": "hi"}) + end + chunk({"content": "MORE"}) + end]
    one = scripted("one", lambda _: (200, "text/event-stream", events))
    config = {
        "providers": {"one": provider("openai_compatible", one)},
        "models": {"chat": model(("one", "m1"))},
    }
    status, _, body = ask(holdfast(config), client, "chat", stream=True)
    assert status == 200 and b"hi" in body and b"MORE" not in body
    assert body.count(b"[DONE]") == (1 if client == "openai" else 0)


@pytest.mark.parametrize("client", ["responses", "anthropic", "gemini", "bedrock"])
def test_what_has_to_wait_is_bounded_and_ends_in_one_error(holdfast, scripted, client):
    def call(index, text, **more):
        return {"index": index, "function": {"arguments": text} | more}

    opened = [call(i, '{"a":"', name="f") | {"id": f"c{i}"} for i in (0, 1)]
    piece = chunk({"tool_calls": [call(1, "y" * 60_000)]}) * 4
    events = [chunk({"tool_calls": opened}), *[piece] * 200, chunk({}, "tool_calls")]
    one = scripted("one", lambda _: (200, "text/event-stream", [*events, b"data: [DONE]\n\n"]))
    config = {
        "providers": {"one": provider("openai_compatible", one)},
        "models": {"chat": model(("one", "m1"))},
        "server": {"threads": 1},
    }
    gateway = holdfast(config)
    before = gateway.rss_bytes()
    status, headers, body = ask(gateway, client, "chat", stream=True)
    assert status == 200 and len(body) < 12 << 20
    assert body.count(b"this gateway holds") + body.count(b"overlap for too long") in (1, 2)
    assert gateway.rss_bytes() - before < 40 << 20
    record = gateway.attempts_of(headers["x-request-id"], 1)[0]
    assert record["failure"] == "cut_stream"


# Large requests.


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "bedrock"])
def test_a_large_image_is_held_once(holdfast, scripted, kind):
    one = scripted("one", lambda _: (400, "application/json", [b"{}"]))
    config = {
        "providers": {"one": provider(kind, one)},
        "models": {"chat": model(("one", "m1"))},
        "server": {"threads": 1},
    }
    gateway = holdfast(config)
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(16 << 20)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    before = gateway.rss_bytes()
    ask(gateway, "openai", "chat", messages=[{"role": "user", "content": [part]}])
    assert one.lengths[0] > len(data)
    if before:
        status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
        assert peak - before < 2 * len(data)


# What is dropped, and what goes with what stays.


def test_the_header_that_names_what_was_dropped_is_bounded(holdfast, fake):
    one = fake("one", family="anthropic")
    config = {
        "providers": {"one": provider("anthropic", one)},
        "models": {"chat": model(("one", "m1"), lossy="allow")},
    }
    strange = {f"field_{i}": 1 for i in range(1000)}
    status, headers, body = ask(holdfast(config), "openai", "chat", **strange)
    assert status == 200, body
    assert headers["x-holdfast-dropped"].startswith("field_0, field_1, ")
    assert re.search(r", \d+ more$", headers["x-holdfast-dropped"])
    assert len(headers["x-holdfast-dropped"]) < 1100


def test_a_beta_goes_with_the_fields_that_need_it_when_a_target_overrides(holdfast, fake):
    one = fake("one", family="anthropic")
    config = {
        "providers": {"one": provider("anthropic", one)},
        "models": {"chat": model(("one", "m1"))},
    }
    config["models"]["chat"]["targets"][0]["overrides"] = {"max_tokens": 7}
    beta = {"anthropic-beta": "context-management-2025-06-27"}
    ask(holdfast(config), "anthropic", "chat", headers=beta)
    receipt = one.receipts()[0]
    assert receipt["header"].get("anthropic-beta") == beta["anthropic-beta"]
    assert json.loads(receipt["body"])["max_tokens"] == 7


def test_only_the_version_that_was_checked_goes_on(holdfast, fake):
    one = fake("one", family="anthropic")
    config = {
        "providers": {"one": provider("anthropic", one)},
        "models": {"chat": model(("one", "m1"))},
    }
    body = json.dumps(BODIES["anthropic"] | {"model": "chat"}).encode()
    with Connection(holdfast(config).app_port) as client:
        client.send(
            b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"anthropic-version: 2023-06-01\r\nanthropic-version: 1999-01-01\r\n"
            b"content-length: %d\r\n\r\n" % len(body) + body
        )
        assert client.answer().status == 200
    versions = [
        value for name, value in one.receipts()[0]["headers"] if name.lower() == "anthropic-version"
    ]
    assert versions == ["2023-06-01"]


def test_a_call_that_nobody_saw_yet_can_still_come_from_another_target(holdfast, fake, scripted):
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a":'}}
    broken = scripted(
        "broken", lambda _: (200, "text/event-stream", [chunk({"tool_calls": [call]})])
    )
    spare = fake("spare")
    config = {
        "providers": {
            "broken": provider("openai_compatible", broken),
            "spare": provider("openai_compatible", spare),
        },
        "models": {
            "both": model(("broken", "m1"), ("spare", "m1")),
            "broken": model(("broken", "m1")),
        },
    }
    gateway = holdfast(config)
    status, headers, body = ask(gateway, "gemini", "both", stream=True)
    assert status == 200 and headers["x-holdfast-provider"] == "spare"
    assert b"Hello" in body
    status, _, body = ask(gateway, "gemini", "broken", stream=True)
    assert status == 502 and json.loads(body)["error"]["code"] == 502
