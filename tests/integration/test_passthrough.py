"""Bytes pass: what the upstream received is what the client sent, and back again."""

import json
import re

import pytest
from support import configs, http_client, sse

pytestmark = pytest.mark.asan

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    config = configs.through(upstream)
    config["providers"]["shy"] = configs.provider(upstream, usage="never")
    shapes = {
        "shy": ("shy", "m1"),
        "usage-each": ("one", "m1+usage_each"),
        "no-usage": ("one", "m1+good;usage=missing"),
        "azure": ("one", "m1+good;azure=1"),
        "crlf": ("one", "m1+crlf_stream"),
        "cr": ("one", "m1+cr_stream"),
        "split": ("one", "m1+split_everywhere"),
        "comments": ("one", "m1+comments"),
        "done-twice": ("one", "m1+done_twice"),
        "no-blank": ("one", "m1+no_final_blank_line"),
        "at-once": ("one", "m1+all_at_once"),
        "until-close": ("one", "m1+good;framing=close"),
        "close-each": ("one", "m1+close_each"),
        "close-idle": ("one", "m1+close_idle"),
        "continue": ("one", "m1+continue_first"),
        "other-name": ("one", "m1+good;answers_as=gpt-9"),
        "other-type": ("one", "m1+wrong_content_type"),
        "huge-body": ("one", "m1+huge_body"),
        "hold": ("one", "m1+hold_after_2"),
        "upstream-error": ("one", "m1+unsupported_parameter"),
        "no-done": ("one", "m1+no_done"),
    }
    for name, (provider, model) in shapes.items():
        targets = [{"provider": provider, "model": model}]
        config["models"][name] = {"policy": "failover", "targets": targets}
    return module_holdfast(config)


def send(gateway, body: bytes, headers=None, path=CHAT):
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(http_client.post(path, body, headers))
        return connection.answer()


def exchanged(gateway, upstream, body: bytes, headers=None, path=CHAT):
    """Sends `body`; the upstream's receipt and the client's answer."""
    upstream.clear()
    answer = send(gateway, body, headers, path)
    assert answer.status == 200, answer
    (receipt,) = upstream.receipts()
    return receipt, answer


ODD = [
    (
        "numbers as written",
        '"temperature":1.0,"seed":9223372036854775808,"x":1e400,"y":-0,"z":1E+2',
    ),
    ("escapes as written", '"user":"\\u00e9\\/\\ud83d\\ude00 \\u0041\\n"'),
    ("raw UTF-8", '"user":"é😀 中文"'),
    ("white space as written", ' "user" :\t"a" ,\r\n "x" : [ 1 ,2 , { } ] '),
    ("unknown fields", '"some_new_field":{"deep":[null,true,{"a":"b"}]},"safety_identifier":"u"'),
    ("empty containers", '"x":{},"y":[],"z":""'),
    ("model inside a message is no model", '"metadata":{"model":"other"},"tools":[]'),
    ("a long string", '"user":"' + "a" * 300_000 + '"'),
]


@pytest.mark.parametrize(("rule", "fields"), ODD, ids=[rule for rule, _ in ODD])
@pytest.mark.parametrize("first", [True, False], ids=["model first", "model last"])
def test_the_body_but_for_the_model(gateway, upstream, rule, fields, first):
    messages = '"messages":[{"role":"user","content":"Hi"}]'
    parts = ['"model": "chat"', messages, fields]
    body = "{" + ",".join(parts if first else parts[::-1]) + "}"
    receipt, _ = exchanged(gateway, upstream, body.encode())
    assert receipt["body"] == body.replace('"model": "chat"', '"model": "m1"').encode(), rule


def test_a_chunked_body_arrives_whole(gateway, upstream):
    upstream.clear()
    body = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 9):
            piece = body[at : at + 9]
            connection.send(b"%X;ext=1\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
        assert connection.answer().status == 200
    (receipt,) = upstream.receipts()
    assert receipt["body"] == body.replace(b'"chat"', b'"m1"')
    assert "transfer-encoding" not in receipt["header"]


STREAMS = [
    ("asked for when the client did not", '"stream":true', True),
    ("asked for when the options are empty", '"stream":true,"stream_options":{}', True),
    (
        "turned on when the client said no",
        '"stream":true,"stream_options":{"include_usage":false}',
        1,
    ),
    ("left as it is", '"stream":true,"stream_options":{"include_usage":true}', True),
    ("other options stay", '"stream":true,"stream_options":{"include_obfuscation":false}', True),
    ("not in whole answers", '"stream":false', False),
]


@pytest.mark.parametrize(("rule", "fields", "asked"), STREAMS, ids=[rule for rule, *_ in STREAMS])
def test_usage_is_asked_for(gateway, upstream, rule, fields, asked):
    body = '{"model":"chat",' + fields + ',"messages":[{"role":"user","content":"Hi"}]}'
    receipt, answer = exchanged(gateway, upstream, body.encode())
    got = json.loads(receipt["body"])
    want = json.loads(body) | {"model": "m1"}
    if asked:
        want["stream_options"] = want.get("stream_options", {}) | {"include_usage": True}
        client_asked = json.loads(body).get("stream_options", {}).get("include_usage") is True
        usage = [chunk for chunk in sse.chunks(answer.body) if chunk.get("choices") == []]
        assert len(usage) == client_asked, rule
        assert sse.is_whole(answer.body)
    assert got == want, rule
    # Nothing but the named fields changed its spelling.
    strip = re.compile(rb'"(model|stream_options)"\s*:\s*("[^"]*"|\{[^}]*\}),?')
    assert strip.sub(b"", receipt["body"]).replace(b",", b"") == strip.sub(
        b"", body.encode()
    ).replace(b",", b"")


def test_usage_never_leaves_the_request_alone(gateway, upstream):
    body = b'{"model":"shy","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    receipt, answer = exchanged(gateway, upstream, body)
    assert receipt["body"] == body.replace(b'"shy"', b'"m1"')
    assert sse.is_whole(answer.body)


def test_the_answers_bytes_are_the_upstreams(gateway, upstream):
    body = b'{"model":"chat","messages":[{"role":"user","content":"H\xc3\xa9"}]}'
    _, answer = exchanged(gateway, upstream, body)
    with http_client.Connection(upstream.port) as direct:
        direct.send(http_client.post(CHAT, body.replace(b'"chat"', b'"m1"')))
        assert answer.body == direct.answer().body


def test_the_streams_bytes_are_the_upstreams(gateway, upstream):
    body = b'{"model":"chat","stream":true,"stream_options":{"include_usage":true}}'
    body = body[:-1] + b',"messages":[{"role":"user","content":"Hi"}]}'
    _, answer = exchanged(gateway, upstream, body)
    with http_client.Connection(upstream.port) as direct:
        direct.send(http_client.post(CHAT, body.replace(b'"chat"', b'"m1"')))
        assert answer.body == direct.answer().body


LEGAL = ("crlf", "cr", "split", "comments", "done-twice", "no-blank", "at-once", "until-close")
LEGAL += ("close-each", "close-idle", "continue", "azure", "usage-each", "no-usage")


@pytest.mark.attack(53)
@pytest.mark.parametrize("model", [*LEGAL, "other-name"])
def test_odd_but_good_streams_arrive_whole(gateway, model):
    for _ in range(2):  # the second may meet a connection that the first left behind
        status, headers, body = gateway.chat(model, stream=True)
        assert status == 200 and headers["content-type"].startswith("text/event-stream")
        assert sse.text(body) == "Hello from one w3 w4"
        assert sse.is_whole(body), body[-300:]


@pytest.mark.parametrize(
    "model", ["split", "until-close", "close-each", "close-idle", "continue", "other-type"]
)
def test_odd_but_good_answers_arrive_whole(gateway, model):
    for _ in range(2):
        status, _, body = gateway.chat(model)
        assert status == 200
        assert json.loads(body)["choices"][0]["message"]["content"] == "Hello from one w3 w4"


@pytest.mark.attack(50)
def test_an_answer_beyond_the_response_buffer_passes(gateway):
    before = gateway.rss_bytes()
    status, _, body = gateway.chat("huge-body")
    assert status == 200 and len(json.loads(body)["choices"][0]["message"]["content"]) == 16 << 20
    assert gateway.rss_bytes() - before < 64 << 20


def test_events_go_out_as_they_arrive(gateway, upstream):
    upstream.clear()
    body = b'{"model":"hold","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(http_client.post(CHAT, body))
        status, headers, _ = connection.head()
        assert status == 200
        pieces, got = connection.pieces(headers), b""
        while "from" not in sse.text(got):
            got += next(pieces)
        assert sse.text(got) == "Hello from"  # the upstream has not said more
        upstream.release()
        assert sse.is_whole(got + b"".join(pieces))


@pytest.mark.attack(63)
@pytest.mark.invariant("CVE-2023-27487")
def test_the_clients_secrets_and_hops_stay_here(gateway, upstream):
    mine = {
        "Authorization": "Bearer client-secret",
        "Cookie": "session=client-cookie",
        "X-Stainless-Lang": "python",
        "X-Stainless-Retry-Count": "0",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "hop",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Proxy-Authorization": "Basic Zm9v",
        "X-Forwarded-For": "10.0.0.1",
        "Accept-Encoding": "gzip, br",
        "X-Api-Key": "client-x-key",
        "OpenAI-Organization": "org-of-the-client",
    }
    body = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
    receipt, _ = exchanged(gateway, upstream, body, mine)
    header = receipt["header"]
    assert header["authorization"] == "Bearer sk-upstream-secret"
    assert header["host"] == f"127.0.0.1:{upstream.port}"
    assert header["content-length"] == str(len(receipt["body"]))
    for name in ("cookie", "x-hop", "keep-alive", "te", "proxy-authorization", "x-forwarded-for"):
        assert name not in header, name
    assert not [name for name in header if name.startswith("x-stainless")]
    assert not [v for v in header.values() if "client-" in v or "of-the-client" in v]
    assert "gzip" not in header.get("accept-encoding", "")


@pytest.mark.attack(51)
def test_the_upstreams_own_headers_stay_there(gateway, upstream):
    body = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
    _, answer = exchanged(gateway, upstream, body, {"x-request-id": "client-chose.this_1"})
    names = [name.lower() for name, _ in answer.headers]
    assert len(names) == len(set(names))
    for name in ("set-cookie", "openai-organization", "server"):
        assert name not in names, name
    assert not [name for name in names if name.startswith("x-ratelimit")]
    assert answer.header("x-request-id") == "client-chose.this_1"
    assert answer.header("x-upstream-request-id").startswith("req_")


@pytest.mark.parametrize("identifier", ["", "a b", "a\tb", "x" * 129, "é", 'a"b', "a\\b"])
def test_an_odd_request_id_is_replaced(gateway, identifier):
    body = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
    answer = send(gateway, body, {"X-Request-Id": identifier})
    assert answer.status == 200
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.header("x-request-id"))


def test_an_upstreams_refusal_passes_as_written(gateway, upstream):
    body = b'{"model":"upstream-error","messages":[{"role":"user","content":"Hi"}]}'
    answer = send(gateway, body)
    assert answer.status == 400
    with http_client.Connection(upstream.port) as direct:
        direct.send(http_client.post(CHAT, b'{"model":"m1+unsupported_parameter"}'))
        assert answer.body == direct.answer().body


def test_other_paths_reach_the_same_way(gateway, upstream):
    for path, body in (
        ("/v1/completions", b'{"model":"chat","prompt":"Once","max_tokens":2}'),
        ("/v1/embeddings", b'{"model":"chat","input":["a","b"],"encoding_format":"float"}'),
    ):
        receipt, answer = exchanged(gateway, upstream, body, path=path)
        assert receipt["path"] == path and receipt["method"] == "POST"
        assert receipt["body"] == body.replace(b'"chat"', b'"m1"')
        with http_client.Connection(upstream.port) as direct:
            direct.send(http_client.post(path, receipt["body"]))
            assert direct.answer().body == answer.body


def test_connections_to_the_upstream_are_used_again(gateway, upstream):
    upstream.clear()
    for _ in range(30):
        assert gateway.chat()[0] == 200
    state = upstream.state()
    # One for each of the gateway's threads at most.
    assert state["requests"] == 30 and state["connections"] <= 8
