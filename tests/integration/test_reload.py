"""A reload every 100 ms under load: nobody loses an answer, none is a mixture of two configurations.

HOLDFAST_RELOAD_SECONDS says for how long; the suite takes some seconds, a minute is worth its time
before a release.
"""

import itertools
import json
import os
import signal
import threading
import time

import pytest
from support import configs, http_client, sse
from support.processes import SANITIZED, eventually

SECONDS = float(os.environ.get("HOLDFAST_RELOAD_SECONDS", "6"))
EVERY_S = 0.1
CLIENTS = 8
APP = "sk-app-0123456789"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}


def configurations(one, two) -> list[dict]:
    """In turn: another order, another policy, limits that come and go, other deadlines."""
    plain = configs.through(one, two)
    turned = configs.through(two, one)
    turned["models"]["chat"] |= {"policy": "round_robin", "deadline": "50s"}
    limited = configs.through(one, two)
    limited["models"]["chat"]["limits"] = {
        "requests_per_minute": 1_000_000,
        "concurrent_requests": 1000,
    }
    for config in (plain, turned, limited):
        config["server"] = {"threads": 2}
        config["keys"] = {"app": {"key": "env:APP_KEY"}}
    return [plain, turned, limited]


def reload(instance, config) -> None:
    """As an operator's tools do: the file is never there by half."""
    kept = instance.config_file
    instance.config_file = kept.with_name("next.yaml")
    instance.write(config)
    instance.config_file = instance.config_file.rename(kept)
    instance.signal(signal.SIGHUP)


class Client(threading.Thread):
    """Asks on one kept connection, streams and whole answers by turns, until it is told to stop."""

    def __init__(self, port: int, stop: threading.Event):
        super().__init__()
        self.port, self.stop = port, stop
        self.asked, self.failures = 0, []

    def run(self):
        requests = [
            http_client.post("/v1/chat/completions", json.dumps(body).encode(),
                             {"authorization": f"Bearer {APP}"})
            for body in (BODY, BODY | {"stream": True})
        ]  # fmt: skip
        with http_client.Connection(self.port) as connection:
            for request in itertools.cycle(requests):
                if self.stop.is_set():
                    return
                self.asked += 1
                try:
                    connection.send(request)
                    answer = connection.answer()
                except (OSError, EOFError) as error:
                    self.failures.append(repr(error))
                    return
                whole = (
                    sse.is_whole(answer.body)
                    if request is requests[1]
                    else "choices" in json.loads(answer.body)
                )
                if answer.status != 200 or not whole:
                    self.failures.append((answer.status, answer.body[:300]))


@pytest.mark.attack(94)
@pytest.mark.invariant("Wildcards after reload")
@pytest.mark.timeout(120 + SECONDS)
def test_a_reload_every_100_ms_fails_no_request(holdfast, fake):
    turns = configurations(fake("one"), fake("two"))
    instance = holdfast(turns[0], env={"APP_KEY": APP})
    stop = threading.Event()
    clients = [Client(instance.app_port, stop) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    begins, reloads = time.monotonic(), 0
    while time.monotonic() - begins < SECONDS:
        reload(instance, turns[reloads % len(turns)])
        reloads += 1
        stop.wait(max(0, begins + reloads * EVERY_S - time.monotonic()))
    stop.set()
    for client in clients:
        client.join()
    asked = sum(client.asked for client in clients)
    print(f"{reloads} reloads, {asked} requests")
    assert [failure for client in clients for failure in client.failures] == []
    assert asked > 10 * CLIENTS
    metrics = instance.metrics()
    assert metrics["holdfast_config_reload_failures_total"] == 0
    # Signals that come while one is being read become one reload.
    least = reloads // (10 if SANITIZED else 4)
    eventually(
        lambda: instance.metrics()["holdfast_snapshot_generation"] > least, "the reloads to be done"
    )
    # What is under way with an old configuration holds it; nothing else does.
    assert instance.open_files() < 200
