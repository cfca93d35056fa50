"""HTTP as attackers and odd clients speak it: exact statuses, and nothing reaches the upstream."""

import json

import pytest
from support import configs, http_client
from support.processes import eventually

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"
BODY = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
N = str(len(BODY)).encode()
START = f"POST {PATH} HTTP/1.1".encode()


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    return module_holdfast(configs.through(upstream) | {"server": {"max_body": "1MiB"}})


@pytest.fixture
def connect(gateway):
    return lambda: http_client.Connection(gateway.app_port)


def request(*lines: bytes, start=START, body=BODY) -> bytes:
    """A request whose header lines are given as they are; Host and type are put in front."""
    block = [start, b"Host: localhost", b"Content-Type: application/json", *lines]
    return b"\r\n".join(block) + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return request(b"Transfer-Encoding: chunked", body=b"".join(chunks))


WHOLE = b"%x\r\n%s\r\n" % (len(BODY), BODY)
CL = b"Content-Length: " + N

# (row of the attack table, what, bytes, statuses that are right, connection closed)
ATTACKS = [
    (1, "length and chunked", request(CL, b"Transfer-Encoding: chunked", body=WHOLE), {400}, True),
    (1, "chunked and length", request(b"Transfer-Encoding: chunked", CL, body=WHOLE), {400}, True),
    (2, "two lengths", request(CL, b"Content-Length: 5"), {400}, True),
    (2, "two equal lengths", request(CL, CL), {400}, True),
    (2, "a list of lengths", request(b"Content-Length: 5, 5", body=b"12345"), {400}, True),
    *[
        (3, f"length {value!r}", request(b"Content-Length: " + value, body=b"{}"), {400}, True)
        for value in (
            b"+2",
            b"-48",
            b"0x10",
            b"1_0",
            b"010",
            b"",
            b"9" * 20,
            b"2 2",
            b"2.0",
            b"\xb2",
        )
    ],
    *[
        (4, f"encoding {v!r}", request(b"Transfer-Encoding: " + v, body=WHOLE), {400, 501}, True)
        for v in (
            b"chunked, chunked",
            b",chunked",
            b"blegh",
            b"\xa0chunked",
            b"xchunked",
            b"chunked, identity",
            b"gzip, chunked",
            b"",
            b"chunked;a=b",
            b"\x0bchunked",
        )
    ],
    (4, "encoding twice", request(*[b"Transfer-Encoding: chunked"] * 2, body=WHOLE), {400}, True),
    *[
        (5, f"chunk {piece!r}", chunked(piece), {400}, True)
        for piece in (
            b"0_2e\r\n" + b"x" * 46 + b"\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5;ext\r\r\nhello\r\n0\r\n\r\n",
            b"1" * 17 + b"\r\n",
            b"5\nhello\n0\n\n",
            b"-5\r\nhello\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"\r\n",
            b"g\r\n",
        )
    ],
    *[
        (6, f"header line {line!r}", request(line, CL), {400}, None)
        for line in (
            b"X-A : b",
            b"X-A\t: b",
            b": b",
            b"X-A\x85: b",
            b"X A: b",
            b"X-A(: b",
            b"no colon",
            b"\xff: b",
            b"Content-Length : 5",
        )
    ],
    *[
        (7, f"value {value!r}", request(b"X-A: " + value, CL), {400}, None)
        for value in (b"a\0b", b"a\rb", b"a\nb", b"a\x7fb", b"a\x01b", b"a\nX-B: c")
    ],
    (8, "folded header", request(b"X-A: b", b" c", CL), {400}, None),
    (8, "folded by a tab", request(b"X-A: b", b"\tc", CL), {400}, None),
    (8, "a fold first", b"GET /v1/models HTTP/1.1\r\n Host: localhost\r\n\r\n", {400}, None),
    *[
        (9, f"hosts {hosts!r}", b"GET /v1/models HTTP/1.1\r\n" + hosts + b"\r\n", {400}, None)
        for hosts in (
            b"",
            b"Host: localhost\r\nHost: localhost\r\n",
            b"Host: localhost\r\nhost: other\r\n",
            b"Host: a/?x=\r\n",
            b"Host: user@localhost\r\n",
            b"Host: local\0host\r\n",
            b"Host:\r\n",
            b"Host: localhost:99999999\r\n",
            b"Host: localhost:8a\r\n",
            b"Host: a, b\r\n",
            b"Host: [::1\r\n",
        )
    ],
    *[
        (10, f"version {v!r}", b"GET /v1/models " + v + b"\r\nHost: localhost\r\n\r\n", s, True)
        for v, s in (
            (b"HTTP/1.32", {400, 505}),
            (b"HTTP/9.9", {505}),
            (b"HTTP/2.0", {505}),
            (b"HTTP/0.9", {400, 505}),
            (b"http/1.1", {400}),
            (b"HTTP/1", {400}),
            (b"HTTP/1.1 ", {400}),
            (b"garbage", {400}),
            (b"", {400}),
        )
    ],
    (10, "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}, True),
    (10, "a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}, True),
    *[
        (11, f"method {m[:20]!r}", m + b" /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", s, None)
        for m, s in (
            (b'G=":<>', {400, 501}),
            (b"get", {400, 501}),
            (b"G" * 5000, {400, 501}),
            (b"BREW", {501}),
            (b"", {400}),
        )
    ],
    (
        11,
        "a method of 10 kB",
        b"G" * 10240 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        {400, 414, 501},
        True,
    ),
    *[
        (12, f"target {line!r}", line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", s, None)
        for line, s in (
            (b"GET http://other.example/v1/models", {400}),
            (b"GET https://localhost/v1/models", {400}),
            (b"CONNECT other.example:443", {400, 405}),
            (b"TRACE /v1/models", {405}),
            (b"GET v1/models", {400}),
            (b"GET *", {400}),
            (b"GET /v1/models#frag", {400, 404}),
            (b"GET /v1/\x80models", {400}),
            (b"GET /v1/mod els", {400}),
        )
    ],
    (
        13,
        "a request line of 9 kB",
        b"GET /" + b"a" * 9216 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        {414},
        True,
    ),
    (13, "101 headers", request(*[b"X-%d: a" % i for i in range(98)], CL), {431}, True),
    (13, "a header block of 66 kB", request(b"X-A: " + b"a" * 66_000, CL), {431}, True),
    (13, "one header without end", b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70_000, {431}, True),
    (15, "a length as trailer", chunked(WHOLE, b"0\r\nContent-Length : 5\r\n\r\n"), {400}, True),
    (16, "an unknown expectation", request(b"Expect: 200-maybe", CL), {417}, None),
    (
        17,
        "an upgrade to h2c",
        request(
            b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk", CL
        ),
        {400, 426},
        None,
    ),
    (
        17,
        "a web socket",
        request(
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            start=b"GET " + PATH.encode() + b" HTTP/1.1",
            body=b"",
        ),
        {400, 426},
        None,
    ),
]


@pytest.mark.attack(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17)
@pytest.mark.parametrize(
    ("data", "statuses", "closes"),
    [row[2:] for row in ATTACKS],
    ids=[f"row {row[0]}: {row[1]}" for row in ATTACKS],
)
def test_attack(connect, upstream, gateway, data, statuses, closes):
    upstream.clear()
    with connect() as connection:
        connection.send(data)
        answer = connection.answer()
        assert answer.status in statuses, answer
        error = json.loads(answer.body)["error"]
        assert error["type"] == "invalid_request_error" and error["message"]
        assert answer.header("x-request-id")
        if closes:
            assert answer.header("connection") == "close"
        if answer.header("connection") == "close":
            connection.half_close()
            assert connection.closed()
    state = upstream.state()
    assert state["requests"] == 0 and upstream.receipts() == []
    assert gateway.process.poll() is None


@pytest.mark.attack(9, 72)
@pytest.mark.invariant("CVE-2026-48710", "CVE-2026-73511")
def test_row_9_the_route_is_the_path_as_sent(connect, upstream):
    upstream.clear()
    for path in (
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1/chat/%63ompletions",
        "/v1/../v1/chat/completions",
        "/V1/chat/completions",
        "/v1/chat/completions;a=b",
    ):
        with connect() as connection:
            connection.send(http_client.post(path, BODY))
            assert connection.answer().status == 404, path
    assert upstream.receipts() == []


def test_row_12_the_absolute_form_of_ourselves_is_fine(connect):
    with connect() as connection:
        connection.send(b"GET http://localhost/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.answer().status == 200


@pytest.mark.attack(14)
def test_row_14_a_thousand_pipelined_requests(connect, gateway):
    """Answered in order; memory stays where it was."""
    before = gateway.rss_bytes()
    with connect() as connection:
        connection.send(
            b"".join(http_client.get("/v1/models", {"X-Request-Id": f"n{i}"}) for i in range(1000))
        )
        connection.half_close()
        got = []
        while len(got) < 1000:
            try:
                answer = connection.answer("GET")
            except EOFError:
                break
            got.append(answer.header("x-request-id"))
    assert got == [f"n{i}" for i in range(len(got))] and got
    assert gateway.rss_bytes() - before < 16 << 20


def test_pipelined_requests_on_an_open_connection(connect):
    with connect() as connection:
        wanted = []
        for i in range(50):
            identifier = {"X-Request-Id": f"n{i}"}
            connection.send(http_client.get("/v1/models", identifier))
            connection.send(http_client.post(PATH, BODY, {"X-Request-Id": f"p{i}"}))
            wanted += [f"n{i}", f"p{i}"]
        answers = [connection.answer() for _ in wanted]
    assert [a.header("x-request-id") for a in answers] == wanted
    assert {a.status for a in answers} == {200}


@pytest.mark.attack(15)
def test_row_15_trailers_are_not_merged(connect, upstream):
    upstream.clear()
    with connect() as connection:
        connection.send(chunked(WHOLE, b"0\r\nAuthorization: Bearer evil\r\nX-Evil: 1\r\n\r\n"))
        assert connection.answer().status in (200, 400)
        connection.send(http_client.get("/v1/models"))
        assert connection.answer().status == 200
    for receipt in upstream.receipts():
        assert "x-evil" not in receipt["header"]
        assert receipt["header"]["authorization"] == "Bearer sk-upstream-secret"


@pytest.mark.attack(16)
def test_row_16_expect_100_continue(connect):
    with connect() as connection:
        connection.send(request(b"Expect: 100-continue", CL, body=b""))
        status, _, _ = connection.head()
        assert status == 100
        connection.send(BODY)
        assert connection.answer().status == 200


def test_row_16_too_large_is_told_before_the_body(connect):
    with connect() as connection:
        connection.send(request(b"Expect: 100-continue", b"Content-Length: 9999999", body=b""))
        assert connection.answer().status == 413


def test_head_and_options(connect):
    with connect() as connection:
        connection.send(http_client.get("/v1/models", method="HEAD"))
        head = connection.answer("HEAD")
        connection.send(http_client.get("/v1/models"))
        get = connection.answer("GET")
        assert head.status == get.status == 200
        assert head.header("content-length") == get.header("content-length") == str(len(get.body))
        connection.send(http_client.get(PATH, method="OPTIONS"))
        options = connection.answer()
        assert options.status in (200, 204)
        assert "POST" in options.header("allow")
        assert not [n for n, _ in options.headers if n.lower().startswith("access-control")]


def test_cors_only_for_those_named(holdfast, fake):
    one = fake("cors")
    config = configs.through(one)
    config["server"] = {"cors_origins": ["https://app.example"]}
    instance = holdfast(config)
    preflight = {"Access-Control-Request-Method": "POST"}

    def ask(method, origin, body=None):
        headers = {"Origin": origin} | (preflight if method == "OPTIONS" else {})
        with http_client.Connection(instance.app_port) as connection:
            if body:
                connection.send(http_client.post(PATH, body, headers))
            else:
                connection.send(http_client.get(PATH, headers, method))
            return connection.answer()

    good = ask("OPTIONS", "https://app.example")
    assert good.status in (200, 204)
    assert good.header("access-control-allow-origin") == "https://app.example"
    assert "POST" in good.header("access-control-allow-methods")
    answer = ask("POST", "https://app.example", BODY)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "https://app.example"
    bad = ask("OPTIONS", "https://evil.example")
    assert bad.header("access-control-allow-origin") is None


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_a_method_that_a_path_does_not_take(connect, method):
    with connect() as connection:
        connection.send(http_client.get(PATH, method=method))
        answer = connection.answer(method)
        assert answer.status == 405 and "POST" in answer.header("allow")


def test_connections_stay_open_and_close_when_asked(connect):
    with connect() as connection:
        for _ in range(5):
            connection.send(http_client.post(PATH, BODY))
            assert connection.answer().status == 200
        connection.send(http_client.post(PATH, BODY, {"Connection": "close"}))
        answer = connection.answer()
        assert answer.status == 200 and answer.header("connection") == "close"
        assert connection.closed()


def test_http_1_0(connect):
    with connect() as connection:
        connection.send(request(CL, start=b"POST " + PATH.encode() + b" HTTP/1.0"))
        answer = connection.answer()
        assert answer.status == 200 and answer.header("transfer-encoding") is None
        assert connection.closed()
    streamed = BODY[:-1] + b',"stream":true}'
    with connect() as connection:
        connection.send(
            request(
                b"Content-Length: %d" % len(streamed),
                start=b"POST " + PATH.encode() + b" HTTP/1.0",
                body=streamed,
            )
        )
        answer = connection.answer()
        assert answer.status == 200 and answer.header("transfer-encoding") is None
        assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("step", [1, 7])
def test_a_request_in_pieces(connect, step):
    data = http_client.post(PATH, BODY)
    with connect() as connection:
        for at in range(0, len(data), step):
            connection.send(data[at : at + step])
        assert connection.answer().status == 200


def test_empty_lines_before_a_request(connect):
    with connect() as connection:
        connection.send(b"\r\n" + http_client.get("/v1/models"))
        assert connection.answer().status in (200, 400)


def test_an_error_answer_leaves_the_connection_in_step(connect):
    """A refused body has been read to its end, or the connection closes: never in between."""
    connection = connect()
    for path, body, status in (
        (PATH, b'{"model":', 400),
        ("/nowhere", BODY, 404),
        (PATH, b'{"model":"nothing","messages":[]}', 404),
        (PATH, BODY, 200),
    ):
        connection.send(http_client.post(path, body))
        answer = connection.answer()
        assert answer.status == status, path
        if answer.header("connection") == "close":
            assert connection.closed()
            connection.close()
            connection = connect()
    connection.close()


def test_many_connections(gateway):
    connections = [http_client.Connection(gateway.app_port) for _ in range(300)]
    for connection in connections:
        connection.send(http_client.get("/v1/models"))
    assert {connection.answer("GET").status for connection in connections} == {200}
    high = gateway.open_files()
    for connection in connections:
        connection.close()
    eventually(lambda: gateway.open_files() <= high - 290, "the connections are closed here too")
