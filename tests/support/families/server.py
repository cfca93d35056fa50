"""A provider of any family as a real process: fake_upstream.py's way of standing, another tongue.

    python fake_provider.py --family anthropic [--name one] [--behave JSON] [--cert PEM --key PEM] ...

A family answers a request with a Whole or a Stream; what goes wrong on the way is named in the
model (`m1+cut_after;after=2`) or set through the control port, and is done here for all of them:
    error;class=C;hint=H;variant=N   one of the provider's own errors (see the family's `error`)
    error_after;after=N;class=C      the same inside a stream that has begun
    cut_after, end_after, stall_after, hold_after, garbage_after, bad_crc_after      ;after=N
    cut_at;at=N       the connection closes after N per mille of the stream's bytes
    unclosed          blocks are opened and never closed      two_starts   the opening event twice
    no_end            the closing events never come           usage=missing
    comments, empty_frames, empty_data, bom, crlf, data_first, at_once, split, no_final_blank_line
    done_twice, no_done, usage_each, gzip_answer, error_in_200, truncated_body, malformed_json, ...
The rest (reset, close, blackhole, headers_only, html_200, ...) is misbehaviour.py's.
"""

import dataclasses
import datetime
import gzip
import importlib
import json
import urllib.parse

import fake_upstream
import misbehaviour

from . import scenario

FAMILIES = (
    "openai",
    "azure_openai",
    "mistral",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "cohere",
)
KEY = "sk-upstream-secret"
SSE = "text/event-stream; charset=utf-8"


class Refusal(Exception):
    """The provider's own error: (status, body, extra headers, content type)."""

    def __init__(self, status: int, body, headers=(), content_type="application/json"):
        super().__init__(status)
        self.status, self.headers, self.content_type = status, list(headers), content_type
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


@dataclasses.dataclass
class Whole:
    body: object
    headers: list = dataclasses.field(default_factory=list)
    content_type: str = "application/json"

    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return scenario.compact(self.body, separators=None).encode()


@dataclasses.dataclass
class Stream:
    """(kind, frame) in order. Kinds: start, open, content, close, finish, usage, done."""

    events: list
    content_type: str = SSE


class Family:
    """One provider's dialect. Subclasses read requests, check them and write what was said."""

    name = ""
    binary_stream = False
    bearer = KEY  # the token that it takes; the option `bearer` of a behaviour changes it

    def __init__(self, fake_name: str):
        self.fake_name = fake_name
        self.secret = f"{self.name}/{fake_name}"

    def model_of(self, request) -> str:
        return str(request.json.get("model", ""))

    def usual_headers(self, x) -> list[tuple[str, str]]:
        raise NotImplementedError

    def reply(self, request, options) -> Whole | Stream:
        """Checks and answers; raises Refusal."""
        raise NotImplementedError

    def error(self, kind: str, options: dict) -> Refusal:
        """The error of a class of section 14 as this provider words it."""
        raise NotImplementedError

    def stream_error(self, kind: str, options: dict) -> bytes:
        """The frame that says so inside a stream."""
        raise NotImplementedError

    def speak(self, ask) -> scenario.Turn:
        return scenario.speak(ask, self.secret)


def sse(data, event=None) -> bytes:
    text = data if isinstance(data, str) else scenario.compact(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def path_of(request) -> tuple[str, dict]:
    """(decoded path, query)."""
    path, _, query = request.path.partition("?")
    return urllib.parse.unquote(path), dict(urllib.parse.parse_qsl(query, keep_blank_values=True))


def parsed(request, refuse) -> dict:
    """The body as an object; `refuse` makes the provider's error of a message."""
    try:
        value = json.loads(request.body)
    except ValueError as problem:
        raise refuse(f"could not parse the JSON body: {problem}") from None
    if not isinstance(value, dict):
        raise refuse("the body is not a JSON object")
    return value


def hint_headers(options: dict, form=None) -> list[tuple[str, str]]:
    """A hint of when to come again, in the headers that providers use. `hint` names the form."""
    form, seconds = options.get("hint", form), options.get("seconds", 2)
    return {
        "seconds": [("retry-after", str(seconds))],
        "fraction": [("retry-after", f"{seconds}.5")],
        "date": [("retry-after", misbehaviour.http_date(seconds))],
        "ms": [("retry-after-ms", str(seconds * 1000))],
        "ms_zero": [("retry-after", "0"), ("retry-after-ms", "0")],
        "durations": [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{seconds}s"),
            ("x-ratelimit-reset-tokens", f"0m{seconds}s"),
        ],
        "azure": [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", str(seconds)),
        ],
        "rfc3339": [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", rfc3339(seconds)),
        ],
    }.get(form, [])


def rfc3339(seconds: float) -> str:
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


# What goes wrong on the way, for every family.


def split_at(events: list, after: int) -> tuple[list, list]:
    """Before and after the `after`th content event."""
    content = [at for at, (kind, _) in enumerate(events) if kind == "content"]
    at = content[after] if after < len(content) else len(events)
    return events[:at], events[at:]


def changed(name: str, events: list, family: Family) -> list:
    """Mischief that is a change of the list of frames."""
    if name == "unclosed":
        return [event for event in events if event[0] != "close"]
    if name == "two_starts":
        return [*events[:1], *events]
    if name == "no_end":
        return [event for event in events if event[0] not in ("finish", "usage", "done")]
    if name == "no_done":
        return [event for event in events if event[0] != "done"]
    if name == "done_twice":
        return events + [event for event in events if event[0] == "done"]
    if name == "no_usage":
        return [event for event in events if event[0] != "usage"]
    if family.binary_stream:
        return events
    if name == "comments":
        return [(kind, b": keep-alive\n\n" + frame) for kind, frame in events]
    if name == "empty_frames":
        return [(kind, b"\n\n\nevent: nothing\n\nid: 1\n\n" + frame) for kind, frame in events]
    if name == "empty_data":
        return [(kind, b"data:\n\n" + frame) for kind, frame in events]
    if name == "bom":
        return [("start", b"\xef\xbb\xbf"), *events]
    if name == "crlf":
        return [
            (kind, frame.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) for kind, frame in events
        ]
    if name == "data_first":
        return [(kind, data_first(frame)) for kind, frame in events]
    if name == "no_final_blank_line":
        return [*events[:-1], (events[-1][0], events[-1][1].rstrip(b"\r\n") + b"\n")]
    return events


def data_first(frame: bytes) -> bytes:
    lines = frame.rstrip(b"\n").split(b"\n")
    return b"\n".join(sorted(lines, key=lambda line: line.startswith(b"event:"))) + b"\n\n"


async def send(x, events) -> None:
    for _, frame in events:
        await x.piece(frame)


async def run_stream(name: str, x, stream: Stream, family: Family) -> None:
    before, rest = split_at(stream.events, x.options.get("after", 2))
    await x.head(200, stream.content_type, gzip_headers(name))
    if name == "gzip_answer":
        await x.piece(gzip.compress(b"".join(frame for _, frame in stream.events)))
    elif name == "at_once":
        await x.piece(b"".join(frame for _, frame in stream.events))
    elif name == "cut_after":
        await send(x, before)
        x.reset() if x.options.get("how") == "reset" else setattr(x, "keep", False)
        return
    elif name == "cut_at":  # anywhere: per mille of its bytes
        whole = b"".join(frame for _, frame in stream.events)
        await x.piece(whole[: len(whole) * int(x.options["at"]) // 1000])
        x.keep = False
        return
    elif name == "end_after":
        await send(x, before)
    elif name == "stall_after":
        await send(x, before)
        return await x.until_client_leaves()
    elif name == "hold_after":
        await send(x, before)
        await x.gate()
        await send(x, rest)
    elif name == "error_after":
        await send(x, before)
        await x.piece(family.stream_error(x.options.get("class", "fault"), x.options))
    elif name == "garbage_after":
        await send(x, before)
        await x.piece(b'data: {"broken":\n\n')
        await send(x, rest)
    elif name == "bad_crc_after":
        frame = rest[0][1]
        await send(x, before)
        await x.piece(frame[:-1] + bytes([frame[-1] ^ 1]))
        await send(x, rest[1:])
    else:
        await send(x, changed(name, stream.events, family))
    return await x.finish()


def gzip_headers(name: str) -> list[tuple[str, str]]:
    return [("content-encoding", "gzip")] if name == "gzip_answer" else []


async def run_whole(name: str, x, whole: Whole, family: Family) -> None:
    body = whole.bytes()
    if name == "error_in_200":
        refusal = family.error(x.options.get("class", "fault"), x.options)
        return await x.answer(200, refusal.body, refusal.content_type)
    if name == "malformed_json":
        return await x.answer(200, body[: len(body) // 2], whole.content_type)
    if name in ("truncated_body", "cut_after"):
        await x.head(200, whole.content_type, length=len(body))
        await x.send(body[: len(body) // 2])
        x.keep = False
        return None
    if name == "gzip_answer":
        body = gzip.compress(body)
    return await x.answer(200, body, whole.content_type, [*whole.headers, *gzip_headers(name)])


class Exchange(fake_upstream.Exchange):
    def usual_headers(self):
        return self.upstream.family.usual_headers(self)


class FamilyUpstream(fake_upstream.Upstream):
    exchange_type = Exchange

    def __init__(self, arguments):
        super().__init__(arguments)
        module = "gemini" if arguments.family == "vertex" else arguments.family
        module = importlib.import_module(f"support.families.{module}")
        self.family = module.make(arguments.family, arguments.name)

    def model_of(self, request) -> str:
        return self.family.model_of(request)

    async def perform(self, name: str, x) -> None:
        if name in misbehaviour.BEHAVIOURS and name in BELOW:
            return await misbehaviour.perform(name, x)
        try:
            if name == "error_early":
                raise self.family.error(x.options.get("class", "fault"), x.options)
            self.family.bearer = x.options.get("bearer", KEY)
            if x.options.get("goes_on"):
                x.options["begun"] = scenario.begun_in(x.request.json)
            reply = self.family.reply(x.request, x.options)
            if name == "error":
                raise self.family.error(x.options.get("class", "fault"), x.options)
        except Refusal as refusal:
            return await x.answer(
                refusal.status, refusal.body, refusal.content_type, refusal.headers
            )
        if name == "split":
            x.options["split"] = 1
        if isinstance(reply, Stream):
            return await run_stream(name, x, reply, self.family)
        return await run_whole(name, x, reply, self.family)


# Below every dialect: taken from the fake of OpenAI's as they are.
BELOW = {
    "reset",
    "when_released",
    "close",
    "blackhole",
    "headers_only",
    "half_head",
    "html_200",
    "endless_body",
    "huge_head",
    "two_content_lengths",
    "bad_status_line",
    "chunk_garbage",
    "pings_only",
    "no_events",
}
