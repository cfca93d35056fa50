"""Provider keys out of a real OpenBao: read, renewed, rotated; sealed, gone, taken away."""

import datetime
import http.server
import json
import threading

import pytest
from support import configs
from support.openbao import OpenBao
from support.processes import eventually


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    one = OpenBao(tmp_path_factory.mktemp("openbao"))
    yield one
    one.stop()


def config(fake, url, name, lease="60s", spare=None, **login) -> dict:
    out = configs.through(fake, *([spare] if spare else []))
    provider = out["providers"][fake.name]
    del provider["key"]
    provider["auth"] = {
        "source": "openbao", "endpoint": url, "path": f"holdfast/{name}", "lease": lease,
    } | (login or {"role_id": "${ROLE_ID}", "secret_id": "env:SECRET_ID"})  # fmt: skip
    return out


def prepared(bao, name, secret="sk-bao-first", **role) -> dict:
    """A secret that a role may read; the environment in which it logs in."""
    bao.put(f"holdfast/{name}", secret)
    bao.allow(name, f"holdfast/{name}")
    ids = bao.role(name, **role)
    return {"ROLE_ID": ids["role_id"], "SECRET_ID": ids["secret_id"]}


def credential(instance) -> dict:
    return instance.admin("/api/v1/providers")["providers"][0]["credential"]


def has_come(instance) -> dict:
    eventually(lambda: refused(instance) is None, "an answer")  # every loop has the credential
    return eventually(
        lambda: credential(instance)["ready"] and credential(instance), "a credential"
    )


def failing(instance) -> str:
    return eventually(lambda: credential(instance)["last_error"], "why it cannot be read again")


def sent_now(instance, fake) -> str:
    status, _, body = instance.chat()
    assert status == 200, body
    return fake.receipts()[-1]["header"]["authorization"].removeprefix("Bearer ")


def refused(instance) -> dict | None:
    """The error object of a request that begins now; None: it was answered."""
    status, _, body = instance.chat()
    return None if status == 200 else {"status": status} | json.loads(body)["error"]


def fails_closed(instance, fake) -> None:
    """Requests come to be refused by name, and nothing is sent from then on."""
    error = eventually(lambda: refused(instance), "a refusal for want of a credential")
    assert (error["status"], error["code"]) == (503, "credential_unavailable")
    assert fake.name in error["message"]
    sent = len(fake.receipts())
    for _ in range(10):
        assert refused(instance)["code"] == "credential_unavailable"
    assert len(fake.receipts()) == sent, "nothing is sent with what is over"


def test_a_role_reads_the_newest_version_and_takes_the_next(holdfast, fake, bao):
    one = fake("one")
    env = prepared(bao, "rotated")
    instance = holdfast(config(one, bao.url, "rotated", lease="3s"), env=env)
    assert has_come(instance)["version"] == 1
    assert sent_now(instance, one) == "sk-bao-first"
    bao.put("holdfast/rotated", "sk-bao-second")
    eventually(lambda: sent_now(instance, one) == "sk-bao-second", "the new version")
    assert credential(instance)["version"] == 2
    assert "credential of one: version 2" in instance.log()
    said = instance.log() + instance.output() + json.dumps(instance.admin("/api/v1/status"))
    for secret in ("sk-bao", env["SECRET_ID"]):
        assert secret not in said


def test_the_secret_id_is_read_from_a_file_and_the_version_may_be_pinned(
    holdfast, fake, bao, tmp_path
):
    one = fake("one")
    env = prepared(bao, "pinned")
    bao.put("holdfast/pinned", "sk-bao-second")
    path = tmp_path / "secret_id"
    path.write_text(env["SECRET_ID"] + "\n")
    path.chmod(0o600)
    login = {"role_id": env["ROLE_ID"], "secret_id": f"file:{path}", "version": 1}
    instance = holdfast(config(one, bao.url, "pinned", **login))
    assert has_come(instance)["version"] == 1
    assert sent_now(instance, one) == "sk-bao-first"


def test_a_token_is_renewed_beyond_its_life(holdfast, fake, bao):
    one = fake("one")
    bao.put("holdfast/token", "sk-bao-token")
    bao.allow("token", "holdfast/token")
    token = bao.token_for("token", "3s")
    instance = holdfast(config(one, bao.url, "token", token="env:TOKEN"), env={"TOKEN": token})
    first = instant(has_come(instance)["expires_at"])
    later = first + datetime.timedelta(seconds=4)
    eventually(lambda: instant(credential(instance)["expires_at"]) > later, "several renewals")
    assert sent_now(instance, one) == "sk-bao-token"
    assert "credential of one: " not in instance.log().replace("credential of one: version 1", "")


def instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_login_that_ends_is_made_anew(holdfast, fake, bao):
    one = fake("one")
    env = prepared(bao, "short", life_s=4, longest_s=6)
    instance = holdfast(config(one, bao.url, "short"), env=env)
    later = instant(has_come(instance)["expires_at"]) + datetime.timedelta(seconds=6)
    while instant(credential(instance)["expires_at"]) < later:
        assert refused(instance) is None, "no request meets the end of a login"
    assert credential(instance)["last_error"] is None


@pytest.mark.attack(106)
def test_a_sealed_openbao_is_outlived_for_a_lease_and_no_longer(holdfast, fake, bao):
    """A sealed OpenBao: requests are served from the lease that has not expired, then refused."""
    one, two = fake("one"), fake("two")
    env = prepared(bao, "sealed")
    patient = holdfast(config(one, bao.url, "sealed", lease="1h"), env=env)
    strict = holdfast(config(two, bao.url, "sealed", lease="2s"), env=env)
    has_come(patient), has_come(strict)
    bao.seal()
    try:
        fails_closed(strict, two)
        assert "503" in failing(strict)
        assert sent_now(patient, one) == "sk-bao-first"
    finally:
        bao.unseal()
    eventually(lambda: refused(strict) is None, "service after the seal")
    assert sent_now(strict, two) == "sk-bao-first"


def test_a_restart_of_openbao_is_not_noticed(holdfast, fake, bao):
    one = fake("one")
    env = prepared(bao, "restarted", life_s=30)
    instance = holdfast(config(one, bao.url, "restarted", lease="30s"), env=env)
    has_come(instance)
    bao.stop()
    try:
        failing(instance)
        assert sent_now(instance, one) == "sk-bao-first", "the lease has not expired"
    finally:
        bao.start()
        bao.unseal()
    eventually(lambda: credential(instance)["last_error"] is None, "a fetch after the restart")
    assert sent_now(instance, one) == "sk-bao-first"


@pytest.mark.attack(106)
def test_a_permission_that_is_taken_away_ends_with_the_lease(holdfast, fake, bao):
    """403 from OpenBao: one new login, which changes nothing; then the lease ends."""
    one = fake("one")
    env = prepared(bao, "denied")
    instance = holdfast(config(one, bao.url, "denied", lease="2s"), env=env)
    has_come(instance)
    bao.allow("denied", None)
    fails_closed(instance, one)
    said = failing(instance)
    assert "403" in said and "the policy must allow read of secret/data/holdfast/denied" in said
    bao.allow("denied", "holdfast/denied")
    eventually(lambda: refused(instance) is None, "service with the permission given back")


def test_another_target_answers_while_there_is_no_credential(holdfast, fake, bao):
    one, two = fake("one"), fake("two")
    env = prepared(bao, "other") | {"SECRET_ID": "of-nobody-at-all"}
    instance = holdfast(config(one, bao.url, "other", spare=two), env=env)
    status, headers, _ = instance.chat()
    assert (status, headers["x-holdfast-provider"]) == (200, "two")
    said = failing(instance)
    assert "login by AppRole" in said and "of-nobody-at-all" not in said


class Fake(http.server.BaseHTTPRequestHandler):
    """Lets everybody in; what it answers to a read, `server.mode` says."""

    def do_POST(self):
        self.answer({"auth": {"client_token": "t", "lease_duration": 3600, "renewable": True}})

    def do_GET(self):
        if self.server.mode == "slow":
            self.server.released.wait(60)
            return
        secret = {"data": {"data": {"key": "sk-bao-fake"}, "metadata": {"version": 1}}}
        self.answer(secret, cut=self.server.mode == "truncated")

    def answer(self, body, cut=False):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)

    def log_message(self, *_):
        pass


@pytest.fixture
def fake_bao():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    server.daemon_threads = True
    server.mode, server.released = "good", threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.attack(106)
@pytest.mark.parametrize(
    ("mode", "said"), [("slow", "deadline passed"), ("truncated", "127.0.0.1: ")]
)
def test_slow_and_truncated_answers_are_no_secret(holdfast, fake, fake_bao, mode, said):
    """An OpenBao that is slow, or whose JSON is cut off: lease, then 503; nothing of it is sent."""
    one = fake("one")
    env = {"ROLE_ID": "r", "SECRET_ID": "s"}
    instance = holdfast(config(one, fake_bao.url, "any", lease="3s"), env=env)
    has_come(instance)
    assert sent_now(instance, one) == "sk-bao-fake"
    fake_bao.mode = mode
    fails_closed(instance, one)
    assert said in failing(instance)
    fake_bao.mode = "good"
    fake_bao.released.set()
    eventually(lambda: refused(instance) is None, "service after it")
