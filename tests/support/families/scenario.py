"""What a fake model says, in no dialect: read what was asked, speak, and let a family write it down.

The answer follows from the request, the same in every family, so that a test expects one thing
whatever stands between: tools are called (each once, with example arguments), results of tools are
repeated, schemas are fulfilled, images are described by their hash, thinking is shown when asked
for. Options from the model's name (`m1+good;refusal=1`) change it:
    text=, tokens=N      the text's words             refusal=1, filtered=1   the model declines
    goes_on=1            an answer that was begun is gone on with. When merely told to, what comes
                         first is told=asked the words that are asked for, told=N its last N
                         characters, told=all all of it, told=anew another answer, else nothing.
                         again=1: what was begun comes again where it is gone on with by itself
    calls=0              no tool is called
    pieces=chars|whole   how arguments are cut        order=interleaved       calls at the same time
    args=empty|numbers   awkward arguments            usage=missing           no usage at all
    cache_write=N        tokens written to a cache    answers_as=NAME         another model's name
    think=1              thinking unasked             finish=REASON           the provider's own word
    cite=1               a text in three blocks, the second backed by SOURCE
"""

import base64
import binascii
import dataclasses
import hashlib
import json
import re

CREATED = 1_790_000_000
INPUT, CACHED, REASONING = 25, 5, 3  # tokens that every request is said to have
THOUGHTS = ["Let ", "me ", "think."]
REFUSAL = ["I cannot", " help."]
SOURCE = {"url": "https://example.com/a?b=c", "title": "Gr\u00fc\u00dfe"}
# How many bytes, UTF-16 units and characters stand before a place differs.
CITED = [["Gr\u00fc\u00dfe", ": "], ["\u4f60\u597d", " \U0001f600"], [" and", " more."]]
EMPTY_SCHEMA = {"type": "object", "properties": {}}


def compact(value, **options) -> str:
    """JSON in UTF-8; what that cannot hold (lone surrogates) as escapes."""
    text = json.dumps(value, ensure_ascii=False, **({"separators": (",", ":")} | options))
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def digest(*parts, length=24) -> str:
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:length]


def alphanumeric(*parts, length) -> str:
    """A stable identifier of letters and digits."""
    return digest(*parts, length=64)[:length]


@dataclasses.dataclass
class Ask:
    """One request as every family understands it."""

    model: str
    options: dict
    stream: bool = False
    tools: list = dataclasses.field(default_factory=list)  # (name, schema)
    choice: str = "auto"  # auto, none, required, or the name of a tool
    parallel: bool = True
    results: list = dataclasses.field(default_factory=list)  # (text, is_error), of the last turn
    schema: dict | None = None
    media: list = dataclasses.field(default_factory=list)  # (mime type, bytes or a URL)
    cites: bool = False  # the places in its documents are asked for
    stops: list = dataclasses.field(default_factory=list)
    limit: int | None = None
    thinking: bool = False
    system: str = ""
    count: int = 1

    @property
    def answers_as(self) -> str:
        return self.options.get("answers_as") or self.model


@dataclasses.dataclass
class Block:
    """kind: thinking, text, refusal, call. `pieces` are how it streams; together they are `text`."""

    kind: str
    pieces: list[str]
    id: str = ""
    name: str = ""
    signature: str = ""
    cited: bool = False
    in_document: bool = False  # it is cited by its place in the first document, not by SOURCE

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def arguments(self):
        return json.loads(self.text or "{}")


@dataclasses.dataclass
class Turn:
    """stop: end, calls, length, stop_string, filtered, refused."""

    blocks: list[Block]
    stop: str
    stop_string: str | None
    output: int
    reasoning: int
    cache_write: int
    options: dict

    def of(self, kind: str) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.of("text"))

    def cited_range(self, measure=len) -> tuple[int, int]:
        """Where the cited block stands in the whole text, as `measure` counts."""
        before = ""
        for block in self.of("text"):
            if block.cited:
                return measure(before), measure(before + block.text)
            before += block.text
        raise LookupError

    @property
    def cites(self) -> bool:
        return any(block.cited for block in self.blocks)

    @property
    def has_usage(self) -> bool:
        return self.options.get("usage") != "missing"


def example_of(schema) -> object:
    """A value that a JSON schema allows: enough of the language for tests."""
    if not isinstance(schema, dict):
        return {}
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    kind = schema.get("type", "object")
    kind = (kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return {name: example_of(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema.get("items", {"type": "string"}))]
    return {"string": "Rome", "integer": 7, "number": 1.5, "boolean": True, "null": None}[kind]


def pieces_of(text: str, form) -> list[str]:
    if form == "whole" or not text:
        return [text]
    size = 1 if form == "chars" else 7
    return [text[i : i + size] for i in range(0, len(text), size)]


def calls_of(ask: Ask, secret: str) -> list[Block]:
    if not ask.tools or ask.choice == "none" or ask.results or ask.options.get("calls") == 0:
        return []
    tools = ask.tools if ask.choice in ("auto", "required") else []
    tools = tools or [tool for tool in ask.tools if tool[0] == ask.choice]
    blocks = []
    for i, (name, schema) in enumerate(tools if ask.parallel else tools[:1]):
        text = compact(example_of(schema or EMPTY_SCHEMA))
        if ask.options.get("args") == "empty":
            text = ""
        elif ask.options.get("args") == "numbers":
            text = '{"id":9007199254740993,"ratio":1.0,"e":"\\ud83d\\ude00"}'
        elif ask.options.get("args") == "strange":
            text = '{"s":"\\ud83d","n":"a\\u0000b","k":1,"k":2}'
        elif ask.options.get("args") == "cut":
            text = text[: len(text) // 2]
        seed = digest(secret, i, name, text)
        blocks.append(Block("call", pieces_of(text, ask.options.get("pieces")), seed, name))
    return blocks


def words(ask: Ask) -> list[str]:
    options = ask.options
    if ask.schema is not None:
        return pieces_of(
            compact(example_of(ask.schema or {"properties": {"city": {"type": "string"}}})), None
        )
    if options.get("goes_on"):
        return re.findall(r"\s*\S+|\s+$", rest_of(str(options["text"]), options))
    if options.get("text"):
        found = str(options["text"]).split(" ")
    elif ask.results:
        marks = [("failed: " if is_error else "") + text for text, is_error in ask.results]
        found = ["Tools", "said:", *"; ".join(marks).split(" ")]
    elif ask.media:
        found = ["I", "see", *(describe(mime, data) for mime, data in ask.media)]
    else:
        found = ["Hello", "from", options.get("name", "fake")]
        found += [f"w{i}" for i in range(3, options.get("tokens", 5))]
    return [word if i == 0 else " " + word for i, word in enumerate(found)]


def rest_of(text: str, options: dict) -> str:
    """What is left of `text` behind the answer that was begun (options["begun"]: see begun_in)."""
    begun, instruction = options.get("begun") or ("", None)
    if not text.startswith(begun):
        return "The beginning is not mine: " + begun
    rest, told = text[len(begun) :], str(options.get("told", 0))
    if instruction is None or not begun:
        return text if options.get("again") else rest
    if told == "anew":
        return text[: len(begun) - 1] + " - no, from the beginning."
    if told == "asked":
        return re.search("<<<(.*)>>>", instruction, re.DOTALL)[1] + rest
    return begun[len(begun) - min(len(begun) if told == "all" else int(told), len(begun)) :] + rest


def begun_in(body: dict) -> tuple[str, str | None]:
    """The assistant's last text in a request of any dialect, and what a user said after it."""
    turns = body.get("messages") or body.get("contents") or body.get("input") or []
    after = None
    for turn in reversed(turns if isinstance(turns, list) else []):
        parts = turn.get("content", turn.get("parts"))
        text = parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts)
        if turn.get("role") in ("assistant", "model"):
            return text, after
        after = text
    return "", None


def describe(mime: str, data) -> str:
    """How the fake says what it was shown: bytes by their hash, what is elsewhere by its URL."""
    if isinstance(data, bytes):
        return f"{mime}:{len(data)}:{hashlib.sha256(data).hexdigest()[:12]}"
    return f"{mime}@{data}"


def speak(ask: Ask, secret: str) -> Turn:
    """`secret` is what signatures are made with: the fake's own."""
    options, stop, stop_string = ask.options, "end", None
    blocks = []
    if ask.thinking or options.get("think"):
        thoughts = list(THOUGHTS)
        blocks.append(Block("thinking", thoughts, signature=sign(secret, "".join(thoughts))))
    calls = calls_of(ask, secret)
    if options.get("refusal"):
        blocks.append(Block("refusal", list(REFUSAL)))
        stop = "refused"
    elif calls:
        if options.get("preamble"):
            blocks.append(Block("text", ["Let me", " look."]))
        blocks += calls
        stop = "calls"
    else:
        found = words(ask)
        text = "".join(found)
        for mark in ask.stops:
            if mark and mark in text:
                found, stop, stop_string = cut(found, text.index(mark)), "stop_string", mark
                text = "".join(found)
        if ask.limit and ask.limit < len(found):
            found, stop, stop_string = found[: ask.limit], "length", None
        if options.get("filtered"):
            found, stop = found[:2], "filtered"
        if options.get("cite"):
            blocks += [Block("text", list(one), cited=i == 1) for i, one in enumerate(CITED)]
        else:
            cited = ask.cites and bool(ask.media)
            blocks.append(Block("text", found, cited=cited, in_document=cited))
    reasoning = REASONING if blocks[0].kind == "thinking" else 0
    output = reasoning + sum(len(block.pieces) for block in blocks if block.kind != "thinking")
    return Turn(
        blocks, stop, stop_string, output, reasoning, options.get("cache_write", 0), options
    )


def cut(pieces: list[str], length: int) -> list[str]:
    out = []
    for piece in pieces:
        if length <= 0:
            break
        out.append(piece[:length])
        length -= len(piece)
    return out


def steps(turn: Turn):
    """The order in which blocks stream: (start|delta|stop, index, block, piece)."""
    interleaved = turn.options.get("order") == "interleaved"
    calls = [(i, block) for i, block in enumerate(turn.blocks) if block.kind == "call"]
    for i, block in enumerate(turn.blocks):
        if interleaved and block.kind == "call":
            continue
        yield "start", i, block, None
        for piece in block.pieces:
            yield "delta", i, block, piece
        yield "stop", i, block, None
    if interleaved:
        for i, block in calls:
            yield "start", i, block, None
        for at in range(max(len(block.pieces) for _, block in calls) if calls else 0):
            for i, block in calls:
                if at < len(block.pieces):
                    yield "delta", i, block, block.pieces[at]
        for i, block in calls:
            yield "stop", i, block, None


def sign(secret: str, what: str) -> str:
    """An opaque signature, base64: its own house's only."""
    return base64.b64encode(hashlib.sha256(f"{secret}:{what}".encode()).digest()).decode()


def data_url(url: str):
    """(mime type, bytes) of a data: URL, (kind, URL) of another; ValueError when it is broken."""
    if not url.startswith("data:"):
        return "url", url
    head, _, data = url[5:].partition(",")
    if not head.endswith(";base64"):
        raise ValueError("not base64")
    return head[: -len(";base64")], unbase64(data)


def unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ValueError(f"bad base64: {problem}") from None


def vector_of(text: str, dimensions: int) -> list[float]:
    """A vector that depends on the text alone; exact in float32."""
    raw = (hashlib.sha256(f"{i}:{text}".encode()).digest()[0] for i in range(dimensions))
    return [(value - 128) / 128 for value in raw]
