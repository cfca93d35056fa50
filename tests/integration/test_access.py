"""Who may use the administration: nothing is changed by nobody, also on loopback at first start."""

import json
import os
import signal
import stat
import subprocess

import pytest
from support import configs
from support.processes import BINARY, clean_environment, eventually

pytestmark = pytest.mark.asan

DRAIN = {"action": "drain", "target": "one"}
FREEZE = {"action": "freeze", "target": "one"}
NOBODY = {"authorization": None}
PROBES = {"/healthz", "/readyz"}


@pytest.fixture(scope="module")
def gateway(module_holdfast, module_fake):
    return module_holdfast(configs.through(module_fake("one")))


@pytest.fixture(scope="module")
def closed(module_holdfast, module_fake):
    return module_holdfast(configs.through(module_fake("one")) | {"admin": {"open_reading": False}})


def act(instance, headers=None, body=DRAIN, path="/api/v1/targets"):
    status, answered, answer = instance.ask("POST", path, body, headers, admin=True)
    return status, answered, json.loads(answer)


def refusals(instance) -> dict[str, int]:
    """Of the administration, by their code, as the audit log counts them."""
    counted: dict[str, int] = {}
    for entry in instance.admin("/api/v1/audit?limit=1000")["data"]:
        if entry["action"] == "administration.refused":
            counted[entry["target"]] = counted.get(entry["target"], 0) + entry["after"]["count"]
    return counted


def routes(instance) -> list[tuple[str, str]]:
    paths = json.loads(
        instance.ask(
            "GET", "/openapi.json", headers={"authorization": f"Bearer {instance.token()}"},
            admin=True,
        )[2]
    )["paths"]  # fmt: skip
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.mark.invariant("CVE-2026-86242")
@pytest.mark.attack(73)
def test_nothing_is_changed_by_nobody_not_even_at_first_start(holdfast, fake):
    """Unauthenticated access, first-run setup included."""
    instance = holdfast(configs.through(fake("one")))
    mode = stat.S_IMODE((instance.state / "admin.token").stat().st_mode)
    assert mode == 0o600 and len(instance.token()) == 68
    status, headers, answer = act(instance, NOBODY)
    assert (status, answer["error"]["code"]) == (401, "not_authenticated")
    assert headers["www-authenticate"].startswith("Bearer ")
    assert "admin.token" in answer["error"]["message"]
    assert instance.admin("/api/v1/targets")["targets"] == [] and instance.chat()[0] == 200
    assert act(instance)[0] == 200
    said = instance.log() + instance.output()
    said += (instance.state / "audit/entries.jsonl").read_text()
    assert instance.token() not in said


def test_every_route_that_changes_something_asks_who(gateway):
    posts = [path for method, path in routes(gateway) if method == "POST"]
    assert "/api/v1/targets" in posts
    for path in posts:
        if path == "/api/v1/session":
            continue  # it takes a password
        assert act(gateway, NOBODY, {}, path)[0] == 401, path


@pytest.mark.attack(73)
def test_reading_can_be_closed_too(closed):
    """Unauthenticated access to /metrics, the configuration, the status page."""
    for method, path in routes(closed):
        if path == "/login" or (method, path) == ("POST", "/api/v1/session"):
            continue  # it is how one gets a name
        status, _, body = closed.ask(method, path, headers=NOBODY, admin=True)
        expected = 200 if path in PROBES else 303 if path == "/" else 401
        assert status == expected, (method, path)
        if path == "/readyz":
            assert json.loads(body)["warnings"] == [], "they name providers"
    for path in ("/debug", "/config", "/setup", "/api/v1/setup", "/debug/pprof/"):
        assert closed.ask("GET", path, admin=True)[0] == 404, path
    named = {"authorization": f"Bearer {closed.token()}"}
    for path in ("/metrics", "/", "/api/v1/status", "/api/v1/audit"):
        assert closed.ask("GET", path, headers=named, admin=True)[0] == 200, path


WRONG = ["", " ", "x", "' OR '1'='1", "%00", "a" * 8000, "\u00e9".encode().decode("latin-1"), "{}"]


@pytest.mark.attack(56)
@pytest.mark.parametrize("token", WRONG, ids=range(len(WRONG)))
def test_what_is_no_token_is_nobody(gateway, token):
    """Bearer tokens that are SQL, NUL, long or not ASCII."""
    status, _, answer = act(gateway, {"authorization": f"Bearer {token}"})
    assert (status, answer["error"]["code"]) == (401, "invalid_token")
    assert token.strip() == "" or token not in answer["error"]["message"]
    assert gateway.admin("/api/v1/targets")["targets"] == []


def test_a_wrong_token_does_not_read_either(gateway):
    mine = gateway.token()
    for token in (
        mine[:-1],
        mine + "0",
        mine[:-1] + ("0" if mine[-1] != "0" else "1"),
        mine.upper(),
    ):
        headers = {"authorization": f"Bearer {token}"}
        assert gateway.ask("GET", "/api/v1/status", headers=headers, admin=True)[0] == 401
    assert (
        gateway.ask("GET", "/healthz", headers={"authorization": "Bearer x"}, admin=True)[0] == 200
    )


@pytest.mark.attack(63)
def test_headers_that_name_somebody_are_nothing(gateway):
    """Identity headers of the client."""
    for headers in (
        {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"},
        {"x-user": "admin", "x-forwarded-user": "admin", "remote-user": "admin"},
        {"x-holdfast-user": "machine", "x-holdfast-role": "administrator"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"x-api-key": gateway.token()},
        {"cookie": f"token={gateway.token()}"},
    ):
        assert act(gateway, NOBODY | headers)[0] == 401, headers
    path = f"/api/v1/targets?token={gateway.token()}&access_token={gateway.token()}"
    assert act(gateway, NOBODY, path=path)[0] == 401
    assert act(gateway, NOBODY, DRAIN | {"role": "administrator"})[0] == 401


@pytest.mark.attack(69)
def test_a_page_from_elsewhere_is_refused_whatever_it_sends(gateway):
    """A POST from another origin, also of a null one."""
    for origin in ("http://evil.example", "null", "http://127.0.0.1", "file://"):
        status, _, answer = act(gateway, {"origin": origin})
        assert (status, answer["error"]["code"]) == (403, "origin_not_allowed"), origin
    assert act(gateway, {"host": "evil.example"})[0] == 403


@pytest.mark.attack(72)
def test_other_spellings_of_a_path_lead_nowhere(gateway):
    """Paths with dots, matrix parameters, double slashes, another case, a trailing dot."""
    for path in ("/api/v1/..;/targets", "/healthz/..;/api/v1/targets", "//api/v1/targets",
                 "/api//v1/targets", "/api/v1/%74argets", "/healthz/%2e%2e/api/v1/targets",
                 "/healthz/../api/v1/targets", "/API/v1/targets", "/api/v1/Targets",
                 "/api/v1/targets.", "/api/v1/targets/", "/api/v1/targets;a=b",
                 "/api/v1/targets%00", "/api/v1/targets%2f", "\\api\\v1\\targets"):  # fmt: skip
        for headers in (NOBODY, {}):
            status = gateway.ask("POST", path, DRAIN, headers, admin=True)[0]
            assert status in (400, 404), (path, status)
    assert gateway.admin("/api/v1/targets")["targets"] == []


def test_refusals_are_in_the_audit_log(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    assert act(instance, NOBODY)[0] == 401
    assert act(instance, {"authorization": "Bearer x"})[0] == 401
    assert {"not_authenticated": 1, "invalid_token": 1}.items() <= refusals(instance).items()
    assert act(instance, body=FREEZE)[0] == 200
    entries = instance.admin("/api/v1/audit?limit=1000")["data"]
    assert next(e for e in entries if e["action"] == "target.freeze")["actor"] == "machine"


def test_the_token_is_changed_by_deleting_it(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    old = instance.token()
    (instance.state / "admin.token").unlink()
    instance.signal(signal.SIGHUP)
    eventually(lambda: (instance.state / "admin.token").exists(), "a new token")
    eventually(lambda: act(instance, body=FREEZE)[0] == 200, "the new token is known")
    assert instance.token() != old
    assert act(instance, {"authorization": f"Bearer {old}"}, FREEZE)[0] == 401


def test_a_token_that_others_can_read_stops_the_start(holdfast, fake, tmp_path):
    state = tmp_path / "open"
    state.mkdir(mode=0o700)
    (state / "admin.token").write_text("hfm_" + "0" * 64 + "\n")
    (state / "admin.token").chmod(0o644)
    instance = holdfast(configs.through(fake()), state=state, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) == 1
    assert "admin.token can be read by others (mode 0644)" in instance.log() + instance.output()


# The command line.


def cli(instance, *options, env=None, **how) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BINARY, "target", "freeze", "one", "--admin", instance.admin_url, *map(str, options)],
        env=clean_environment(env), capture_output=True, text=True, timeout=60, check=False, **how,
    )  # fmt: skip


def test_the_command_line_finds_the_token(gateway, tmp_path):
    done = cli(gateway, "--state", gateway.state)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "token"
    file.write_text(gateway.token() + "\n")
    assert cli(gateway, "--token-file", file).returncode == 0
    assert cli(gateway, env={"HOLDFAST_ADMIN_TOKEN_FILE": str(file)}).returncode == 0
    assert cli(gateway, env={"HOLDFAST_ADMIN_TOKEN": gateway.token()}).returncode == 0


def test_the_command_line_says_which_token_is_missing(gateway, tmp_path):
    missing = cli(gateway, "--state", tmp_path)
    assert missing.returncode == 4
    assert f"there is no token at {tmp_path}/admin.token" in missing.stderr
    assert "--state" in missing.stderr
    other = tmp_path / "other"
    other.write_text("hfm_" + "1" * 64)
    wrong = cli(gateway, "--token-file", other)
    assert wrong.returncode == 1 and f"does not know the token of {other}" in wrong.stderr
    assert "1111" not in wrong.stderr
    other.write_text("two words\n")
    nonsense = cli(gateway, "--token-file", other)
    assert nonsense.returncode == 4 and "holds no token" in nonsense.stderr
    assert cli(gateway, env={"HOLDFAST_ADMIN_TOKEN": "a\r\nb: c"}).returncode == 4
    away = subprocess.run(
        [BINARY, "target", "freeze", "one", "--admin", "http://192.0.2.1:8081", "--state",
         gateway.state], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert away.returncode == 1 and "https:// or to this machine" in away.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_command_line_says_whose_the_token_is(gateway):
    done = cli(gateway, "--state", gateway.state, user="nobody", group="nogroup")
    assert done.returncode == 4, done.stderr
    assert "it belongs to root, and you are nobody" in done.stderr
    assert "sudo -u" in done.stderr and "--token-file" in done.stderr
