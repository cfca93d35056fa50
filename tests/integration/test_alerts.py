"""An alert reaches a webhook, signed, until it has been heard; Prometheus gets the same rules."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import threading

import pytest
from support import configs
from support.processes import eventually

SECRET = "whsec-0123456789abcdef0123456789"


class Receiver:
    """Takes webhooks; refuses the first `refusals` of them."""

    def __init__(self, refusals=0):
        self.got, self.refusals = [], refusals
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((dict(self.headers), body, self.path))
                refused = len(receiver.got) <= receiver.refusals
                self.send_response(503 if refused else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = Receiver(refusals=1)
    yield made
    made.stop()


def watched(fake, url):
    config = configs.through(fake)
    config["alerts"] = {
        "webhooks": {"pager": {"url": url, "secret": "env:HOOK_SECRET"}},
        "rules": {
            "errors": {
                "kind": "error_rate",
                "model": "chat",
                "above": "10",
                "over": "1m",
                "at_least": 5,
                "severity": "page",
                "notify": ["pager"],
            },
            "objective": {"kind": "burn_rate", "objective": "99.9"},
            "slow": {"kind": "latency", "provider": "one", "slower_than": "5s", "above": "10"},
        },
    }
    return config


def test_an_outage_is_told_signed_and_again_until_heard(holdfast, fake, receiver):
    one = fake("one")
    one.behave("status_500")
    instance = holdfast(watched(one, receiver.url), env={"HOOK_SECRET": SECRET})
    # The first look is at the start; what changes after it counts.
    eventually(lambda: instance.admin("/api/v1/alerts")["alerts"], "the alerts")
    for _ in range(10):
        assert instance.chat()[0] >= 500
    eventually(lambda: len(receiver.got) >= 2, "two tries", timeout=60)
    (first, body, path), (second, again, _) = receiver.got[:2]
    assert path == "/hook" and again == body
    assert first["webhook-id"] == second["webhook-id"]
    for headers in (first, second):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        want = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())
        assert headers["webhook-signature"] == "v1," + want.decode()
    told = json.loads(body)
    assert told["type"] == "alert.firing"
    assert told["data"]["rule"] == "errors" and told["data"]["severity"] == "page"
    assert told["data"]["scope"] == {"model": "chat"} and told["data"]["value"] > 0.1
    shown = {
        (one["rule"], one["windows"]): one for one in instance.admin("/api/v1/alerts")["alerts"]
    }
    assert shown["errors", ""]["firing"] and len(shown) == 1 + 4 + 1

    def delivered():
        hook = instance.admin("/api/v1/alerts")["webhooks"][0]
        return hook["delivered"] == 1 and hook["waiting"] == 0 and hook["last_error"] == ""

    eventually(delivered, "the delivery to be noted")
    _, _, ready = instance.ask("GET", "/readyz", admin=True)
    assert "alert errors" in ready.decode()
    labels = '{rule="errors",windows="",severity="page"}'
    assert instance.metrics()["holdfast_alerts_firing" + labels] == 1


def test_a_dead_webhook_hinders_nothing(holdfast, fake):
    one = fake("one")
    one.behave("status_500")
    dead = Receiver()
    dead.stop()
    instance = holdfast(watched(one, dead.url), env={"HOOK_SECRET": SECRET})
    eventually(lambda: instance.admin("/api/v1/alerts")["alerts"], "the alerts")
    for _ in range(10):
        instance.chat()
    eventually(
        lambda: instance.admin("/api/v1/alerts")["webhooks"][0]["last_error"], "a try", timeout=60
    )
    one.behave("good")
    assert instance.stop() == 0


def test_prometheus_takes_the_rules(binary, tmp_path):
    config = {
        "providers": {
            "one": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:1/v1"},
        },
        "models": {"chat": {"targets": [{"provider": "one", "model": "m"}]}},
        "alerts": {
            "rules": {
                "burn": {"kind": "burn_rate", "model": "chat", "objective": "99.5", "period": "7d"},
                "errors": {"kind": "error_rate", "provider": "one", "above": "5"},
                "slow": {"kind": "latency", "slower_than": "2500ms", "above": "1"},
                "spend": {"kind": "spend", "above_usd": "10", "over": "1h"},
                "spike": {"kind": "spend_spike", "provider": "one", "times": "4"},
            }
        },
    }
    path = tmp_path / "holdfast.yaml"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [binary, "alerts", "prometheus", path], capture_output=True, text=True, check=True
    )
    rules = tmp_path / "rules.yaml"
    rules.write_text(done.stdout)
    promtool = os.environ.get("HOLDFAST_PROMTOOL")
    if not promtool:
        pytest.skip("HOLDFAST_PROMTOOL is not set; ./dev test sets it")
    checked = subprocess.run(
        [promtool, "check", "rules", rules], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "8 rules found" in checked.stdout


WRONG = [
    ({"kind": "burn_rate", "objective": "42"}, "objective", "50 to 99.9999"),
    ({"kind": "error_rate", "model": "chut", "above": "5"}, "model", "chat"),
    ({"kind": "latency", "slower_than": "3s", "above": "5"}, "slower_than", "2500ms"),
    ({"kind": "spend"}, "above_usd", "above_usd: 50"),
    ({"kind": "error_rate", "above": "5", "notify": ["nobody"]}, "notify", "webhook"),
    ({"kind": "error_rate", "provider": "one", "model": "chat", "above": "5"}, "provider", "two"),
    ({"kind": "spend_spike", "over": "1d", "baseline": "1d"}, "baseline", "twice"),
]


@pytest.mark.parametrize(("rule", "key", "says"), WRONG)
def test_wrong_rules_are_told_with_their_place(binary, tmp_path, rule, key, says):
    config = {
        "providers": {
            "one": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:1/v1"},
        },
        "models": {"chat": {"targets": [{"provider": "one", "model": "m"}]}},
        "alerts": {"rules": {"wrong": rule}},
    }
    path = tmp_path / "holdfast.yaml"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [binary, "config", "check", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"alerts.rules.wrong.{key}" in done.stdout and says in done.stdout, done.stdout
