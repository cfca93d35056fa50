"""Every deadline ends what it bounds, and says so; none ends what it does not."""

import json
import time

import pytest
from support import configs, http_client, sse

LIMITS = [
    # (which, behaviour, stream, the class of the attempt)
    ("headers", "blackhole", False, "headers_timeout"),
    ("headers", "blackhole", True, "headers_timeout"),
    ("first_content", "role_then_silence", True, "first_content_timeout"),
    ("first_content", "pings_only", True, "pings_only"),
    ("idle", "headers_only", False, "stall"),
    ("total", "blackhole", False, "deadline"),
    ("total", "role_then_silence", True, "deadline"),
]


def timed(call):
    start = time.monotonic()
    return call(), time.monotonic() - start


@pytest.mark.parametrize(("which", "behaviour", "stream", "cls"), LIMITS)
def test_a_timeout_alone_is_504(holdfast, fake, which, behaviour, stream, cls):
    timeouts = configs.bounded(**{which: "400ms"})
    instance = holdfast(configs.misbehaving(fake("one"), behaviour, None, timeouts))
    (status, headers, body), took = timed(lambda: instance.chat(stream=stream))
    assert status == 504, body
    error = json.loads(body)["error"]
    assert error["message"] and error["type"] and "x-request-id" in headers
    assert 0.35 < took < 5, cls


def test_a_target_may_have_its_own(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = configs.misbehaving(one, "blackhole", two)
    config["models"]["chat"]["targets"][0]["timeouts"] = {"headers": "300ms"}
    instance = holdfast(config)
    (status, headers, _), took = timed(lambda: instance.chat())
    assert status == 200 and headers["x-holdfast-provider"] == "two" and took < 5


def test_the_requests_deadline_bounds_all_attempts(holdfast, fake):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two, deadline="2400ms")
    config["providers"]["one"]["timeouts"] = configs.bounded(headers="900ms")
    config["providers"]["two"]["timeouts"] = configs.bounded(headers="900ms")
    config["models"]["chat"]["targets"].append({"provider": "one", "model": "m2"})
    one.behave("blackhole")
    two.behave("blackhole")
    instance = holdfast(config)
    (status, _, _), took = timed(lambda: instance.chat())
    assert status == 503 and 0.7 < took < 5  # headers_timeout twice, then deadline: mixed
    assert one.receipts() and two.receipts()


def test_the_requests_deadline_ends_a_stream_with_an_error(holdfast, fake):
    config = configs.misbehaving(fake("one"), "stall_after_2", None, deadline="800ms")
    instance = holdfast(config)
    (status, _, body), took = timed(lambda: instance.chat(stream=True))
    assert status == 200 and sse.text(body) == "Hello from"
    assert len(sse.errors(body)) == 1 and took < 5


def test_a_long_stream_outlives_first_content_and_idle(holdfast, fake):
    """Pieces that keep coming are no stall, however long the whole takes."""
    timeouts = configs.LONG | {"headers": "1s", "first_content": "1s", "idle": "600ms"}
    config = configs.misbehaving(fake("one"), "good;tokens=20;delay_ms=100", None, timeouts)
    instance = holdfast(config)
    (_, _, body), took = timed(lambda: instance.chat(stream=True))
    assert sse.is_whole(body) and took > 1.8


def test_pings_do_not_stretch_the_idle_time_after_content(holdfast, fake):
    timeouts = configs.LONG | {"idle": "400ms"}
    config = configs.misbehaving(fake("one"), "stall_after_2", None, timeouts)
    instance = holdfast(config)
    (_, _, body), took = timed(lambda: instance.chat(stream=True))
    assert len(sse.errors(body)) == 1 and took < 5


def test_a_slow_whole_answer_is_bounded_by_headers(holdfast, fake):
    """Whole answers have no first content: `headers` covers the model's thinking."""
    one = fake("one")
    timeouts = configs.LONG | {"first_content": "300ms"}
    instance = holdfast(configs.misbehaving(one, "slow_headers", None, timeouts))
    body = b'{"model":"chat","messages":[]}'
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post("/v1/chat/completions", body))
        connection.socket.settimeout(0.8)
        with pytest.raises(TimeoutError):
            connection.socket.recv(1)
        connection.socket.settimeout(20)
        one.release()
        assert connection.answer().status == 200
