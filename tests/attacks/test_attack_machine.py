"""Connections, files and processes: what many, slow, leaving or broken ones do to everybody else."""

import json
import os
import resource
import signal
import socket
import sqlite3

import pytest
from support import configs, http_client, sse
from support.processes import SANITIZED, eventually

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"
BODY = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
STREAM = BODY[:-1] + b',"stream":true}'


@pytest.mark.attack(76)
def test_hundreds_of_clients_that_leave_leave_nothing_behind(holdfast, fake):
    one = fake("one")
    gateway = holdfast(configs.through(one) | {"server": {"threads": 2}})
    assert gateway.chat()[0] == 200
    one.behave("stall_after", after=1)
    files, memory = gateway.open_files(), gateway.rss_bytes()
    for _ in range(8):
        connections = [http_client.Connection(gateway.app_port) for _ in range(50)]
        for connection in connections:
            connection.send(http_client.post(PATH, STREAM))
        for connection in connections[::2]:
            connection.head()
        for connection in connections:
            connection.close()
        eventually(lambda: one.state()["open"] == 0, "every call to the provider has ended")
    eventually(
        lambda: gateway.metrics()["holdfast_requests_in_flight"] == 0, "no request is under way"
    )
    eventually(
        lambda: gateway.attempts("unsettled=true") == [] and gateway.attempts("limit=1"),
        "every attempt is settled",
    )
    eventually(lambda: gateway.open_files() <= files + 8, "the connections are closed")
    assert gateway.rss_bytes() - memory < 48 << 20
    one.behave("good")
    assert gateway.chat()[0] == 200


@pytest.mark.attack(99)
@pytest.mark.skipif(SANITIZED, reason="the sanitizers need descriptors themselves")
def test_connections_are_taken_again_when_there_are_descriptors(holdfast, fake):
    """More clients than the process may have files: the queue waits, nobody crashes."""
    gateway = holdfast(configs.through(fake("one")) | {"server": {"threads": 1}})
    for _ in range(3):
        assert gateway.chat()[0] == 200
    pid = gateway.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(number) for number in os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 20, hard))
    crowd = [http_client.Connection(gateway.app_port) for _ in range(80)]
    eventually(lambda: "cannot accept connections" in gateway.log(), "the log says so")
    assert gateway.process.poll() is None
    for connection in crowd:
        connection.close()
    eventually(lambda: gateway.chat()[0] == 200, "others are answered within the same limit")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert gateway.chat()[0] == 200


@pytest.mark.attack(100)
@pytest.mark.timeout(180)
def test_a_stop_with_many_streams_loses_none(holdfast, fake):
    one = fake("one")
    config = configs.misbehaving(one, "hold_after_2") | {"server": {"drain_timeout": "60s"}}
    gateway = holdfast(config)
    streams = []
    for _ in range(120):
        connection = http_client.Connection(gateway.app_port, timeout=60)
        connection.send(http_client.post(PATH, STREAM))
        streams.append(connection)
    heads = [connection.head()[1] for connection in streams]
    gateway.expected_exit = True
    gateway.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in gateway.log() or no_more(gateway.app_port), "the stop begins")
    one.release()
    for connection, headers in zip(streams, heads, strict=True):
        with connection:
            assert sse.is_whole(b"".join(connection.pieces(headers)))
    assert gateway.process.wait(60) == 0
    with sqlite3.connect(gateway.state / "records.db") as records:
        (count,) = records.execute("SELECT count(*) FROM attempts").fetchone()
    records.close()
    assert count == 120, "every one is in the records"


def no_more(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.attack(111)
@pytest.mark.parametrize("database", ["records.db", "responses.db"])
def test_a_newer_database_is_refused_by_name(holdfast, fake, database):
    config = configs.through(fake("one")) | {"responses": {"store": True}}
    first = holdfast(config)
    first.attempts_of(first.chat()[1]["x-request-id"], 1)
    assert first.stop() == 0
    file = first.state / database
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE migrations SET version = version + 1000")
    connection.close()
    content = rows(file)
    second = holdfast(config, state=first.state, wait=False)
    second.expected_exit = True
    assert second.process.wait(20) in (1, 4)
    said = second.log() + second.output()
    assert database in said and "start a newer Holdfast" in said
    assert rows(file) == content, "nothing was changed"


def rows(file) -> list[str]:
    with sqlite3.connect(file) as connection:
        found = list(connection.iterdump())
    connection.close()
    return found


def overwritten(file):
    file.write_bytes(b"no database, but something" * 99)


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file):
    content = bytearray(file.read_bytes())
    for at in range(4096 + 8, len(content), 97):
        content[at] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.attack(97)
@pytest.mark.parametrize("how", [overwritten, cut, flipped])
@pytest.mark.parametrize("database", ["records.db", "responses.db"])
def test_a_damaged_database_stops_the_start_and_says_what_to_do(holdfast, fake, database, how):
    config = configs.through(fake("one")) | {"responses": {"store": True}}
    first = holdfast(config)
    ids = [first.chat()[1]["x-request-id"] for _ in range(5)]
    first.attempts_of(ids[-1], 1)
    assert first.stop() == 0
    how(first.state / database)
    second = holdfast(config, state=first.state, wait=False)
    second.expected_exit = True
    assert second.process.wait(20) in (1, 4)
    said = second.log() + second.output()
    assert database in said and "damaged" in said, said


@pytest.mark.attack(112)
def test_nothing_is_compressed(holdfast, fake):
    """On neither side, whatever the client takes: no length tells what stands beside a secret."""
    one = fake("one")
    gateway = holdfast(configs.through(one))
    wish = {"accept-encoding": "gzip, br, deflate, zstd"}
    for stream in (False, True):
        status, headers, _ = gateway.chat(stream=stream, headers=wish)
        assert status == 200 and "content-encoding" not in headers
    for receipt in one.receipts():
        assert receipt["header"]["accept-encoding"] == "identity"
    for path in ("/", "/metrics", "/openapi.json", "/api/v1/status", "/api/v1/providers"):
        status, headers, _ = gateway.ask("GET", path, headers=wish, admin=True)
        assert status == 200 and "content-encoding" not in headers, path


@pytest.mark.attack(107)
def test_hostile_text_reaches_the_provider_as_it_was(holdfast, fake):
    """Formats, queries, lookups, templates: nobody on the way reads anything into them."""
    one = fake("one")
    gateway = holdfast(configs.through(one))
    for text in ("%s%n%x", "'; DROP TABLE attempts;--", "${jndi:ldap://x}", "$(reboot) `id`",
                 "{{7*7}}", "*)(uid=*", "<!--#exec cmd='id'-->", "\u202e\u2066\ufeff\u0000",
                 "\x1b[31m", "../../etc/passwd", "\\\\x\\y"):  # fmt: skip
        one.clear()
        said = {"messages": [{"role": "user", "name": text, "content": text}], "user": text}
        status, _, _ = gateway.chat(metadata={"a": text}, **said)
        assert status == 200
        sent = json.loads(one.receipts()[0]["body"])
        assert sent["messages"] == said["messages"] and sent["user"] == text
        assert sent["metadata"] == {"a": text}
    eventually(lambda: len(gateway.attempts()) == 11, "every record is there")


@pytest.mark.attack(73)
@pytest.mark.invariant("CVE-2026-35029", "CVE-2026-42271")
def test_no_interface_writes_the_configuration_or_starts_a_program(holdfast, fake):
    """What changes something is listed whole: targets, and who is there; nothing takes a path, a
    command or a configuration."""
    gateway = holdfast(configs.through(fake("one")))
    before = gateway.config_file.read_bytes()
    named = {"authorization": f"Bearer {gateway.token()}"}
    hostile = {
        "command": "id",
        "args": ["-a"],
        "path": "/etc/passwd",
        "url": "http://x/",
        "config": "x",
    }
    for path in ("/api/v1/config", "/config/update", "/config", "/api/v1/plugins", "/mcp",
                 "/api/v1/mcp", "/api/v1/providers", "/api/v1/models", "/v1/proxy/x"):  # fmt: skip
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status, _, _ = gateway.ask(method, path, hostile, named, admin=True)
            assert status in (404, 405), (method, path, status)
            assert gateway.ask(method, path, hostile)[0] in (404, 405), (method, path)
    body = {"action": "freeze", "target": "one"} | hostile
    assert gateway.ask("POST", "/api/v1/targets", body, named, admin=True)[0] == 400
    assert gateway.config_file.read_bytes() == before
    with open(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children") as children:
        assert children.read().strip() == ""
