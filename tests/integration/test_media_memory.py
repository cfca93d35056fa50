"""What a large file costs in memory: never more than twice its size, whatever is made of it."""

import base64
import json
import pathlib
import re

import pytest
from support import configs
from support.processes import SANITIZED

MIB = 1 << 20
SIZE = 20 * MIB

pytestmark = pytest.mark.skipif(SANITIZED, reason="the memory of a sanitized build says nothing")


def memory(instance, name: str) -> int:
    status = pathlib.Path(f"/proc/{instance.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


def peak_above_rest(instance, ask) -> int:
    """How far resident memory rises above where it was, at its highest."""
    rest = memory(instance, "VmRSS")
    pathlib.Path(f"/proc/{instance.process.pid}/clear_refs").write_text("5")  # VmHWM begins anew
    ask()
    return memory(instance, "VmHWM") - rest


def large_form() -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    model = b'\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nchat\r\n--b--\r\n'
    return head + b"\x00\xff\r\n-" * (SIZE // 5) + model


def chat(image: str) -> bytes:
    url = {"url": "data:image/png;base64," + image}
    content = [{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": url}]
    return json.dumps(
        {"model": "chat", "messages": [{"role": "user", "content": content}]}
    ).encode()


def test_a_form(holdfast, fake):
    instance = holdfast(configs.through(fake()))
    body = large_form()
    headers = {"content-type": "multipart/form-data; boundary=b"}

    def ask():
        status, _, answer = instance.ask("POST", "/v1/audio/transcriptions", body, headers)
        assert status == 200, answer

    instance.chat()
    assert peak_above_rest(instance, ask) < 2 * len(body)


FAMILIES = ["openai", "anthropic", "gemini", "bedrock"]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_in_a_conversation(holdfast, fake, family):
    """Passed on to OpenAI's dialect, translated to the others."""
    other = fake("far", family=family)
    config = {
        "providers": {"far": configs.of_family(other)},
        "models": {"chat": {"targets": [{"provider": "far", "model": "m1"}]}},
    }
    instance = holdfast(config, env=configs.BEDROCK_ENVIRONMENT)
    body = chat(base64.b64encode(b"\x89PNG" + b"\x00\xff-" * (SIZE // 4)).decode())

    def ask():
        instance.ask("POST", "/v1/chat/completions", body)
        assert other.receipts()[-1]["body_bytes"] > SIZE * 0.9

    instance.chat()
    assert peak_above_rest(instance, ask) < 2 * len(body)
