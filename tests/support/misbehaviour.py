"""What a fake upstream does with a request, by name. `perform(name, exchange)` runs one.

Options come from the control port or from the model (`m1+NAME;option=value;...`):
    after=N          how many content events go out before the misbehaviour (default 2)
    retry_after=V    the header as given; `date:SECONDS` makes an HTTP date from now
    retry_after_ms=V
    text, tokens, delay_ms, reasoning, refusal, azure, answers_as, usage, finish_reason
                     shape the good answer (see openai_answers.py)
    limit_requests, remaining_requests, reset_requests
                     what the rate limit headers tell, as they are written
    framing=close    body to the close of the connection, instead of chunked
    split=1          bytes one at a time
"""

import asyncio
import email.utils
import gzip
import hashlib
import json
import re
import time

import openai_answers as answers
import openai_media as media

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>cloudflare</center></body></html>\r\n"
STREAM = "text/event-stream; charset=utf-8"
BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__] = function
    return function


async def perform(name: str, x) -> None:
    numbered = re.fullmatch(r"(\w+_after)_(\d+)", name)
    if numbered:
        name = numbered[1]
        x.options["after"] = int(numbered[2])
    status = re.fullmatch(r"status_(\d+)", name)
    if status:
        await answer_status(x, int(status[1]))
    else:
        await BEHAVIOURS[name](x)


def from_model(model: str) -> dict:
    """`m1+name;key=value` as options."""
    name, *pairs = model.split("+", 1)[1].split(";")
    options = {"name": name}
    for pair in pairs:
        key, _, value = pair.partition("=")
        options[key] = int(value) if value.isdigit() and not key.startswith("retry") else value
    return options


def http_date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def usual_headers(x) -> list[tuple[str, str]]:
    """What OpenAI's edge puts on every answer; some of it is nobody else's business."""
    seed = x.request.header("x-request-id") or x.request.path
    return [
        ("x-request-id", "req_" + hashlib.sha256(seed.encode()).hexdigest()[:32]),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "org-of-the-operator"),
        ("x-ratelimit-limit-requests", str(x.options.get("limit_requests", "10000"))),
        ("x-ratelimit-remaining-requests", str(x.options.get("remaining_requests", "9999"))),
        ("x-ratelimit-reset-requests", str(x.options.get("reset_requests", "8.64s"))),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-tokens", "199993"),
        ("x-ratelimit-reset-tokens", "2ms"),
        ("set-cookie", "__cf_bm=upstreams-own; path=/; HttpOnly; Secure"),
        ("server", "cloudflare"),
    ]


def retry_headers(x) -> list[tuple[str, str]]:
    out = []
    value = x.options.get("retry_after")
    if value is not None:
        value = str(value)
        if value.startswith("date:"):
            value = http_date(float(value[5:]))
        out.append(("retry-after", value))
    if "retry_after_ms" in x.options:
        out.append(("retry-after-ms", str(x.options["retry_after_ms"])))
    if "should_retry" in x.options:
        out.append(("x-should-retry", x.options["should_retry"]))
    return out


# The good answer.


def events_of(x) -> list[tuple[str, str]]:
    if endpoint := media.endpoint_of(x.request.path):
        return media.events(endpoint, x.request, x.options)
    legacy = x.request.path.endswith("/completions") and "/chat/" not in x.request.path
    make = answers.completion_events if legacy else answers.chat_events
    return make(x.request.json, x.options)


def frame(data: str, x) -> bytes:
    end = {"crlf": "\r\n", "cr": "\r"}.get(x.options.get("lines"), "\n")
    name = ""
    if "/images/" in x.request.path and data.startswith('{"type"'):  # these have their names
        name = f"event: {json.loads(data)['type']}{end}"
    return f"{name}data: {data}{end}{end}".encode()


def whole_of(x) -> tuple[str, bytes]:
    """The content type and the body of a good whole answer."""
    if endpoint := media.endpoint_of(x.request.path):
        return media.whole(endpoint, x.request, x.options)
    return "application/json", pretty(answers.chat_answer(x.request.json, x.options))


async def send_events(x, events) -> None:
    delay = x.options.get("delay_ms", 0) / 1000
    for kind, data in events:
        if delay and kind == "content":
            await asyncio.sleep(delay)
        await x.piece(frame(data, x))


@behaviour
async def good(x):
    path = x.request.path.split("?")[0]
    if path.endswith("/models"):
        return await x.answer(200, json.dumps(answers.models_answer()).encode())
    if "/models/" in path:
        name = path.rsplit("/", 1)[1]
        return await x.answer(200, json.dumps(answers.model_object(name)).encode())
    if path.endswith("/embeddings"):
        return await x.answer(200, pretty(answers.embeddings_answer(x.request.json, x.options)))
    if endpoint := media.endpoint_of(path):
        return await good_media(x, endpoint)
    if not path.endswith("/completions"):
        body = answers.error_body(f"Invalid URL (POST {path})", "invalid_request_error")
        return await x.answer(404, body)
    if x.wants_stream():
        await x.head(200, STREAM)
        await send_events(x, events_of(x))
        return await x.finish()
    make = answers.chat_answer if "/chat/" in path else answers.completion_answer
    return await x.answer(200, pretty(make(x.request.json, x.options)))


async def good_media(x, endpoint: str) -> None:
    try:
        media.check(endpoint, x.request)
    except media.Refusal as refusal:
        return await x.answer(400, refusal.body)
    if x.wants_stream():
        await x.head(200, STREAM)
        await send_events(x, events_of(x))
        return await x.finish()
    content_type, body = whole_of(x)
    if not content_type.startswith("audio/"):
        return await x.answer(200, body, content_type)
    await x.head(200, content_type)  # sound comes in pieces
    for at in range(0, len(body), 4096):
        await x.piece(body[at : at + 4096])
    return await x.finish()


@behaviour
async def by_key(x):
    """What it does depends on the key that it is shown: keys={KEY: NAME}; good to all others."""
    key = (x.request.header("authorization") or "").removeprefix("Bearer ")
    await perform(x.options["keys"].get(key, "good"), x)


def pretty(value) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


# Before the answer.


@behaviour
async def reset(x):
    x.reset()


@behaviour
async def close(x):
    x.keep = False


@behaviour
async def blackhole(x):
    await x.until_client_leaves()


@behaviour
async def slow_headers(x):
    """Answers well, but only when released."""
    await x.gate()
    await good(x)


@behaviour
async def when_released(x):
    """Nothing until it is released; what comes `then`."""
    await x.gate()
    await perform(x.options["then"], x)


@behaviour
async def busy(x):
    """Answers well, but serves `slots` at a time, each for `service_ms`; those beyond wait."""
    counts = x.upstream.counts
    counts["most_open"] = max(counts["most_open"], counts["open"])
    if x.upstream.slots is None:
        x.upstream.slots = asyncio.Semaphore(x.options["slots"])
    async with x.upstream.slots:
        await asyncio.sleep(x.options["service_ms"] / 1000)
        await good(x)


@behaviour
async def headers_only(x):
    await x.head(200, STREAM if x.wants_stream() else "application/json")
    await x.until_client_leaves()


@behaviour
async def half_head(x):
    await x.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    x.keep = False


# Statuses.


def status_error(x, status: int) -> bytes:
    model = x.request.json.get("model", "m1")
    table = {
        400: ("'messages' is a required property", "invalid_request_error", "messages", None),
        401: (
            "Incorrect API key provided: sk-up****eam. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            "invalid_request_error",
            None,
            "invalid_api_key",
        ),
        402: ("Insufficient Balance", "unknown_error", None, "invalid_request_error"),
        403: (
            "Country, region, or territory not supported",
            "request_forbidden",
            None,
            "unsupported_country_region_territory",
        ),
        404: (
            f"The model `{model}` does not exist or you do not have access to it.",
            "invalid_request_error",
            None,
            "model_not_found",
        ),
        408: ("Request timed out.", "timeout", None, None),
        409: ("The request conflicts with another one.", "invalid_request_error", None, None),
        413: ("Request too large.", "invalid_request_error", None, None),
        422: ("Unprocessable entity.", "invalid_request_error", "temperature", None),
        429: (
            f"Rate limit reached for {model} in organization org-x on requests per min (RPM): "
            "Limit 3, Used 3, Requested 1. Please try again in 1s.",
            "requests",
            None,
            "rate_limit_exceeded",
        ),
        503: (
            "The server is currently overloaded with other requests.",
            "service_unavailable_error",
            None,
            "server_is_overloaded",
        ),
        529: ("Overloaded", "overloaded_error", None, None),
    }
    fallback = (
        "The server had an error while processing your request.",
        "server_error",
        None,
        None,
    )
    return answers.error_body(*table.get(status, fallback))


async def answer_status(x, status: int) -> None:
    if status == 502:
        return await x.answer(502, HTML, "text/html; charset=UTF-8", retry_headers(x))
    extra = retry_headers(x)
    if status in (301, 302, 307, 308):
        extra.append(("location", x.options.get("location", "/v1/elsewhere")))
    await x.answer(status, status_error(x, status), "application/json", extra)
    return None


def named_error(name, status, message, kind, param=None, code=None):
    async def run(x):
        body = answers.error_body(message, kind, param, code or name)
        await x.answer(status, body, "application/json", retry_headers(x))

    BEHAVIOURS[name] = run


named_error(
    "insufficient_quota",
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
)
named_error(
    "context_length_exceeded",
    400,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 "
    "tokens. Please reduce the length of the messages.",
    "invalid_request_error",
    "messages",
)
named_error(
    "content_filter",
    400,
    "The response was filtered due to the prompt triggering the content management policy.",
    "invalid_request_error",
    "prompt",
)
named_error(
    "unsupported_parameter",
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    "invalid_request_error",
    "max_tokens",
)


@behaviour
async def redirect(x):
    await answer_status(x, 307)


# A body that is not what the head promised.


@behaviour
async def malformed_json(x):
    await x.answer(200, b'{"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role"')


@behaviour
async def wrong_shape(x):
    await x.answer(200, b'{"status": "ok", "choices": "none"}')


@behaviour
async def html_200(x):
    await x.answer(200, HTML, "text/html; charset=UTF-8")


@behaviour
async def wrong_content_type(x):
    """A good answer under another name, as some servers send it."""
    x.options["content_type"] = "text/plain"
    if x.wants_stream():
        await x.head(200, "text/plain")
        await send_events(x, events_of(x))
        return await x.finish()
    return await x.answer(200, pretty(answers.chat_answer(x.request.json, x.options)), "text/plain")


@behaviour
async def truncated_body(x):
    content_type, body = whole_of(x)
    await x.head(200, content_type, length=len(body) + 100)
    await x.send(body[: len(body) // 2])
    x.keep = False


@behaviour
async def error_in_200(x):
    forms = {
        "object": b'{"error": {"message": "backend failed", "type": "server_error", "code": 500}}',
        "string": b'{"error": "backend failed"}',
        "array": b'[{"error": {"message": "backend failed", "code": 503}}]',
        "object_kind": b'{"object": "error", "message": "backend failed", "code": 50001}',
    }
    await x.answer(200, forms[x.options.get("form", "object")])


@behaviour
async def whole_instead(x):
    """A whole answer for whoever asked for a stream."""
    content_type, body = whole_of(x)
    await x.answer(200, body, content_type)


@behaviour
async def huge_body(x):
    """16 MiB: more than the gateway holds back for validation."""
    x.options["text"] = "x" * (x.options.get("mib", 16) << 20)
    await x.answer(200, pretty(answers.chat_answer(x.request.json, x.options)))


@behaviour
async def endless_body(x):
    """Bytes without an end; the reader has to stop."""
    await x.head(200, "application/json")
    piece = b" " * 65536
    for _ in range(16384):
        await x.piece(piece)
    await x.finish()


@behaviour
async def invalid_utf8(x):
    if x.wants_stream():
        await x.head(200, STREAM)
        events = events_of(x)
        await send_events(x, events[:1])
        bad = frame(events[1][1], x).replace(b"Hello", b"H\xc3\x28o")
        await x.piece(bad)
        await send_events(x, events[2:])
        return await x.finish()
    body = pretty(answers.chat_answer(x.request.json, x.options)).replace(b"Hello", b"H\xc3\x28o")
    return await x.answer(200, body)


@behaviour
async def gzip_answer(x):
    content_type, body = whole_of(x)
    await x.answer(200, gzip.compress(body), content_type, [("content-encoding", "gzip")])


# Heads that break HTTP.


async def raw_answer(x, head: bytes) -> None:
    body = pretty(answers.chat_answer(x.request.json, x.options))
    await x.send(head.replace(b"LENGTH", str(len(body)).encode()) + body)
    x.keep = False


RAW_HEADS = {
    "bad_header_no_colon": b"HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: LENGTH\r\n\r\n",
    "bad_header_nul": b"HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: LENGTH\r\n\r\n",
    "bad_header_bare_cr": b"HTTP/1.1 200 OK\r\nx-a: b\rset-cookie: c=d\r\ncontent-length: LENGTH\r\n\r\n",
    "folded_header": b"HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: LENGTH\r\n\r\n",
    "two_content_lengths": b"HTTP/1.1 200 OK\r\ncontent-length: LENGTH\r\ncontent-length: 3\r\n\r\n",
    "length_and_chunked": b"HTTP/1.1 200 OK\r\ncontent-length: LENGTH\r\n"
    b"transfer-encoding: chunked\r\n\r\n",
    "bad_status_line": b"ICY 200 OK\r\ncontent-length: LENGTH\r\n\r\n",
    "huge_head": b"HTTP/1.1 200 OK\r\nx-a: "
    + b"a" * 300_000
    + b"\r\ncontent-length: LENGTH\r\n\r\n",
}
for raw_name, raw_head in RAW_HEADS.items():

    def bind(head):
        return lambda x: raw_answer(x, head)

    BEHAVIOURS[raw_name] = bind(raw_head)


@behaviour
async def chunk_garbage(x):
    await x.head(200, STREAM if x.wants_stream() else "application/json")
    if x.wants_stream() and x.options.get("after"):
        await partial(x)
    await x.send(b"zz\r\nnot a chunk\r\n")
    x.keep = False


@behaviour
async def continue_first(x):
    """Interim answers before the real one."""
    await x.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    await good(x)


@behaviour
async def close_each(x):
    x.options["connection"] = "close"
    await good(x)


@behaviour
async def close_idle(x):
    """Says keep-alive, then closes."""
    await good(x)
    x.keep = False


# Streams.


async def partial(x, default: int = 2) -> list[tuple[str, str]]:
    """Sends everything up to `after` content events; returns the rest."""
    events = events_of(x)
    after = x.options.get("after", default)
    content = [at for at, (kind, _) in enumerate(events) if kind == "content"]
    at = content[after] if after < len(content) else len(events)
    await send_events(x, events[:at])
    return events[at:]


@behaviour
async def cut_after(x):
    """Closes (how=reset: resets) after some content; for whole answers, after half of the body."""
    if not x.wants_stream():
        return await truncated_body(x)
    await x.head(200, STREAM)
    await partial(x)
    if x.options.get("how") == "reset":
        return x.reset()
    x.keep = False
    return None


@behaviour
async def end_after(x):
    """Ends the body cleanly after some content: no finish reason, no [DONE]."""
    await x.head(200, STREAM)
    await partial(x)
    await x.finish()


@behaviour
async def stall_after(x):
    await x.head(200, STREAM)
    await partial(x)
    await x.until_client_leaves()


@behaviour
async def hold_after(x):
    """Goes on when released; whole answers are not held, but for sound, after 4 KiB of it."""
    if not x.wants_stream():
        content_type, body = whole_of(x)
        if not content_type.startswith("audio/"):
            return await good(x)
        await x.head(200, content_type)
        await x.piece(body[:4096])
        await x.gate()
        await x.piece(body[4096:])
        return await x.finish()
    await x.head(200, STREAM)
    rest = await partial(x)
    await x.gate()
    await send_events(x, rest)
    await x.finish()


@behaviour
async def error_after(x):
    """An error event in the stream; after=0 puts it before content."""
    await x.head(200, STREAM)
    await partial(x)
    forms = {
        "object": '{"error":{"message":"The server had an error","type":"server_error",'
        '"param":null,"code":null}}',
        "numeric": '{"error":{"message":"backend failed","type":"BadGateway","code":502}}',
        "string": '{"error":"backend failed"}',
    }
    await x.piece(frame(forms[x.options.get("form", "object")], x))
    await x.finish()


@behaviour
async def garbage_after(x):
    """An event that is not JSON."""
    await x.head(200, STREAM)
    rest = await partial(x)
    await x.piece(frame('{"choices":[{"delta":', x))
    await send_events(x, rest)
    await x.finish()


@behaviour
async def role_then_silence(x):
    x.options["after"] = 0
    await stall_after(x)


@behaviour
async def pings_only(x):
    """Comments and empty events, again and again."""
    x.keep = False
    await x.head(200, STREAM)
    while True:
        await x.piece(b": ping\n\n")
        await asyncio.sleep(0.05)


@behaviour
async def comments(x):
    """Comments between all events, as proxies in between send them."""
    await x.head(200, STREAM)
    for kind, data in events_of(x):
        await x.piece(b": OPENROUTER PROCESSING\n\n" + frame(data, x))
        del kind
    await x.finish()


@behaviour
async def empty_stream(x):
    await x.head(200, STREAM)
    await x.piece(frame("[DONE]", x))
    await x.finish()


@behaviour
async def no_events(x):
    await x.head(200, STREAM)
    await x.finish()


@behaviour
async def no_done(x):
    await x.head(200, STREAM)
    await send_events(x, [event for event in events_of(x) if event[0] != "done"])
    await x.finish()


@behaviour
async def done_twice(x):
    await x.head(200, STREAM)
    await send_events(x, [*events_of(x), ("done", "[DONE]")])
    await x.finish()


@behaviour
async def no_final_blank_line(x):
    await x.head(200, STREAM)
    events = events_of(x)
    await send_events(x, events[:-1])
    await x.piece(b"data: [DONE]\n")
    await x.finish()


@behaviour
async def crlf_stream(x):
    x.options["lines"] = "crlf"
    await good(x)


@behaviour
async def cr_stream(x):
    x.options["lines"] = "cr"
    await good(x)


@behaviour
async def split_everywhere(x):
    x.options["split"] = 1
    await good(x)


@behaviour
async def all_at_once(x):
    """The whole stream in one write."""
    await x.head(200, STREAM)
    await x.piece(b"".join(frame(data, x) for _, data in events_of(x)))
    await x.finish()


@behaviour
async def huge_event(x):
    """One event of 2 MiB, after `after` events of content."""
    await x.head(200, STREAM)
    rest = await partial(x, 0)
    await x.piece(b"data: " + b"x" * (2 << 20) + b"\n\n")
    await send_events(x, rest)
    await x.finish()


@behaviour
async def usage_each(x):
    """Running usage on every chunk, as some servers send it."""
    await x.head(200, STREAM)
    events = []
    for number, (kind, data) in enumerate(events_of(x)):
        if kind in ("role", "content", "finish"):
            chunk = json.loads(data)
            usage = {"prompt_tokens": 9, "completion_tokens": number, "total_tokens": 9 + number}
            data = answers.compact(chunk | {"usage": usage})
        events.append((kind, data))
    await send_events(x, events)
    await x.finish()
