"""The fakes themselves: a fake that does not do what it says would prove nothing."""

import json
import socket

import httpx
import pytest
from support import http_client, sse


def ask(fake, model="m1", stream=False, **fields):
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    body |= {"stream": True} if stream else {}
    with http_client.Connection(fake.port, 5) as connection:
        connection.send(http_client.post("/v1/chat/completions", json.dumps(body).encode()))
        return connection.answer()


def test_a_good_stream_is_what_openai_sends(fake):
    answer = ask(fake(), stream=True, stream_options={"include_usage": True})
    assert answer.header("content-type").startswith("text/event-stream")
    assert sse.is_whole(answer.body)
    assert sse.text(answer.body) == "Hello from one w3 w4"
    assert sse.chunks(answer.body)[-1]["usage"]["total_tokens"] > 0


def test_behaviour_set_for_n_requests_ends_after_them(fake):
    one = fake()
    one.behave("status_429", retry_after="2", count=2)
    assert [ask(one).status for _ in range(3)] == [429, 429, 200]
    assert ask(one, "m1+status_503").status == 503


def test_receipts_hold_what_arrived(fake, tmp_path):
    one = fake("one", receipts=tmp_path / "receipts")
    httpx.post(one.base_url + "/chat/completions", content=b'{"a": 1.0}', headers={"x-a": "b"})
    (receipt,) = one.receipts()
    assert receipt["body"] == b'{"a": 1.0}' and receipt["header"]["x-a"] == "b"
    assert len((tmp_path / "receipts").read_text().splitlines()) == 1


@pytest.mark.parametrize("behaviour", ["reset", "close", "cut_after_1", "truncated_body"])
def test_what_breaks_off_is_seen_to_break_off(fake, behaviour):
    with pytest.raises(EOFError):
        ask(fake(), f"m1+{behaviour}", stream=True)


def test_a_closed_listener_refuses(fake):
    one = fake()
    one.listen(False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", one.port))
    one.listen(True)
    assert ask(one).status == 200


def test_a_stream_held_goes_on_when_released(fake):
    one = fake()
    with http_client.Connection(one.port) as connection:
        body = {"model": "m1+hold_after_2", "stream": True}
        connection.send(http_client.post("/v1/chat/completions", json.dumps(body).encode()))
        _, headers, _ = connection.head()
        pieces = connection.pieces(headers)
        first = b"".join(next(pieces) for _ in range(3))
        assert sse.text(first) == "Hello from"
        one.release()
        assert sse.is_whole(first + b"".join(pieces))
