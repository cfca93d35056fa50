"""Bad input: each a clear error in the dialect, nothing leaked, nothing passed on, nothing grown."""

import contextlib
import json
import socket
import threading

import pytest
from support import configs, http_client, json_cases
from support.processes import eventually

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"
MESSAGES = b'"messages":[{"role":"user","content":"Hi"}]'
BODY = b'{"model":"chat",' + MESSAGES + b"}"


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    instance = module_holdfast(configs.through(upstream))
    for _ in range(20):  # allocators and pools have grown to their working size
        assert instance.chat()[0] == 200
    return instance


@pytest.fixture(autouse=True)
def nothing_grows(gateway, upstream):
    """Around each test: no file left open, no memory kept, still answering, nothing passed on."""
    upstream.clear()
    files, memory = gateway.open_files(), gateway.rss_bytes()
    yield
    eventually(lambda: gateway.open_files() <= files + 4, "open files return to where they were")
    assert gateway.rss_bytes() - memory < 48 << 20
    assert gateway.chat()[0] == 200


def send(gateway, body, path=PATH, headers=None):
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(http_client.post(path, body, headers))
        return connection.answer()


def check_refused(answer, status=400, code=None, param=None):
    assert answer.status == status, answer
    assert answer.header("content-type").startswith("application/json")
    assert answer.header("x-request-id")
    error = json.loads(answer.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error" and error["message"]
    assert code is None or error["code"] == code, error
    assert param is None or error["param"] == param, error
    return error


def wrapped(value: bytes) -> bytes:
    return b'{"model":"chat",' + MESSAGES + b',"x":' + value + b"}"


def batch(gateway, bodies: list[bytes]):
    """Sends each over one connection; yields the answers. What is refused may close it."""
    connection = http_client.Connection(gateway.app_port)
    for body in bodies:
        connection.send(http_client.post(PATH, body))
        answer = connection.answer()
        yield body, answer
        if answer.header("connection") == "close":
            connection.close()
            connection = http_client.Connection(gateway.app_port)
    connection.close()


@pytest.mark.attack(37, 38)
def test_broken_json_is_refused(gateway, upstream):
    cases = json_cases.bad()
    assert len(cases) > 250
    bodies = [wrapped(value) for _, value in cases]
    for (rule, _), (_, answer) in zip(cases, batch(gateway, bodies), strict=True):
        assert answer.status == 400, rule
        check_refused(answer)
    assert upstream.receipts() == []


@pytest.mark.attack(37, 38)
def test_broken_documents_are_refused(gateway, upstream):
    """The same at the top: a document that is not one whole object."""
    tops = [value for _, value in json_cases.bad()]
    tops += [BODY + b"x", BODY + BODY, b"\xef\xbb\xbf" + BODY, BODY + b"\0", b"[" + BODY + b"]"]
    tops += [b'"model"', b"null", b"1", b"[]", b"true", BODY[:-1], BODY[1:], b"model=chat"]
    tops += [BODY.decode().encode("utf-16"), BODY.decode().encode("utf-32")]
    for body, answer in batch(gateway, tops):
        assert answer.status == 400, body
        check_refused(answer)
    assert upstream.receipts() == []


@pytest.mark.attack(37, 38)
def test_good_json_passes_as_written(gateway, upstream):
    cases = json_cases.good()
    bodies = [wrapped(value) for _, value in cases]
    for (rule, _), (_, answer) in zip(cases, batch(gateway, bodies), strict=True):
        assert answer.status == 200, rule
    receipts = upstream.receipts()
    assert [r["body"] for r in receipts] == [b.replace(b'"chat"', b'"m1"') for b in bodies]


def test_every_cut_of_a_good_body_is_refused(gateway, upstream):
    body = b'{"model":"chat",' + MESSAGES + b',"x":[1.5e3,"\\u00e9\xc3\xa9",null,{"a":true}]}'
    for cut, answer in batch(gateway, [body[:at] for at in range(len(body))]):
        assert answer.status == 400, cut
    assert upstream.receipts() == []


WRONG_TYPES = [
    (b'{"messages":[]}', "model"),
    (b'{"model":null,"messages":[]}', "model"),
    (b'{"model":1,"messages":[]}', "model"),
    (b'{"model":["chat"],"messages":[]}', "model"),
    (b'{"model":{},"messages":[]}', "model"),
    (b'{"model":true,"messages":[]}', "model"),
    (b'{"model":"","messages":[]}', "model"),
    (b'{"model":"chat","messages":[],"stream":"yes"}', "stream"),
    (b'{"model":"chat","messages":[],"stream":1}', "stream"),
    (b'{"model":"chat","messages":[],"stream":[]}', "stream"),
    (b'{"model":"chat","messages":[],"stream":true,"stream_options":1}', "stream_options"),
    (b'{"model":"chat","messages":[],"stream":true,"stream_options":[]}', "stream_options"),
    (b'{"model":"chat","messages":[],"stream":true,"stream_options":{"include_usage":"x"}}', None),
]


@pytest.mark.parametrize(("body", "param"), WRONG_TYPES)
def test_wrong_types_of_what_decides(gateway, upstream, body, param):
    error = check_refused(send(gateway, body))
    assert param is None or param in (error["param"] or "")
    assert upstream.receipts() == []


DUPLICATES = [
    b'{"model":"chat","model":"chat",' + MESSAGES + b"}",
    b'{"model":"chat",' + MESSAGES + b',"model":"other"}',
    b'{"model":"chat","\\u006dodel":"other",' + MESSAGES + b"}",
    b'{"\\u006d\\u006f\\u0064\\u0065\\u006c":"other","model":"chat",' + MESSAGES + b"}",
    b'{"model":"chat","stream":true,"stream":false,' + MESSAGES + b"}",
    b'{"model":"chat","stream":true,"str\\u0065am":false,' + MESSAGES + b"}",
    b'{"model":"chat","stream":true,"stream_options":{},"stream_options":{},' + MESSAGES + b"}",
    b'{"model":"chat","stream":true,"stream_options":{"include_usage":true,"include_usage":false},'
    + MESSAGES
    + b"}",
    b'{"model":"chat","stream":true,"stream_options":{"include_usage":true,'
    b'"include\\u005fusage":false},' + MESSAGES + b"}",
]


@pytest.mark.attack(36)
@pytest.mark.parametrize("body", DUPLICATES)
def test_duplicates_of_what_decides(gateway, upstream, body):
    check_refused(send(gateway, body))
    assert upstream.receipts() == []


@pytest.mark.attack(36)
@pytest.mark.parametrize("spelled", [b"\\u006dodel", b"mode\\u006C", b"\\u006d\\u006fdel"])
def test_an_escaped_spelling_is_the_same_field(gateway, upstream, spelled):
    """Alone it is legal JSON: it decides here exactly as it will there, or it is refused."""
    answer = send(gateway, b'{"' + spelled + b'":"chat",' + MESSAGES + b"}")
    assert answer.status in (200, 400)
    for receipt in upstream.receipts():
        assert json.loads(receipt["body"])["model"] == "m1"


def test_an_escaped_value_of_the_model(gateway, upstream):
    answer = send(gateway, b'{"model":"\\u0063hat",' + MESSAGES + b"}")
    assert answer.status == 200
    assert json.loads(upstream.receipts()[0]["body"])["model"] == "m1"


@pytest.mark.attack(34)
@pytest.mark.parametrize("depth", [65, 1000, 10_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth(gateway, upstream, depth, opening, closing):
    for tail in (closing * depth, b""):
        check_refused(send(gateway, wrapped(opening * depth + b"1" + tail)))
    assert upstream.receipts() == []


def test_depth_that_is_allowed(gateway):
    assert send(gateway, wrapped(b"[" * 60 + b"]" * 60)).status == 200


@pytest.mark.attack(35)
def test_more_nodes_than_the_budget(gateway, upstream):
    check_refused(send(gateway, wrapped(b"[" + b"1," * 1_200_000 + b"1]")))
    check_refused(send(gateway, wrapped(b"{" + b'"a":1,' * 1_200_000 + b'"a":1}')))
    assert upstream.receipts() == []


LIMIT = 32 << 20


@pytest.mark.attack(33)
def test_a_body_over_the_limit_with_its_length(gateway, upstream):
    with http_client.Connection(gateway.app_port) as connection:
        head = http_client.post(PATH, b"").replace(b"Length: 0", b"Length: %d" % (LIMIT + 1))
        connection.send(head)  # told before a byte of it is sent
        check_refused(connection.answer(), 413)
    assert upstream.receipts() == []


@pytest.mark.attack(33)
def test_a_body_over_the_limit_without_its_length(gateway, upstream):
    with http_client.Connection(gateway.app_port) as connection:
        head = http_client.post(PATH, b"").replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        )
        connection.send(head)
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        sender = threading.Thread(target=lambda: [connection.send(piece) for _ in range(40)])
        sender.start()
        answer = connection.answer()
        with contextlib.suppress(OSError):  # the gateway, which reads no more, may be gone first
            connection.socket.shutdown(socket.SHUT_RDWR)
        sender.join()
        check_refused(answer, 413)
    assert upstream.receipts() == []


def test_a_body_at_the_limit(gateway, upstream):
    body = wrapped(b'"' + b"a" * (LIMIT - len(wrapped(b'""'))) + b'"')
    assert len(body) == LIMIT
    assert send(gateway, body).status == 200
    (receipt,) = upstream.receipts()
    assert receipt["body_bytes"] == LIMIT - 2


REDIRECTING = [
    b'"api_base":"http://evil.example"',
    b'"base_url":"http://evil.example"',
    b'"api_key":"sk-other"',
    b'"extra_headers":{"authorization":"x"}',
    b'"extra_body":{"model":"x"}',
    b'"extra_query":{"a":"b"}',
    b'"user_config":{"model_list":[]}',
    b'"metadata":{"api_key":"sk-other"}',
    b'"metadata":{"api_base":"http://evil.example"}',
    b'"api\\u005fbase":"http://evil.example"',
]


@pytest.mark.attack(42)
@pytest.mark.invariant("CVE-2024-6587")
@pytest.mark.parametrize("field", REDIRECTING)
def test_fields_that_would_redirect_the_call(gateway, upstream, field):
    error = check_refused(send(gateway, b'{"model":"chat",' + MESSAGES + b"," + field + b"}"))
    assert error["param"], error
    assert "evil" not in error["message"] and "sk-other" not in error["message"]
    assert upstream.receipts() == []


@pytest.mark.parametrize(
    "model", ["nothing", "Chat", "chat ", "../chat", "m1", "a" * 5000, "😀", "\0"]
)
def test_an_unknown_model(gateway, upstream, model):
    body = json.dumps({"model": model, "messages": []}).encode()
    error = check_refused(send(gateway, body), 404, "model_not_found")
    assert len(error["message"]) < 1000
    assert upstream.receipts() == []


@pytest.mark.attack(73)
@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v1/chat", "/v1/files", "/chat/completions", "/healthz",
     "/metrics", "/api/v1/requests", "/admin", "/v1/models/nothing", "/%00", "/v1/chat/completions%20",
     "/" + "a" * 8000],
)  # fmt: skip
def test_an_unknown_path(gateway, path):
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(http_client.get(path))
        check_refused(connection.answer("GET"), 404)


TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a",
         "application/jsonx", "application/json; charset=utf-16", "text/json+x"]  # fmt: skip


@pytest.mark.attack(32)
@pytest.mark.parametrize("kind", TYPES)
def test_another_content_type(gateway, upstream, kind):
    data = http_client.post(PATH, BODY).replace(b"application/json", kind.encode())
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(data)
        check_refused(connection.answer(), 415)
    assert upstream.receipts() == []


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_the_same_content_type_by_another_spelling(gateway, kind):
    data = http_client.post(PATH, BODY).replace(b"application/json", kind.encode())
    with http_client.Connection(gateway.app_port) as connection:
        connection.send(data)
        assert connection.answer().status == 200


@pytest.mark.attack(31, 32)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip", "unknown"])
def test_a_compressed_body(gateway, upstream, coding):
    check_refused(send(gateway, BODY, headers={"Content-Encoding": coding}), 415)
    assert upstream.receipts() == []


@pytest.mark.attack(59)
def test_queries_do_not_choose_the_model(gateway, upstream):
    answer = send(gateway, BODY, PATH + "?model=other&api_key=x")
    assert answer.status in (200, 404)
    for receipt in upstream.receipts():
        assert receipt["path"] == PATH


@pytest.mark.attack(107)
def test_hostile_text_is_text(gateway, upstream):
    """Formats, queries, shells, logs and control characters in every place: stored as they are."""
    hostile = ["%n%s%x", "'; DROP TABLE attempts;--", "${jndi:ldap://x}", "$(reboot)", "\u0000",
               "\u202e\u2066", "{{7*7}}", "<script>alert(1)</script>", "\r\nX-Injected: 1"]  # fmt: skip
    for text in hostile:
        message = {"role": text, "content": text, "name": text}
        body = json.dumps({"model": "chat", "messages": [message], "user": text}).encode()
        answer = send(gateway, body)
        assert answer.status == 200
        assert answer.header("x-injected") is None
        missing = send(gateway, json.dumps({"model": text, "messages": []}).encode())
        assert missing.status == 404 and missing.header("x-injected") is None


def test_half_closed_connections_are_let_go(gateway, upstream):
    upstream.behave("blackhole")
    connections = []
    for _ in range(10):
        connection = http_client.Connection(gateway.app_port)
        connection.send(http_client.post(PATH, BODY))
        connection.half_close()
        connections.append(connection)
    idle = [http_client.Connection(gateway.app_port) for _ in range(10)]
    for connection in idle:
        connection.half_close()
    for connection in [*connections, *idle]:
        try:
            assert connection.closed()
        finally:
            connection.close()
    eventually(lambda: upstream.state()["open"] == 0, "the calls to the upstream end")
    upstream.clear()


def test_connections_cut_at_every_stage(gateway):
    data = http_client.post(PATH, BODY[:-1] + b',"stream":true}')
    for at in range(0, len(data), 5):
        with http_client.Connection(gateway.app_port) as connection:
            connection.send(data[:at])
            if at % 2:
                linger = b"\x01\0\0\0\0\0\0\0"
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.attack(16, 18, 19)
@pytest.mark.timeout(60)
def test_slow_clients_are_told_after_ten_seconds(gateway, upstream):
    """A head, a body and a chunk that do not end: 408, all waited for at once."""
    starts = {
        "head": b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc",
        "body": http_client.post(PATH, BODY)[:-5],
        "chunk": http_client.post(PATH, b"").replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        ) + b"40\r\n{",
        "no continue": http_client.post(PATH, BODY, {"Expect": "100-continue"})[: -len(BODY)],
    }  # fmt: skip
    connections = {}
    for name, data in starts.items():
        connections[name] = http_client.Connection(gateway.app_port, timeout=15)
        connections[name].send(data)
    for name, connection in connections.items():
        with connection:
            answer = connection.answer()
            assert answer.status == 408, name
            assert answer.header("connection") == "close"
    assert upstream.receipts() == []
