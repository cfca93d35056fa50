"""Clients that send or read so slowly that it takes real time to be rid of them."""

import socket

import pytest
from support import configs, http_client
from support.processes import eventually

PATH = "/v1/chat/completions"
BODY = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
STREAM = BODY[:-1] + b',"stream":true}'


@pytest.mark.attack(18, 19)
@pytest.mark.timeout(120)
def test_hundreds_of_slow_clients_hold_up_nobody(holdfast, fake):
    """Heads and bodies that drip: others are answered meanwhile, then all are told and closed."""
    one = fake("one")
    gateway = holdfast(configs.through(one) | {"server": {"threads": 1}})
    assert gateway.chat()[0] == 200
    before = gateway.rss_bytes()
    starts = [b"POST /v1/chat/completions HTTP/1.1\r\nX-", http_client.post(PATH, BODY)[:-9]]
    slow = [http_client.Connection(gateway.app_port, timeout=40) for _ in range(400)]
    for number, connection in enumerate(slow):
        connection.send(starts[number % 2])
    for number in range(100):
        for connection in slow[number * 4 : number * 4 + 4]:
            connection.send(b"a")
        assert gateway.chat()[0] == 200
    assert gateway.rss_bytes() - before < 64 << 20
    assert len(one.receipts()) == 101
    for connection in slow:
        with connection:
            answer = connection.answer()
            assert (answer.status, answer.header("connection")) == (408, "close")
    eventually(lambda: gateway.chat()[0] == 200, "an answer afterwards")


@pytest.mark.attack(20)
@pytest.mark.timeout(180)
def test_a_client_that_does_not_read_its_stream_is_cut(holdfast, fake):
    """What waits for it is bounded, and after half a minute so is the call to the provider."""
    one = fake("one")
    gateway = holdfast(configs.misbehaving(one, "good;tokens=100000"))
    gateway.chat("chat", max_tokens=5)
    before = gateway.rss_bytes()
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", gateway.app_port))
        plain.sendall(http_client.post(PATH, STREAM))
        eventually(lambda: one.state()["open"] == 1, "the call to the provider")
        eventually(lambda: one.state()["open"] == 0, "its end", timeout=100)
        assert gateway.rss_bytes() - before < 32 << 20
        attempts = eventually(
            lambda: (
                len(found := gateway.attempts()) == 2
                and all(each["state"] == "settled" for each in found)
                and found
            ),
            "its record",
        )
    cut = attempts[0]
    assert cut["committed"] and cut["client_left"] and cut["bytes_received"] > 0
