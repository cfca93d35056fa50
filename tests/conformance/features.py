"""What every SDK must get from every provider, one function each; `test_*_sdk.py` runs them all.

A feature asks through a driver and judges what came. `target.model(behaviour)` names a model whose
provider behaves so; `target.direct` says that no gateway stands between.
"""

import dataclasses
import hashlib
import json
import typing

import drivers
from drivers import Fault, Request, Tool
from support.families import scenario
from support.families.server import FAMILIES

WEATHER = Tool(
    "weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
)
CLOCK = Tool("clock", {"type": "object", "properties": {"zone": {"type": "string"}}})
NOTHING = Tool("reset", {"type": "object", "properties": {}})
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff"
    "3f0300060005fe02fea7d8a9810000000049454e44ae426082"
)
PDF = b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
ERRORS = (
    "bad_request",
    "context",
    "auth",
    "forbidden",
    "no_model",
    "filtered",
    "rate_limit",
    "quota",
    "overloaded",
    "fault",
    "timeout",
)


@dataclasses.dataclass
class Feature:
    name: str
    run: typing.Callable
    behaviours: tuple[str, ...]
    modes: tuple[str, ...]


FEATURES: dict[str, Feature] = {}
BOTH, WHOLE, STREAM = ("whole", "stream"), ("whole",), ("stream",)


def feature(*behaviours, modes=BOTH, name=None):
    def keep(function):
        key = name or function.__name__
        FEATURES[key] = Feature(key, function, behaviours or ("good",), modes)
        return function

    return keep


def equal(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


# Text.


@feature()
def text(driver, target, stream):
    out = driver.ask(target.model(), Request(), stream)
    equal((out.text, out.stop), (target.hello, "end"))
    assert not stream or out.pieces > 1


@feature()
def system_prompt(driver, target, stream):
    target.forget()
    driver.ask(target.model(), Request(system="Be terse."), stream)
    assert "Be terse." in target.received()


@feature()
def max_tokens(driver, target, stream):
    out = driver.ask(target.model(), Request(limit=2), stream)
    equal((out.text, out.stop), ("Hello from", "length"))


@feature()
def stop_sequence(driver, target, stream):
    out = driver.ask(target.model(), Request(stops=["w3"]), stream)
    equal(out.text.rstrip(), target.hello.split(" w3")[0])
    assert out.stop in ("stop_string", "end")


@feature()
def usage(driver, target, stream):
    given = driver.ask(target.model(), Request(), stream).usage
    equal((given.input, given.output), (25, 5))
    equal(given.cached, 5)


@feature("good;usage=missing")
def usage_missing(driver, target, stream):
    out = driver.ask(target.model("good;usage=missing"), Request(), stream)
    equal(out.text, target.hello)


@feature("good;refusal=1")
def refusal(driver, target, stream):
    out = driver.ask(target.model("good;refusal=1"), Request(), stream)
    equal(out.refusal or out.text, "I cannot help.")


@feature("good;filtered=1")
def content_filter(driver, target, stream):
    out = driver.ask(target.model("good;filtered=1"), Request(), stream)
    equal(out.stop, "filtered")


@feature()
def structured_output(driver, target, stream):
    out = driver.ask(target.model(), Request(schema=WEATHER.schema), stream)
    equal(json.loads(out.text), {"city": "Rome", "days": 7})


CITED = ["".join(pieces) for pieces in scenario.CITED]


@feature("good;cite=1")
def citations(driver, target, stream):
    out = driver.ask(target.model("good;cite=1"), Request(), stream)
    equal(out.text, "".join(CITED))
    ((url, title, piece),) = out.sources
    equal((url, title), (scenario.SOURCE["url"], scenario.SOURCE["title"]))
    # Where whole blocks are cited, a stream's block may have had more in it when the source came.
    blocks = stream and isinstance(driver, (drivers.Anthropic, drivers.Bedrock))
    untold = getattr(driver, "name", "").startswith("ai_")
    assert piece == CITED[1] or (blocks and CITED[1] in piece) or (untold and piece is None), piece


@feature("good;cite=1")
def citations_come_back(driver, target, stream):
    """The next turn brings them with the history, to whoever answers it."""
    request = Request()
    out = driver.ask(target.model("good;cite=1"), request, stream)
    request.rounds.append((out, []))
    equal(driver.ask(target.model("good;cite=1"), request, stream).text, "".join(CITED))


# What is shown to the model.


def seen(mime, data):
    return f"I see {mime}:{len(data)}:{hashlib.sha256(data).hexdigest()[:12]}"


@feature()
def image(driver, target, stream):
    out = driver.ask(target.model(), Request(images=[PNG]), stream)
    equal(out.text, seen("image/png", PNG))


@feature()
def pdf(driver, target, stream):
    out = driver.ask(target.model(), Request(documents=[PDF]), stream)
    equal(out.text, seen("application/pdf", PDF))


@feature()
def document_citations(driver, target, stream):
    """The places in a document that back the answer."""
    out = driver.ask(target.model(), Request(documents=[PDF], cited=True), stream)
    equal(out.text, seen("application/pdf", PDF))
    ((place, title, piece),) = out.sources
    equal((place, piece), ("document 0, page 1", out.text))
    assert title in (None, "", "document 0"), title


# Images, sound and moderation: OpenAI's endpoints, passed on to the kinds that have them.

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(range(64))


@feature(modes=WHOLE)
def moderation(driver, target, stream):
    equal(driver.is_flagged(target.model(), "I will kill the process"), True)
    equal(driver.is_flagged(target.model(), "Hello"), False)


@feature()
def image_made(driver, target, stream):
    assert driver.draw(target.model(), "a cat", stream).startswith(PNG[:8])


@feature()
def image_changed(driver, target, stream):
    out = driver.draw(target.model(), "a hat on it", stream, image=PNG)
    assert hashlib.sha256(PNG).hexdigest().encode() in out, "it did not come whole"


@feature(modes=WHOLE)
def image_varied(driver, target, stream):
    out = driver.draw(target.model(), "", image=PNG, fresh=False)
    assert hashlib.sha256(PNG).hexdigest().encode() in out, "it did not come whole"


@feature("good;kib=64", modes=WHOLE)
def speech(driver, target, stream):
    equal(len(driver.speak(target.model("good;kib=64"), "Hello")), 64 << 10)


def heard(target):
    return f"heard {hashlib.sha256(WAV).hexdigest()[:16]} of m1+good"


@feature()
def transcription(driver, target, stream):
    equal(driver.hear(target.model(), WAV, stream), heard(target))


@feature(modes=WHOLE)
def translation(driver, target, stream):
    equal(driver.hear(target.model(), WAV, translate=True), heard(target))


MEDIA = {
    "moderation": ("openai",),
    "image_made": ("openai", "azure_openai"),
    "image_changed": ("openai", "azure_openai"),
    "image_varied": ("openai",),
    "speech": ("openai", "azure_openai"),
    "transcription": ("openai", "azure_openai", "mistral"),
    "translation": ("openai", "azure_openai"),
}


# Tools.


def assert_said(out, *results):
    """The model says the tools' results back, in order; some SDKs wrap them in an object."""
    found = [out.text.find(result) for result in results]
    assert out.text.startswith("Tools said:") and -1 not in found, out.text
    assert found == sorted(found), out.text


def calls_of(out):
    return [(call.name, call.arguments) for call in out.calls]


ONE_CALL = [("weather", {"city": "Rome", "days": 7})]
TWO_CALLS = [*ONE_CALL, ("clock", {"zone": "Rome"})]


@feature()
def tool_call(driver, target, stream):
    out = driver.ask(target.model(), Request(tools=[WEATHER]), stream)
    equal((calls_of(out), out.stop), (ONE_CALL, "calls"))


@feature()
def tool_round_trip(driver, target, stream):
    request = Request(tools=[WEATHER])
    out = driver.ask(target.model(), request, stream)
    request.rounds.append((out, [(out.calls[0], "18°C 日本 🌍", False)]))
    out = driver.ask(target.model(), request, stream)
    assert_said(out, "18°C 日本 🌍")
    equal(out.stop, "end")


@feature()
def tool_error(driver, target, stream):
    request = Request(tools=[WEATHER])
    out = driver.ask(target.model(), request, stream)
    request.rounds.append((out, [(out.calls[0], "boom", True)]))
    out = driver.ask(target.model(), request, stream)
    marks = out.text.lower() + target.marks
    assert "boom" in out.text and ("fail" in marks or "error:" in marks), out.text


@feature()
def parallel_calls(driver, target, stream):
    request = Request(tools=[WEATHER, CLOCK])
    out = driver.ask(target.model(), request, stream)
    equal(calls_of(out), TWO_CALLS)
    assert len({call.id for call in out.calls}) == 2
    request.rounds.append((out, [(out.calls[0], "sun", False), (out.calls[1], "noon", False)]))
    assert_said(driver.ask(target.model(), request, stream), "sun", "noon")


@feature()
def one_call_at_a_time(driver, target, stream):
    out = driver.ask(target.model(), Request(tools=[WEATHER, CLOCK], parallel=False), stream)
    equal(calls_of(out), ONE_CALL)


@feature("good;order=interleaved", modes=STREAM)
def interleaved_calls(driver, target, stream):
    model = target.model("good;order=interleaved")
    out = driver.ask(model, Request(tools=[WEATHER, CLOCK]), stream)
    equal(calls_of(out), TWO_CALLS)


@feature("good;pieces=chars", modes=STREAM)
def arguments_by_character(driver, target, stream):
    out = driver.ask(target.model("good;pieces=chars"), Request(tools=[WEATHER, CLOCK]), stream)
    equal(calls_of(out), TWO_CALLS)


@feature("good;pieces=whole", modes=STREAM)
def arguments_in_one_piece(driver, target, stream):
    out = driver.ask(target.model("good;pieces=whole"), Request(tools=[WEATHER, CLOCK]), stream)
    equal(calls_of(out), TWO_CALLS)


@feature("good;args=empty")
def arguments_empty(driver, target, stream):
    out = driver.ask(target.model("good;args=empty"), Request(tools=[NOTHING]), stream)
    equal(calls_of(out), [("reset", {})])


@feature("good;args=numbers")
def arguments_exact(driver, target, stream):
    out = driver.ask(target.model("good;args=numbers"), Request(tools=[WEATHER]), stream)
    (call,) = out.calls
    equal(call.arguments, {"id": 9007199254740993, "ratio": 1.0, "e": "😀"})


@feature("good;preamble=1")
def text_before_calls(driver, target, stream):
    out = driver.ask(target.model("good;preamble=1"), Request(tools=[WEATHER]), stream)
    equal((out.text, calls_of(out)), ("Let me look.", ONE_CALL))


@feature()
def tool_forced(driver, target, stream):
    request = Request(tools=[WEATHER, CLOCK], choice="clock")
    equal(calls_of(driver.ask(target.model(), request, stream)), TWO_CALLS[1:])


@feature()
def some_tool_forced(driver, target, stream):
    request = Request(tools=[WEATHER], choice="required")
    equal(calls_of(driver.ask(target.model(), request, stream)), ONE_CALL)


@feature()
def tools_forbidden(driver, target, stream):
    out = driver.ask(target.model(), Request(tools=[WEATHER], choice="none"), stream)
    equal((out.text, out.calls), (target.hello, []))


# Reasoning.


@feature()
def thinking(driver, target, stream):
    out = driver.ask(target.model(), Request(thinking=True), stream)
    equal((out.thinking, out.text), ("Let me think.", target.hello))


@feature()
def thinking_usage(driver, target, stream):
    given = driver.ask(target.model(), Request(thinking=True), stream).usage
    equal(given.output, 8)
    told = target.provider not in ("mistral", "bedrock", "cohere") and target.client != "bedrock"
    assert given.reasoning == 3 or not told and not given.reasoning, given


@feature()
def thinking_kept_with_tools(driver, target, stream):
    """The thought goes back with its signature; the provider refuses one that is not its own."""
    request = Request(thinking=True, tools=[WEATHER])
    out = driver.ask(target.model(), request, stream)
    equal((out.thinking, calls_of(out)), ("Let me think.", ONE_CALL))
    request.rounds.append((out, [(out.calls[0], "sun", False)]))
    assert_said(driver.ask(target.model(), request, stream), "sun")


# Parameters that only some providers have, asked for in the words of one SDK.

ONE_CLIENT: dict[str, str] = dict.fromkeys(MEDIA, "openai")
NO_SAMPLING = ("anthropic", "bedrock")
# name: (client, what its SDK is given, who must refuse it, a word of the refusal)
KNOBS = {
    "seed": ("openai", {"seed": 7712}, NO_SAMPLING, "seed"),
    "penalty": ("openai", {"presence_penalty": 0.7712}, NO_SAMPLING, "penalty"),
    "several_answers": ("openai", {"n": 2}, (*NO_SAMPLING, "cohere"), "n"),
    "token_bias": (
        "openai",
        {"logit_bias": {"7712": 1}},
        (*NO_SAMPLING, "cohere", "gemini", "vertex", "mistral"),
        "logit_bias",
    ),
    "json_object": (
        "openai",
        {"response_format": {"type": "json_object"}},
        NO_SAMPLING,
        "response_format",
    ),
    "hot": ("openai", {"temperature": 1.7712}, (*NO_SAMPLING, "cohere", "mistral"), "temperature"),
    "foreign_file": (
        "openai",
        {
            "messages": [
                {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-7712"}}]}
            ]
        },
        ("anthropic", "bedrock", "gemini", "vertex", "mistral", "cohere"),
        "file",
    ),
    "safety": (
        "gemini",
        {
            "safety_settings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
            ]
        },
        ("openai", "azure_openai", "anthropic", "bedrock", "mistral", "cohere"),
        "safety",
    ),
    "guardrail": (
        "bedrock",
        {"guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"}},
        ("openai", "azure_openai", "anthropic", "gemini", "vertex", "mistral", "cohere"),
        "guardrail",
    ),
}


def knob(given):
    def run(driver, target, stream):
        target.forget()
        out = driver.ask(target.model(), Request(extra=given), stream)
        assert out.text
        if "7712" in json.dumps(given):
            assert "7712" in target.received()

    return run


for name, (client, given, _, _) in KNOBS.items():
    ONE_CLIENT[f"knob_{name}"] = client
    feature(modes=WHOLE, name=f"knob_{name}")(knob(given))


# Streams that arrive oddly.


def odd(behaviour):
    def run(driver, target, stream):
        out = driver.ask(target.model(behaviour), Request(), stream)
        equal((out.text, out.stop), (target.hello, "end"))

    return run


for oddity in ("split", "at_once", "crlf", "comments", "bom", "data_first", "no_final_blank_line"):
    feature(oddity, modes=STREAM, name=f"stream_{oddity}")(odd(oddity))


# Oddities that Holdfast has to bear from a provider; the SDKs need not.
AWKWARD = (
    "empty_frames",
    "empty_data",
    "unclosed",
    "two_starts",
    "no_done",
    "done_twice",
    "good;finish_twice=1",
    "good;usage=each",
    "good;answers_as=another-1",
    "good;content=array",
)
ONLY_GATEWAY = set()
for behaviour in AWKWARD:
    name = "odd_" + behaviour.replace("good;", "").split("=")[0]
    ONLY_GATEWAY.add(name)
    feature(behaviour, modes=STREAM, name=name)(odd(behaviour))


@feature("good;finish=stop")
def odd_finish(driver, target, stream):
    """Calls count, whatever the reason says."""
    model = target.model("good;finish=stop")
    out = driver.ask(model, Request(tools=[WEATHER]), stream)
    equal(calls_of(out), ONE_CALL)
    same_dialect = target.client == "openai" and target.provider in CHAT  # bytes pass
    assert out.stop == "calls" or same_dialect and out.stop == "end"


@feature("gzip_answer", modes=STREAM)
def odd_gzip_answer(driver, target, stream):
    """Unasked: either it is read, or it is a clean fault."""
    try:
        equal(driver.ask(target.model("gzip_answer"), Request(), stream).text, target.hello)
    except Fault as fault:
        assert fault.status in (500, 502), fault


@feature("good;args=object")
def odd_arguments_object(driver, target, stream):
    out = driver.ask(target.model("good;args=object"), Request(tools=[WEATHER]), stream)
    equal(calls_of(out), ONE_CALL)


@feature("good;args=strange")
def odd_arguments_strange(driver, target, stream):
    """A lone surrogate and a NUL, as escapes."""
    try:
        out = driver.ask(target.model("good;args=strange"), Request(tools=[WEATHER]), stream)
    except Fault as fault:  # the SDK's own parser of streamed arguments, before any provider
        assert target.client == "anthropic" and stream and "hex escape" in str(fault), fault
        return
    (call,) = out.calls
    assert call.arguments["n"] == "a\0b" and "s" in call.arguments


def not_an_answer(behaviour):
    def run(driver, target, stream):
        fault = fault_of(driver, target.model(behaviour), stream)
        assert fault.status in (500, 502), str(fault)

    return run


for behaviour in ("html_200", "error_in_200", "malformed_json", "reset", "close"):
    feature(behaviour, modes=WHOLE, name=f"bad_{behaviour}")(not_an_answer(behaviour))
    ONLY_GATEWAY.add(f"bad_{behaviour}")
ONLY_GATEWAY |= {"odd_finish", "odd_gzip_answer", "odd_arguments_object", "odd_arguments_strange"}

# Errors.


def failing(kind):
    behaviour = f"error;class={kind}"

    def run(driver, target, stream):
        fault = fault_of(driver, target.model(behaviour), stream)
        assert fault.status in target.statuses(kind), (fault.status, str(fault))
        assert fault.message
        assert "sk-up" not in str(fault) or target.direct, fault
        if kind == "rate_limit" and not target.direct:
            assert "retry-after" in fault.headers, fault.headers

    return run


def fault_of(driver, model, stream) -> Fault:
    try:
        out = driver.ask(model, Request(), stream)
    except Fault as fault:
        return fault
    raise AssertionError(f"nothing was raised; the answer was {out}")


for kind in ERRORS:
    feature(f"error;class={kind}", name=f"error_{kind}")(failing(kind))


def broken(behaviour):
    def run(driver, target, stream):
        fault_of(driver, target.model(behaviour), stream)

    return run


for name, behaviour in {
    "error_after_content": "error_after;after=2;class=fault",
    "overload_after_content": "error_after;after=2;class=overloaded",
    "error_before_content": "error_after;after=0;class=fault",
    "stream_cut": "cut_after;after=2",
    "stream_ends_early": "end_after;after=2",
    "stream_garbage": "garbage_after;after=2",
    "bad_checksum": "bad_crc_after;after=2",
}.items():
    feature(behaviour, modes=STREAM, name=name)(broken(behaviour))


# What cannot be.

# The client's dialect has no way to ask for it, or to say it.
UNASKED = {
    "openai": {
        "thinking": "chat completions do not show reasoning",
        "thinking_kept_with_tools": "chat completions do not show reasoning",
        "tool_error": "a tool message has no mark for an error",
    },
    "responses": {
        "stop_sequence": "Responses has no stop sequences",
        "tool_error": "an output item has no mark for an error",
    },
    "anthropic": {
        "usage_missing": "Messages always has usage",
        "interleaved_calls": "content blocks never overlap",
    },
    "gemini": {
        "one_call_at_a_time": "the dialect has no field for it",
        "arguments_by_character": "calls come whole",
        "arguments_in_one_piece": "calls come whole",
    },
    "bedrock": {
        "tools_forbidden": "Converse has no choice `none`",
        "one_call_at_a_time": "Converse has no field for it",
    },
}
BINARY = ("crlf", "comments", "bom", "data_first", "no_final_blank_line")
ITS_FRAMES = {f"stream_{name}": "its streams are binary frames" for name in BINARY}
# Only Messages and Converse have a field for it.
for name in ("openai", "responses", "gemini"):
    UNASKED[name]["document_citations"] = "the dialect cannot ask for places in a document"
# The provider cannot do it, so that the gateway refuses it: (a word of its message, the reason).
PARALLEL = {"one_call_at_a_time": ("parallel", "no field for parallel calls")}
REFUSED = {
    "gemini": PARALLEL,
    "vertex": PARALLEL,
    "bedrock": {},
    "cohere": PARALLEL | {"pdf": ("file", "no documents inline")},
}
for name, having in MEDIA.items():
    for provider in FAMILIES:
        if provider not in having:
            entry = {name: ("cannot serve", "that kind has no such endpoint")}
            REFUSED[provider] = REFUSED.get(provider, {}) | entry
for name, (_, _, refusing, word) in KNOBS.items():
    for provider in refusing:
        entry = {f"knob_{name}": (word, "it has no such parameter")}
        REFUSED[provider] = REFUSED.get(provider, {}) | entry
for provider in FAMILIES:
    if provider not in ("anthropic", "bedrock"):
        entry = {"document_citations": ("citations", "it names no places in documents")}
        REFUSED[provider] = REFUSED.get(provider, {}) | entry
# The provider does not say it, so that nobody can.
NOT_SHOWN = {
    name: "reasoning is not shown"
    for name in ("thinking", "thinking_usage", "thinking_kept_with_tools")
}
FAULT = {"content_filter": "it ends with `error`, which may be any fault"}
UNSAID = {
    "openai": NOT_SHOWN,
    "azure_openai": NOT_SHOWN,
    "mistral": FAULT | {"citations": "it refers to what it was given by numbers of its own"},
    "cohere": FAULT,
    "bedrock": ITS_FRAMES,
    "anthropic": {"interleaved_calls": "content blocks never overlap"},
}


# What an SDK does not bear from its own provider; Holdfast must bear it from any.
NOT_BORNE = {
    "responses": {"stream_no_final_blank_line": "the SDK drops an event without its blank line"},
    "anthropic": {
        "stream_no_final_blank_line": "the SDK drops an event without its blank line",
        "stream_bom": "the SDK fails on a byte order mark",
    },
    "gemini": {
        "stream_bom": "the SDK fails on a byte order mark",
        "stream_comments": "the SDK fails on comments",
    },
}


CHAT = ("openai", "azure_openai", "mistral")
# Oddities of some providers only.
ALONE = {
    "odd_finish_twice": CHAT[:2],
    "odd_usage": CHAT[:2],
    "odd_content": ("mistral",),
    "odd_arguments_object": ("mistral",),
    "odd_finish": CHAT[:2],
    "odd_unclosed": ("anthropic", "bedrock", "cohere"),
    "odd_two_starts": ("anthropic",),
    "odd_empty_data": (*CHAT, "anthropic", "gemini", "vertex", "cohere"),
    "odd_empty_frames": (*CHAT, "anthropic", "gemini", "vertex", "cohere"),
    "odd_no_done": (*CHAT, "cohere"),
    "odd_done_twice": (*CHAT, "cohere"),
    "stream_garbage": (*CHAT, "anthropic", "gemini", "vertex", "cohere"),
}
EXACT = "JavaScript's numbers are doubles"
# What the JavaScript SDKs leave out beyond their dialect's own.
UNASKED_JS = {
    "js_openai": {
        name: "js/driver.mjs does not ask for it"
        for name in (
            "structured_output",
            "image",
            "pdf",
            "one_call_at_a_time",
            "tool_forced",
            "some_tool_forced",
            "tools_forbidden",
        )
    },
    "ai_anthropic": {"document_citations": "js/driver.mjs does not ask for it"},
    "ai_google": {
        "tool_error": "the package does not say that a tool failed",
        "stream_no_final_blank_line": "the package drops an event without its blank line",
    },
    "ai_bedrock": {
        "tool_error": "the package does not say that a tool failed",
        "citations": "the package does not read them",
        "document_citations": "js/driver.mjs does not ask for it",
    }
    | {
        name: "the package asks for it of models by their names only"
        for name in ("thinking", "thinking_usage", "thinking_kept_with_tools")
    },
}
# Beside everything once against their own provider, these SDKs are asked for the essential.
ESSENTIAL = (
    "text",
    "usage",
    "citations",
    "structured_output",
    "image",
    "tool_call",
    "tool_round_trip",
    "parallel_calls",
    "interleaved_calls",
    "thinking",
    "thinking_kept_with_tools",
    "error_rate_limit",
    "error_overloaded",
    "error_after_content",
)


# What the sanitized build is asked as well: every reader and writer once.
SANITIZED = (
    "image",
    "tool_round_trip",
    "interleaved_calls",
    "thinking_kept_with_tools",
    "stream_split",
    "error_rate_limit",
    "error_after_content",
    "stream_cut",
)


# What Holdfast should carry and does not yet: (client's dialect, provider, feature): why.
OPEN: dict[tuple[str, str, str], str] = {}


def counts_for(client: str, name: str) -> bool:
    return not client.startswith(("js_", "ai_", "azure", "vertex")) or name in ESSENTIAL


def why_not(client: str, dialect: str, provider: str, name: str, direct: bool) -> str | None:
    """Why a cell of the grid is empty. Responses is the one house of OpenAI's that shows thoughts."""
    is_js = client.startswith(("js_", "ai_"))
    if direct and name in ONLY_GATEWAY | {"stream_garbage"}:
        return "Holdfast bears it, an SDK need not"
    if name == "bad_checksum" and provider != "bedrock":
        return "its streams have no checksums"
    if name in ALONE and provider not in ALONE[name]:
        return "that provider has no such oddity"
    if ONE_CLIENT.get(name, client) != client:
        return f"asked for in the words of {ONE_CLIENT[name]}"
    if is_js and name == "arguments_exact":
        return EXACT
    if is_js and name == "citations_come_back":
        return "js/driver.mjs goes on behind results of calls only"
    if (client, provider, name) == ("ai_bedrock", "cohere", "structured_output"):
        return "that SDK forces a call, and parses Cohere's plan together with its arguments"
    for table, key in ((UNASKED, dialect), (UNASKED_JS, client)):
        if name in table.get(key, {}):
            return table[key][name]
    if direct and name in NOT_BORNE.get(dialect, {}):
        return NOT_BORNE[dialect][name]
    if direct and dialect == "responses" and name in NOT_SHOWN:
        return None
    if direct and dialect == "openai" and name in NOT_SHOWN:
        return NOT_SHOWN[name]
    return UNSAID.get(provider, {}).get(name)
