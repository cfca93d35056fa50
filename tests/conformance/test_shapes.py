"""Every object on the wire is one that the dialect's own SDK knows, with nothing missing or unknown.

SDKs forgive much when they read; their types, taken strictly, do not. Judged so: the fakes, and what
Holdfast writes for each family of clients.
"""

import functools
import json

import anthropic.types
import botocore.loaders
import drivers
import features
import google.genai.types
import httpx
import openai.types.chat
import openai.types.responses
import pydantic
import pytest
from conftest import OWN, Target, there
from support import sse
from support.families import eventstream, published

REQUESTS = {
    "text": drivers.Request(),
    "tools": drivers.Request(tools=[features.WEATHER, features.CLOCK]),
    "thinking": drivers.Request(thinking=True, tools=[features.WEATHER]),
    "length": drivers.Request(limit=2),
    "filtered": drivers.Request(),
    "refusal": drivers.Request(),
}
HEADERS = {
    "authorization": f"Bearer {drivers.KEY}",
    "x-goog-api-key": drivers.KEY,
    "anthropic-version": "2026-10-21",
}
MODELS = {
    ("openai", "whole"): openai.types.chat.ChatCompletion,
    ("openai", "stream"): openai.types.chat.ChatCompletionChunk,
    ("responses", "whole"): openai.types.responses.Response,
    ("responses", "stream"): openai.types.responses.ResponseStreamEvent,
    ("anthropic", "whole"): anthropic.types.Message,
    ("anthropic", "stream"): anthropic.types.RawMessageStreamEvent,
    ("gemini", "whole"): google.genai.types.GenerateContentResponse,
    ("gemini", "stream"): google.genai.types.GenerateContentResponse,
}
# What is on the wire and in no type.
TOLERATED = {"reasoning_content", "reasoning_details", "extra_content", "store", "obfuscation"}
# Whose bytes pass to clients of the dialect, with words that only its own SDK's users expect.
PASSED = {("openai", "azure_openai")}


def pytest_generate_tests(metafunc):
    cases = []
    for client in (*dict.fromkeys(client for client, _ in MODELS), "bedrock"):
        for provider in there(client):
            if (client, provider) in PASSED:
                continue
            cases += [
                pytest.param(
                    (client, provider, name, mode), id=f"{client}-{provider}-{name}-{mode}"
                )
                for name in REQUESTS
                if name != "filtered" or provider not in ("mistral", "cohere")  # a fault there
                for mode in ("whole", "stream")
            ]
    metafunc.parametrize("case", cases)


def question(client: str, model: str, request, stream: bool) -> tuple[str, dict]:
    """(path, body) as the SDK would send it."""
    if client == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        body = {"contents": [{"role": "user", "parts": [{"text": request.text}]}]}
        declared = [{"name": one.name, "parametersJsonSchema": one.schema} for one in request.tools]
        body |= {"tools": [{"functionDeclarations": declared}]} if declared else {}
        config = {"maxOutputTokens": request.limit} if request.limit else {}
        config |= {"thinkingConfig": {"includeThoughts": True}} if request.thinking else {}
        path = f"/v1beta/models/{escaped(model)}:{verb}"
        return path, body | {"generationConfig": config}
    driver = drivers.DRIVERS[client].__new__(drivers.DRIVERS[client])
    body = driver.arguments(model, request)
    if client == "bedrock":
        verb = "converse-stream" if stream else "converse"
        return f"/model/{escaped(body.pop('modelId'))}/{verb}", body
    if stream:
        body["stream"] = True
        body |= {"stream_options": {"include_usage": True}} if client == "openai" else {}
    paths = {"openai": "chat/completions", "responses": "responses", "anthropic": "messages"}
    return f"/v1/{paths[client]}", body


def escaped(model: str) -> str:
    return model.replace("+", "%2B").replace("=", "%3D").replace(";", "%3B")


def unknown(value, where="") -> list[str]:
    """The names that an SDK's model took along without knowing them."""
    found = []
    if isinstance(value, pydantic.BaseModel):
        extra = set(value.model_extra or {}) - TOLERATED
        # `name` of a call's done event is in JavaScript's types alone.
        found += [f"{where}.{name}" for name in sorted(extra) if (where, name) != ("", "name")]
        for name in value.model_fields_set:
            found += unknown(getattr(value, name, None), f"{where}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            found += unknown(inner, f"{where}[{i}]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            found += unknown(inner, f"{where}.{name}")
    return found


@functools.cache
def adapter(client: str, mode: str) -> pydantic.TypeAdapter:
    return pydantic.TypeAdapter(MODELS[client, mode])


def check_json(client: str, mode: str, value) -> None:
    if client == "anthropic" and mode == "stream" and value["type"] == "ping":
        return
    taken = adapter(client, mode).validate_python(value)
    assert not unknown(taken), (unknown(taken), value)


@functools.cache
def bedrock_model() -> published.ServiceModel:
    loader = botocore.loaders.Loader()
    found = published.ServiceModel.__new__(published.ServiceModel)
    found.shapes = loader.load_service_model("bedrock-runtime", "service-2")["shapes"]
    return found


def check_bedrock(mode: str, content: bytes) -> None:
    model = bedrock_model()
    if mode == "whole":
        assert not model.check(json.loads(content), "ConverseResponse")
        return
    frames = list(eventstream.read(content))
    assert frames
    for headers, payload in frames:
        assert (
            headers[":message-type"] == "event" and headers[":content-type"] == "application/json"
        )
        value = json.loads(payload)
        value.pop("p", None)
        found = model.check({headers[":event-type"]: value}, "ConverseStreamOutput")
        assert not found, (found, headers, payload)


def test_every_object_is_known(case, family_fake, gateway_for):
    client, provider, name, mode = case
    direct = provider == "direct"
    kind = OWN[client] if direct else provider
    target = Target(client, kind, family_fake(kind), None if direct else gateway_for(kind))
    behaviour = {"filtered": "good;filtered=1", "refusal": "good;refusal=1"}.get(name, "good")
    path, body = question(client, target.model(behaviour), REQUESTS[name], mode == "stream")
    answer = httpx.post(target.url + path, json=body, headers=HEADERS, timeout=30)
    assert answer.status_code == 200, answer.text
    if not direct:  # the account and the place of the operator are nobody else's business
        said = f"{answer.headers} {answer.text}"
        for secret in ("operators-", "upstreams-own", drivers.KEY, str(target.fake.port)):
            assert secret not in said, (secret, said)
    if client == "bedrock":
        check_bedrock(mode, answer.content)
    elif mode == "whole":
        check_json(client, mode, answer.json())
    else:
        events = sse.chunks(answer.content)
        assert events
        for event in events:
            check_json(client, mode, event)
