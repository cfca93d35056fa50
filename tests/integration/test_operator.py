"""What an operator does with targets by hand: out, frozen, back; kept over restarts."""

import json
import signal
import subprocess

import pytest
from support import configs, http_client, sse
from support.processes import BINARY, eventually

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"
STREAM = b'{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}'


def act(instance, action: str, target: str, **fields):
    body = {"action": action, "target": target} | fields
    status, _, answer = instance.ask("POST", "/api/v1/targets", body, admin=True)
    assert status == 200, answer
    return json.loads(answer)["targets"]


def answered_by(instance) -> str:
    status, headers, body = instance.chat()
    assert status == 200, body
    return headers["x-holdfast-provider"]


def reloaded(instance, config) -> None:
    before = instance.admin("/api/v1/status")["snapshot_generation"]
    instance.reload(config)
    eventually(
        lambda: instance.admin("/api/v1/status")["snapshot_generation"] > before, "the new file"
    )


def target_of(instance, name="one") -> dict:
    (model,) = instance.admin("/api/v1/status")["models"]
    return next(one for one in model["targets"] if one["provider"] == name)


def test_a_drained_target_finishes_its_streams_and_gets_no_request(holdfast, fake):
    one, two = fake("one"), fake("two")
    one.behave("hold_after_2")
    instance = holdfast(configs.through(one, two))
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post(PATH, STREAM))
        _, headers, _ = connection.head()
        assert ("x-holdfast-provider", "one") in headers
        (said,) = act(instance, "drain", "one/m1")
        assert said["out"] and said["until_us"] is None
        for _ in range(5):
            assert answered_by(instance) == "two"
        one.release()
        body = b"".join(connection.pieces(headers))
        assert sse.is_whole(body) and sse.text(body) == "Hello from one w3 w4"
    assert target_of(instance)["state"] == "maintenance"
    assert "taken out by an operator" in json.dumps(instance.admin("/readyz")["warnings"])
    assert instance.metrics()['holdfast_breaker_state{provider="one",model="m1"}'] == 4
    assert "target one/m1: drain by machine" in instance.log()
    assert act(instance, "restore", "one/m1") == []
    one.clear()
    assert answered_by(instance) == "one"


def test_a_restart_does_not_bring_it_back(holdfast, fake, tmp_path):
    one, two = fake("one"), fake("two")
    config, state = configs.through(one, two), tmp_path / "state-of-both"
    first = holdfast(config, state=state)
    act(first, "drain", "one")
    act(first, "freeze", "two")
    first.expected_exit = True
    first.signal(signal.SIGTERM)
    assert first.process.wait(20) == 0
    second = holdfast(config, state=state)
    assert answered_by(second) == "two"
    assert target_of(second, "two")["frozen"]
    reloaded(second, configs.through(two, one))
    assert target_of(second)["state"] == "maintenance", "nor does a reload"
    act(second, "restore", "one")
    reloaded(second, config)
    assert answered_by(second) == "one"


def test_it_comes_back_when_its_time_is_over(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.through(one, two))
    (said,) = act(instance, "drain", "one", for_s=1)
    assert said["until_us"] > said["since_us"]
    eventually(lambda: answered_by(instance) == "one", "its time is over")
    eventually(lambda: instance.admin("/api/v1/targets")["targets"] == [], "it is forgotten")


def test_a_frozen_target_is_asked_whatever_happens(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.through(one, two))
    act(instance, "freeze", "one")
    one.behave("status_401")
    for _ in range(4):
        assert answered_by(instance) == "two"
    assert len(one.receipts()) == 4, "each request asks it first"
    assert target_of(instance)["state"] == "closed"
    act(instance, "restore", "one")
    assert answered_by(instance) == "two"
    assert target_of(instance)["state"] == "open"


def test_when_all_are_out_the_answer_says_so(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    act(instance, "drain", "one")
    status, _, body = instance.chat()
    assert status == 503 and b"taken out by an operator" in body


REFUSED = [
    # (body, headers, status, code)
    ({"action": "drain", "target": "nobody"}, {}, 404, "unknown_target"),
    ({"action": "stop", "target": "one"}, {}, 400, "invalid_request"),
    ({"action": "drain", "target": "one", "for": 3}, {}, 400, "invalid_request"),
    ({"action": "drain", "target": "one", "for_s": 0}, {}, 400, "invalid_request"),
    ({"action": "freeze", "target": "one", "for_s": 9}, {}, 400, "invalid_request"),
    ({"action": "drain"}, {}, 404, "unknown_target"),
    ([], {}, 400, "invalid_request"),
    ("{", {}, 400, "invalid_request"),
    ("{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ("a=b", {"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    ("{}", {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
    ("{}", {"origin": "null"}, 403, "origin_not_allowed"),
    ("{}", {"host": "evil.example"}, 403, "host_not_allowed"),
    ("x" * 70_000, {}, 413, "bad_body"),
]


@pytest.fixture(scope="module")
def gateway(module_holdfast, module_fake):
    return module_holdfast(configs.through(module_fake("one")))


@pytest.mark.attack(69)
@pytest.mark.parametrize(("body", "headers", "status", "code"), REFUSED)
def test_what_is_refused_changes_nothing(gateway, body, headers, status, code):
    found, _, answer = gateway.ask("POST", "/api/v1/targets", body, headers, admin=True)
    assert (found, json.loads(answer)["error"]["code"]) == (status, code)
    assert gateway.admin("/api/v1/targets")["targets"] == []


def test_other_paths_take_no_post(gateway):
    status, headers, _ = gateway.ask("POST", "/api/v1/status", {}, admin=True)
    assert status == 405 and headers["allow"] == "GET, HEAD"
    status, headers, _ = gateway.ask("DELETE", "/api/v1/targets", admin=True)
    assert status == 405 and headers["allow"] == "GET, HEAD, POST"


@pytest.mark.attack(97)
def test_a_damaged_file_stops_the_start(holdfast, fake, tmp_path):
    state = tmp_path / "damaged"
    state.mkdir(mode=0o700)
    (state / "operator.json").write_text('{"one": {"out": tr')
    instance = holdfast(configs.through(fake()), state=state, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) in (1, 4)
    assert "operator.json is damaged" in instance.log() + instance.output()


def cli(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, "target", *words], capture_output=True, text=True, timeout=60)


def test_the_verbs(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.through(one, two))
    admin = ["--admin", instance.admin_url, "--state", str(instance.state)]
    done = cli("drain", "one/m1", "--for", "1h", *admin)
    assert done.returncode == 0 and "takes no new request" in done.stdout
    assert answered_by(instance) == "two"
    assert cli("freeze", "one/m1", *admin).returncode == 0
    assert target_of(instance)["frozen"]
    assert cli("restore", "one/m1", *admin).returncode == 0
    assert answered_by(instance) == "one"
    wrong = cli("drain", "nobody", *admin)
    assert wrong.returncode == 1 and "no model has the target nobody" in wrong.stderr
    assert cli("drain", "one", "--for", "soon", *admin).returncode == 1
    away = cli("drain", "one", "--admin", "http://127.0.0.1:9", "--state", str(instance.state))
    assert away.returncode == 4 and "admin.listen" in away.stderr
