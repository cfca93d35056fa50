"""A stream is committed by its first content: held back before, never silently ended after."""

import json
import re

import openai
import pytest
from support import configs, http_client, sse
from support.processes import eventually

pytestmark = pytest.mark.asan

STREAM = b'{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
PATH = "/v1/chat/completions"


def test_nothing_goes_out_before_content(holdfast, fake):
    """The head waits for content, so that the next target can still answer with its own."""
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.misbehaving(one, "hold_after_0", two, hold_keepalive="60s"))
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post(PATH, STREAM))
        eventually(one.receipts, "the upstream has the request")
        instance.admin("/api/v1/providers")  # a turn of the loops in between
        connection.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.socket.recv(1)
        connection.socket.settimeout(20)
        one.release()
        answer = connection.answer()
    assert answer.status == 200 and answer.header("x-holdfast-provider") == "one"
    assert sse.is_whole(answer.body) and sse.text(answer.body) == "Hello from one w3 w4"


def test_what_came_before_content_is_not_mixed_in(holdfast, fake):
    """The first target's role chunk must not reach the client when the second answers."""
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.misbehaving(one, "cut_after_0", two))
    _, _, body = instance.chat(stream=True)
    assert (
        len([c for c in sse.chunks(body) if c["choices"] and "role" in c["choices"][0]["delta"]])
        == 1
    )
    assert len({chunk["id"] for chunk in sse.chunks(body)}) == 1


def test_comments_keep_the_connection_open(holdfast, fake):
    one = fake("one")
    instance = holdfast(configs.misbehaving(one, "hold_after_0", hold_keepalive="200ms"))
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post(PATH, STREAM))
        status, headers, _ = connection.head()
        assert status == 200
        assert dict(headers)["content-type"].startswith("text/event-stream")
        pieces, got = connection.pieces(headers), b""
        while got.count(b": keep-alive\n\n") < 3:
            got += next(pieces)
        assert got.replace(b": keep-alive\n\n", b"") == b""
        one.release()
        got += b"".join(pieces)
    assert sse.is_whole(got) and sse.text(got) == "Hello from one w3 w4"


def test_after_keepalive_the_next_target_still_answers(holdfast, fake):
    one, two = fake("one"), fake("two")
    timeouts = configs.LONG | {"first_content": "700ms"}
    config = configs.misbehaving(one, "role_then_silence", two, timeouts, hold_keepalive="200ms")
    _, _, body = holdfast(config).chat(stream=True)
    assert body.startswith(b": keep-alive\n\n")
    assert sse.is_whole(body) and sse.text(body) == "Hello from two w3 w4"


def test_after_keepalive_a_failure_is_an_error_event(holdfast, fake):
    """The status is gone already: the error comes as the stream's only event."""
    one = fake("one")
    timeouts = configs.LONG | {"first_content": "700ms"}
    config = configs.misbehaving(one, "role_then_silence", None, timeouts, hold_keepalive="200ms")
    status, _, body = holdfast(config).chat(stream=True)
    assert status == 200 and sse.text(body) == ""
    check_one_error(body)


def check_one_error(body: bytes) -> dict:
    """Exactly one error event, well-formed, the last thing said; no [DONE]."""
    (error,) = sse.errors(body)
    assert isinstance(error, dict) and {"message", "type", "code"} <= set(error)
    assert isinstance(error["message"], str) and error["message"] and error["type"]
    last = sse.events(body)[-1]
    assert json.loads(last)["error"] == error
    assert b"[DONE]" not in body
    assert body.endswith(b"\n\n")
    return error


CUTS = ["cut_after_2", "cut_after_2;how=reset", "end_after_2", "error_after_2", "stall_after_2"]
CUTS += ["error_after_2;form=numeric", "error_after_2;form=string", "chunk_garbage;after=2"]
CUTS += ["garbage_after_2", "huge_event;after=2", "cut_after_2;split=1"]


@pytest.mark.attack(52, 53)
@pytest.mark.parametrize("behaviour", CUTS)
@pytest.mark.parametrize("spare", [False, True], ids=["alone", "with a spare"])
def test_a_broken_stream_ends_in_one_error(holdfast, fake, behaviour, spare):
    one, two = fake("one"), fake("two")
    config = configs.misbehaving(one, behaviour, two if spare else None, configs.SHORT)
    instance = holdfast(config)
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post(PATH, STREAM))
        answer = connection.answer()  # chunked to its end: the body is whole HTTP
    assert answer.status == 200 and sse.text(answer.body).startswith("Hello from")
    check_one_error(answer.body)
    assert not two.receipts()


def test_the_sdk_raises_on_a_cut(holdfast, fake, client):
    one = fake("one")
    api = client(holdfast(configs.misbehaving(one, "cut_after_2")))
    got = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in api.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "Hi"}], stream=True
        ):
            got.append(chunk.choices[0].delta.content)
    assert "".join(filter(None, got)) == "Hello from"
    assert raised.value.body["message"]


def test_legacy_completions_end_the_same_way(holdfast, fake):
    one = fake("one")
    instance = holdfast(configs.misbehaving(one, "cut_after_2"))
    body = {"model": "chat", "prompt": "Once", "stream": True}
    status, _, body = instance.ask("POST", "/v1/completions", body)
    assert status == 200 and sse.text(body) == "Hello from"
    check_one_error(body)


def test_finish_without_done_is_an_end(holdfast, fake):
    """A finish reason and a clean close: nothing was lost, and nothing is added."""
    one = fake("one")
    _, _, body = holdfast(configs.misbehaving(one, "no_done")).chat(stream=True)
    assert not sse.errors(body) and sse.text(body) == "Hello from one w3 w4"
    assert sse.chunks(body)[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_finish_reason_alone_is_content(holdfast, fake):
    one, two = fake("one"), fake("two")
    behaviour = "good;empty=1;finish_reason=content_filter"
    _, headers, body = holdfast(configs.misbehaving(one, behaviour, two)).chat(stream=True)
    assert headers["x-holdfast-provider"] == "one" and sse.is_whole(body)


def test_a_slow_reader_gets_every_byte(holdfast, fake):
    """The client reads nothing until the upstream has said all it can."""
    one = fake("one")
    instance = holdfast(configs.misbehaving(one, "good;tokens=20000"))
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post(PATH, STREAM))
        eventually(one.receipts, "the upstream has the request")
        before = instance.rss_bytes()
        answer = connection.answer()
    assert sse.is_whole(answer.body)
    assert len(re.findall(rb'"content":" w\d+"', answer.body)) == 20000 - 3
    assert instance.rss_bytes() - before < 32 << 20
