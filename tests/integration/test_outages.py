"""Clients of the four families while the first of three targets goes away, or flaps: no errors.

The first target speaks the client's own dialect and is passed through; the spares speak OpenAI's, and
are translated.
"""

import concurrent.futures
import json

import pytest
from support import configs, sse
from support.families import eventstream
from support.processes import eventually

pytestmark = pytest.mark.asan

AT_ONCE = 4
ROUNDS = 3  # of flapping
HELLO = [{"role": "user", "content": "Hello"}]
PARTS = [{"text": "Hello"}]
# By family: the paths of whole answers and of streams, and what is asked.
ASKS = {
    "openai": (2 * ["/v1/chat/completions"], {"model": "chat", "messages": HELLO}),
    "anthropic": (
        2 * ["/v1/messages"],
        {"model": "chat", "max_tokens": 99, "messages": HELLO},
    ),
    "gemini": (
        [
            f"/v1beta/models/chat:{call}"
            for call in ("generateContent", "streamGenerateContent?alt=sse")
        ],
        {"contents": [{"role": "user", "parts": PARTS}]},
    ),
    "bedrock": (
        ["/model/chat/converse", "/model/chat/converse-stream"],
        {"messages": [{"role": "user", "content": PARTS}]},
    ),
}
CASES = [(family, stream) for family in ASKS for stream in (False, True)]
NAMES = [f"{family}-{'stream' if stream else 'whole'}" for family, stream in CASES]


def ask(instance, family: str, stream: bool):
    """(the provider that answered, the text); fails unless the answer is whole."""
    paths, body = ASKS[family]
    flagged = family in ("openai", "anthropic") and stream
    headers = {"anthropic-version": "2023-06-01"} if family == "anthropic" else {}
    status, told, answer = instance.ask(
        "POST", paths[stream], body | ({"stream": True} if flagged else {}), headers
    )
    assert status == 200, (status, answer)
    read = STREAMED[family] if stream else WHOLE[family]
    return told["x-holdfast-provider"], read(answer)


def read_anthropic(data: bytes) -> str:
    events = sse.chunks(data)
    kinds = [event["type"] for event in events]
    assert kinds[-1] == "message_stop" and "error" not in kinds, kinds
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return "".join(delta["text"] for delta in deltas)


def read_gemini(data: bytes) -> str:
    events = sse.chunks(data)
    assert events[-1]["candidates"][0]["finishReason"] == "STOP", events[-1]
    parts = [event["candidates"][0].get("content", {}).get("parts", []) for event in events]
    return "".join(part["text"] for each in parts for part in each)


def read_bedrock(data: bytes) -> str:
    frames = [
        (headers[":event-type"], json.loads(body)) for headers, body in eventstream.read(data)
    ]
    assert [kind for kind, _ in frames][-2:] == ["messageStop", "metadata"]
    return "".join(body["delta"]["text"] for kind, body in frames if kind == "contentBlockDelta")


def read_openai(data: bytes) -> str:
    assert sse.is_whole(data), data
    return sse.text(data)


STREAMED = {
    "openai": read_openai,
    "anthropic": read_anthropic,
    "gemini": read_gemini,
    "bedrock": read_bedrock,
}
WHOLE = {
    "openai": lambda data: json.loads(data)["choices"][0]["message"]["content"],
    "anthropic": lambda data: json.loads(data)["content"][0]["text"],
    "gemini": lambda data: json.loads(data)["candidates"][0]["content"]["parts"][0]["text"],
    "bedrock": lambda data: json.loads(data)["output"]["message"]["content"][0]["text"],
}


@pytest.fixture(scope="module")
def firsts(module_fake):
    """firsts(family): the fake of that family, one for all tests."""
    made = {}

    def of(family):
        if family not in made:
            made[family] = module_fake("one", family=family)
        made[family].clear()
        return made[family]

    return of


@pytest.fixture
def gateway(holdfast, module_fake, firsts):
    """gateway(family): (the first target's fake, Holdfast before it and its spares)."""

    def start(family):
        one, spares = firsts(family), [module_fake("two"), module_fake("three")]
        providers = {fake.name: configs.provider(fake) for fake in spares}
        targets = [{"provider": name, "model": "m1"} for name in ("one", "two", "three")]
        config = {
            "providers": {"one": configs.of_family(one)} | providers,
            "models": {"chat": {"policy": "failover", "targets": targets}},
        }
        return one, holdfast(config, env=configs.BEDROCK_ENVIRONMENT)

    return start


def ask_at_once(instance, family, stream, pool) -> list:
    return [pool.submit(ask, instance, family, stream) for _ in range(AT_ONCE)]


def text_from(provider: str) -> str:
    return f"Hello from {provider} w3 w4"


@pytest.mark.parametrize(("family", "stream"), CASES, ids=NAMES)
def test_an_outage_is_not_seen(gateway, family, stream):
    one, instance = gateway(family)
    assert ask(instance, family, stream) == ("one", text_from("one"))
    one.behave("when_released", then="reset")
    asked = len(one.receipts())
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = ask_at_once(instance, family, stream, pool)
        eventually(lambda: len(one.receipts()) == asked + AT_ONCE, "all have asked the first")
        one.listen(False)
        one.release()
        meanwhile = [each.result() for each in waiting]
        behind = [each.result() for each in ask_at_once(instance, family, stream, pool)]
    assert meanwhile + behind == [("two", text_from("two"))] * 2 * AT_ONCE
    one.clear()
    eventually(lambda: ask(instance, family, stream)[0] == "one", "the first answers again")


@pytest.mark.parametrize(("family", "stream"), CASES, ids=NAMES)
def test_flapping_is_not_seen(gateway, family, stream):
    one, instance = gateway(family)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(ROUNDS):
            one.listen(False)
            one.behave("reset")  # connections that are kept
            away = [each.result() for each in ask_at_once(instance, family, stream, pool)]
            assert away == [("two", text_from("two"))] * AT_ONCE
            one.clear()
            back = [each.result() for each in ask_at_once(instance, family, stream, pool)]
            assert all(text == text_from(provider) for provider, text in back), back
