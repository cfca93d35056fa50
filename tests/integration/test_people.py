"""People who administer: signed in by a password, known by a session, each with their roles."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
from support import configs, listener_tls
from support.processes import BINARY, Holdfast, clean_environment, eventually

pytestmark = pytest.mark.asan

OWN = "a password of one's own"
FREEZE = {"action": "freeze", "target": "one"}
NOBODY = {"authorization": None}


class Browser:
    """A person's browser: it keeps the cookie and what the pages know."""

    def __init__(self, instance):
        self.instance, self.cookie, self.csrf = instance, "", ""

    def headers(self) -> dict:
        sent = {"origin": self.instance.admin_url, "x-csrf-token": self.csrf}
        return sent | {"cookie": self.cookie, "authorization": None}

    def post(self, path, body, **headers):
        status, answered, answer = self.instance.ask(
            "POST", path, body, self.headers() | headers, admin=True
        )
        if "set-cookie" in answered:
            self.cookie = answered["set-cookie"].split(";")[0]
        return status, json.loads(answer)

    def get(self, path):
        return self.instance.ask("GET", path, headers=self.headers(), admin=True)

    def sign_in(self, name, password, new=None):
        wish = {"name": name, "password": password} | ({"new_password": new} if new else {})
        status, answer = self.post("/api/v1/session", wish)
        self.csrf = answer.get("csrf_token") or self.csrf
        return status, answer

    def acts(self) -> int:
        return self.post("/api/v1/targets", FREEZE)[0]


def code(answer) -> str:
    return answer["error"]["code"]


def people(instance, action, name, **fields):
    """By the machine's token."""
    wish = {"action": action, "name": name} | fields
    status, _, answer = instance.ask("POST", "/api/v1/people", wish, admin=True)
    return status, json.loads(answer)


def person(instance, name, *roles) -> Browser:
    """Somebody who is signed in, with a password of their own."""
    status, answer = people(instance, "add", name, roles=list(roles))
    assert status == 200, answer
    browser = Browser(instance)
    status, answer = browser.sign_in(name, answer["one_time_password"], OWN)
    assert status == 200, answer
    return browser


def entries(instance, action) -> list[dict]:
    listed = instance.ask(
        "GET", "/api/v1/audit?limit=1000", headers={"authorization": f"Bearer {instance.token()}"},
        admin=True,
    )[2]  # fmt: skip
    found = json.loads(listed)["data"]
    return [one for one in found if one.get("action") == action and one["phase"] != "outcome"]


def processor_s(instance) -> float:
    fields = (
        pathlib.Path(f"/proc/{instance.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_password(instance) -> str:
    (found,) = re.findall(r"as admin with the one-time password (\S+) within", instance.output())
    return found


@pytest.fixture
def gateway(holdfast, fake):
    return holdfast(configs.through(fake("one")))


@pytest.mark.attack(73)
def test_the_first_person_is_made_at_the_first_start_and_printed_once(holdfast, fake, tmp_path):
    """First-run setup: its secret is printed on the machine and changed at once."""
    config, state = configs.through(fake("one")), tmp_path / "kept"
    first = holdfast(config, state=state)
    password = first_password(first)
    browser = Browser(first)
    status, answer = browser.sign_in("admin", password)
    assert (status, code(answer)) == (403, "password_must_change") and browser.cookie == ""
    assert code(browser.sign_in("admin", password, password)[1]) == "bad_password"
    assert code(browser.sign_in("admin", password, "short")[1]) == "bad_password"
    status, answer = browser.sign_in("admin", password, OWN)
    assert (status, answer["name"], answer["roles"]) == (200, "admin", ["administrator"])
    assert browser.acts() == 200
    assert code(Browser(first).sign_in("admin", password, OWN + "!")[1]) == "wrong_password"
    kept = (state / "people.json").read_text()
    said = first.log() + kept + (state / "audit/entries.jsonl").read_text()
    assert password not in said and OWN not in said
    assert (state / "people.json").stat().st_mode & 0o777 == 0o600
    first.stop()
    second = holdfast(config, state=state)
    assert "one-time password" not in second.output()
    again = Browser(second)
    again.cookie, again.csrf = browser.cookie, browser.csrf
    assert again.acts() == 401, "a restart ends sessions"
    assert again.sign_in("admin", OWN)[0] == 200 and again.acts() == 200


def test_what_a_person_does_is_written_under_their_name(gateway):
    ann = person(gateway, "ann", "operator")
    assert ann.acts() == 200
    freeze = entries(gateway, "target.freeze")[0]
    assert freeze["actor"] == "person:ann"
    added = {one["target"]: one for one in entries(gateway, "person.add") if "target" in one}
    assert added["person:ann"]["actor"] == "machine"
    assert added["person:ann"]["after"] == {"roles": "operator"}
    assert added["person:admin"]["actor"] == "holdfast"
    assert added["person:admin"]["from"] == "the first start"
    assert entries(gateway, "person.change_password")[0]["actor"] == "person:ann"
    assert entries(gateway, "session.open")[0]["target"] == "person:ann"


ACTS = [
    # (path, body, the roles that may)
    ("/api/v1/targets", FREEZE, {"operator", "administrator"}),
    ("/api/v1/people", {"action": "add", "name": "eve", "roles": ["viewer"]}, {"administrator"}),
    ("/api/v1/tokens", {"action": "create", "name": "t", "roles": ["viewer"]}, {"administrator"}),
]


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "auditor", "administrator"])
def test_each_role_may_what_its_row_says(gateway, role):
    somebody = person(gateway, "somebody", role)
    for path, body, may in ACTS:
        status, answer = somebody.post(path, body)
        assert status == (200 if role in may else 403), (path, answer)
        if status == 403:
            assert code(answer) == "not_permitted" and role in answer["error"]["message"]
    for path in ("/api/v1/people", "/api/v1/tokens"):
        assert somebody.get(path)[0] == (200 if role == "administrator" else 403)
    assert somebody.get("/api/v1/session")[0] == 200


def test_the_audit_log_is_for_auditors_where_reading_is_closed(holdfast, fake):
    instance = holdfast(configs.through(fake("one")) | {"admin": {"open_reading": False}})
    viewer, auditor = person(instance, "vera", "viewer"), person(instance, "otto", "auditor")
    assert viewer.get("/api/v1/status")[0] == auditor.get("/metrics")[0] == 200
    assert viewer.get("/")[0] == 200 and Browser(instance).get("/login")[0] == 200
    assert viewer.get("/api/v1/audit")[0] == 403 and auditor.get("/api/v1/audit")[0] == 200
    status, headers, _ = Browser(instance).get("/")
    assert (status, headers["location"]) == (303, "/login")


@pytest.mark.attack(61)
def test_nobody_raises_their_own_role(gateway):
    """Changing one's own role, by the route for it or by fields that come along."""
    ann, root = person(gateway, "ann", "operator"), person(gateway, "root", "administrator")
    for body in (
        {"action": "set_roles", "name": "ann", "roles": ["administrator"]},
        {"action": "add", "name": "eve", "roles": ["administrator"]},
        {"action": "reset_password", "name": "admin"},
        {"action": "remove", "name": "root"},
    ):
        assert ann.post("/api/v1/people", body)[0] == 403, body
    wish = {"name": "ann", "password": OWN, "roles": ["administrator"]}
    assert code(ann.post("/api/v1/session", wish)[1]) == "invalid_request"
    assert code(ann.post("/api/v1/targets", FREEZE | {"roles": ["administrator"]})[1]) == (
        "invalid_request"
    )
    own = {"action": "set_roles", "name": "root", "roles": ["viewer", "administrator"]}
    assert code(root.post("/api/v1/people", own)[1]) == "own_roles"
    listed = json.loads(root.get("/api/v1/people")[2])["data"]
    roles = {one["name"]: one["roles"] for one in listed}
    assert roles == {"admin": ["administrator"], "ann": ["operator"], "root": ["administrator"]}


@pytest.mark.attack(62)
def test_a_token_has_no_more_than_who_makes_it(gateway):
    """Minting a token above one's own role."""
    ann = person(gateway, "ann", "operator", "auditor")
    wish = {"action": "create", "name": "mine", "roles": ["administrator"]}
    assert ann.post("/api/v1/tokens", wish)[0] == 403
    status, made = person(gateway, "root", "administrator").post(
        "/api/v1/tokens", wish | {"roles": ["operator"], "for_s": 3600}
    )
    assert status == 200
    token = {"authorization": f"Bearer {made['token']}"}
    assert gateway.ask("POST", "/api/v1/targets", FREEZE, token, admin=True)[0] == 200
    assert entries(gateway, "target.freeze")[-1]["actor"] == "token:mine"
    for path in ("/api/v1/tokens", "/api/v1/people"):
        assert gateway.ask("POST", path, wish, token, admin=True)[0] == 403
    assert made["token"] not in (gateway.state / "people.json").read_text()
    listed = gateway.ask("GET", "/api/v1/tokens",
                         headers={"authorization": f"Bearer {gateway.token()}"}, admin=True)[2]  # fmt: skip
    assert b"mine" in listed and made["token"].encode() not in listed
    revoke = {"action": "revoke", "name": "mine"}
    assert gateway.ask("POST", "/api/v1/tokens", revoke, admin=True)[0] == 200
    assert gateway.ask("POST", "/api/v1/targets", FREEZE, token, admin=True)[0] == 401
    assert gateway.ask("POST", "/api/v1/tokens", revoke, admin=True)[0] == 404


@pytest.mark.invariant("CVE-2026-12772")
def test_a_token_ends_when_its_time_is_over(gateway):
    wish = {"action": "create", "name": "short", "roles": ["operator"], "for_s": 1}
    made = json.loads(gateway.ask("POST", "/api/v1/tokens", wish, admin=True)[2])
    token = {"authorization": f"Bearer {made['token']}"}
    eventually(
        lambda: gateway.ask("POST", "/api/v1/targets", FREEZE, token, admin=True)[0] == 401,
        "the token's end",
    )


@pytest.mark.invariant("LiteLLM pass-the-hash")
def test_what_is_kept_opens_nothing(gateway):
    person(gateway, "ann", "administrator")
    wish = {"action": "create", "name": "t", "roles": ["administrator"]}
    assert gateway.ask("POST", "/api/v1/tokens", wish, admin=True)[0] == 200
    kept = json.loads((gateway.state / "people.json").read_text())
    ann, token = kept["people"]["ann"], kept["tokens"]["t"]
    for text in (ann["hash"], ann["salt"], token["sha256"]):
        named = {"authorization": f"Bearer {text}"}
        assert gateway.ask("POST", "/api/v1/targets", FREEZE, named, admin=True)[0] == 401
        assert code(Browser(gateway).sign_in("ann", text)[1]) == "wrong_password"
    for path in ("/api/v1/people", "/api/v1/tokens", "/api/v1/audit?limit=1000"):
        named = {"authorization": f"Bearer {gateway.token()}"}
        shown = gateway.ask("GET", path, headers=named, admin=True)[2].decode()
        assert not any(text in shown for text in (ann["hash"], ann["salt"], token["sha256"])), path


def test_the_last_administrator_stays(gateway):
    assert code(people(gateway, "remove", "admin")[1]) == "last_administrator"
    only = people(gateway, "set_roles", "admin", roles=["viewer"])
    assert (only[0], code(only[1])) == (409, "last_administrator")
    root = person(gateway, "root", "administrator")
    assert root.post("/api/v1/people", {"action": "remove", "name": "admin"})[0] == 200
    assert code(root.post("/api/v1/people", {"action": "remove", "name": "root"})[1]) == (
        "last_administrator"
    )


WRONG = [
    ({"action": "add", "name": "ann"}, 400),
    ({"action": "add", "name": "ann", "roles": []}, 400),
    ({"action": "add", "name": "ann", "roles": ["root"]}, 400),
    ({"action": "add", "name": "ann", "roles": "viewer"}, 400),
    ({"action": "add", "name": "<b>ann</b>", "roles": ["viewer"]}, 400),
    ({"action": "add", "name": "a" * 65, "roles": ["viewer"]}, 400),
    ({"action": "add", "name": "admin", "roles": ["viewer"]}, 409),
    ({"action": "add", "name": "ann", "roles": ["viewer"], "password": "x"}, 400),
    ({"action": "promote", "name": "admin"}, 400),
    ({"action": "remove", "name": "nobody"}, 404),
    ({"action": "set_roles", "name": "admin", "roles": []}, 400),
    ([], 400),
]


def test_what_is_refused_changes_nobody(gateway):
    before = (gateway.state / "people.json").read_text()
    for body, want in WRONG:
        status, _, answer = gateway.ask("POST", "/api/v1/people", body, admin=True)
        assert status == want, (body, answer)
    assert (gateway.state / "people.json").read_text() == before


@pytest.mark.attack(69)
def test_a_session_acts_from_its_own_pages_alone(gateway):
    """A forged POST: from another origin, without one, from a null one, without the page's token."""
    ann = person(gateway, "ann", "operator")
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": None},
        {"origin": "null"},
        {"origin": gateway.app_url},
        {"x-csrf-token": None},
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"x-csrf-token": ann.cookie.split("=")[1]},
    ):
        assert ann.post("/api/v1/targets", FREEZE, **headers)[0] == 403, headers
    assert ann.post("/api/v1/session/end", {}, origin=None)[0] == 403
    assert gateway.admin("/api/v1/targets")["targets"] == []
    other = person(gateway, "ben", "operator")
    headers = {"x-csrf-token": other.csrf}
    assert ann.post("/api/v1/targets", FREEZE, **headers)[0] == 403, "another session's"
    assert ann.acts() == 200


@pytest.mark.attack(71)
def test_a_session_is_the_servers_own(gateway):
    """Fixation, cookies put in by somebody else, signing out at one place of several."""
    people(gateway, "add", "ann", roles=["operator"])
    password = people(gateway, "reset_password", "ann")[1]["one_time_password"]
    browser = Browser(gateway)
    browser.cookie = f"holdfast_session={'f' * 64}"
    assert browser.sign_in("ann", password, OWN)[0] == 200
    first = browser.cookie
    assert "f" * 64 not in first
    _, headers, _ = gateway.ask(
        "POST", "/api/v1/session", {"name": "ann", "password": OWN},
        {"cookie": first, "authorization": None}, admin=True,
    )  # fmt: skip
    flags = headers["set-cookie"].split("; ")
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(flags)
    assert flags[0] != first, "a new id at each login"
    assert browser.acts() == 401, "and the old one is over"

    one, two = Browser(gateway), Browser(gateway)
    for each in (one, two):
        assert each.sign_in("ann", OWN)[0] == 200
    mine = one.cookie
    one.cookie = f"holdfast_session={'0' * 64}; {mine}"
    assert one.acts() == 401, "two cookies of one name are nobody's"
    one.cookie = f"other=1; {mine}"
    assert one.acts() == 200
    one.cookie = mine
    assert one.post("/api/v1/session/end", {"everywhere": True}) == (200, {"ended": 3})
    one.cookie = mine
    assert one.acts() == 401 and two.acts() == 401
    three, four = Browser(gateway), Browser(gateway)
    for each in (three, four):
        assert each.sign_in("ann", OWN)[0] == 200
    kept = three.cookie
    assert three.post("/api/v1/session/end", {})[0] == 200
    three.cookie = kept
    assert three.acts() == 401 and four.acts() == 200
    assert people(gateway, "end_sessions", "ann")[1]["ended"] == 1 and four.acts() == 401


def test_sessions_end_with_what_they_stood_for(gateway):
    ann = person(gateway, "ann", "operator")
    assert people(gateway, "set_roles", "ann", roles=["viewer"])[0] == 200
    assert ann.acts() == 403, "roles are looked at when they are used"
    assert people(gateway, "set_roles", "ann", roles=["operator"])[0] == 200
    password = people(gateway, "reset_password", "ann")[1]["one_time_password"]
    assert ann.acts() == 401
    assert ann.sign_in("ann", password, OWN + "2")[0] == 200 and ann.acts() == 200
    other = Browser(gateway)
    assert other.sign_in("ann", OWN + "2", OWN)[0] == 200
    assert ann.acts() == 401, "a changed password ends the others"
    assert people(gateway, "remove", "ann")[0] == 200
    assert other.acts() == 401
    assert code(Browser(gateway).sign_in("ann", OWN)[1]) == "wrong_password"


@pytest.mark.invariant("CVE-2026-12772")
def test_sessions_end_by_themselves(holdfast, fake):
    instance = holdfast(configs.through(fake("one")) | {"admin": {"session_time": "1s"}})
    ann = person(instance, "ann", "operator")
    eventually(lambda: ann.acts() == 401, "the session's end")


def test_wrong_passwords_are_limited_and_written_down(gateway):
    person(gateway, "ann", "operator")
    typed = "a secret typed into the wrong field"
    eve = Browser(gateway)
    assert code(eve.sign_in(typed, "x")[1]) == "wrong_password"
    for _ in range(5):
        status, answer = eve.sign_in("ann", "wrong password")
        assert (status, code(answer)) == (401, "wrong_password")
    status, headers, answer = gateway.ask(
        "POST", "/api/v1/session", {"name": "ann", "password": OWN}, {"authorization": None},
        admin=True,
    )  # fmt: skip
    assert (status, code(json.loads(answer))) == (429, "too_many_tries")
    assert 1 <= int(headers["retry-after"]) <= 60
    refused = {one["target"] for one in entries(gateway, "session.refused")}
    assert refused >= {"unknown name", "person:ann", "too many tries"}
    assert typed not in (gateway.state / "audit/entries.jsonl").read_text()
    password = people(gateway, "reset_password", "ann")[1]["one_time_password"]
    assert eve.sign_in("ann", password, OWN)[0] == 200, "whoever is helped is let in"


def test_it_takes_as_long_whoever_is_named(gateway):
    """Somebody who is not there, one who is, and one whose password is stretched less."""
    person(gateway, "ann", "viewer")

    def worked_s(name) -> float:
        """Of the processor, which a busy machine does not change."""
        before = processor_s(gateway)
        for _ in range(3):
            assert Browser(gateway).sign_in(name, "wrong password")[0] == 401
        return processor_s(gateway) - before

    found = [worked_s(name) for name in ("nobody", "ann", "admin")]
    assert min(found) > 0.05 and max(found) < 3 * min(found), found


def test_a_damaged_file_stops_the_start(holdfast, fake, tmp_path):
    state = tmp_path / "damaged"
    state.mkdir(mode=0o700)
    (state / "people.json").write_text('{"people": {"ann"')
    instance = holdfast(configs.through(fake()), state=state, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) == 1
    assert "people.json is damaged" in instance.log() + instance.output()


def cli(instance, *words) -> subprocess.CompletedProcess:
    where = ["--admin", instance.admin_url, "--state", str(instance.state)]
    return subprocess.run(
        [BINARY, "admin", *words, *where],
        env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_verbs(gateway):
    added = cli(gateway, "people", "add", "ann", "--role", "operator", "--role", "auditor")
    assert added.returncode == 0 and "signs in with it once" in added.stdout, added.stderr
    ann = Browser(gateway)
    assert ann.sign_in("ann", added.stdout.split()[0], OWN)[1]["roles"] == ["operator", "auditor"]
    listed = cli(gateway, "people", "list").stdout
    assert "ann  operator, auditor  1 session\n" in listed and "one-time password" in listed
    assert json.loads(cli(gateway, "people", "list", "--json").stdout)["data"][1]["name"] == "ann"
    assert cli(gateway, "people", "sign-out", "ann").returncode == 0 and ann.acts() == 401
    assert cli(gateway, "people", "set-roles", "ann", "--role", "viewer").returncode == 0
    reset = cli(gateway, "reset-password")
    assert Browser(gateway).sign_in("admin", reset.stdout.split()[0], OWN)[0] == 200
    made = cli(gateway, "token", "create", "deploy", "--role", "operator", "--for", "12h")
    assert made.stdout.startswith("hft_") and "for 11 hours" in made.stdout, made.stdout
    assert cli(gateway, "token", "list").stdout.startswith("deploy  operator  for 11 hours")
    assert cli(gateway, "token", "revoke", "deploy").returncode == 0
    assert cli(gateway, "token", "list").stdout == "none\n"
    assert cli(gateway, "people", "remove", "ann").returncode == 0
    wrong = cli(gateway, "people", "remove", "admin")
    assert wrong.returncode == 1 and "nobody else is administrator" in wrong.stderr
    wrong = cli(gateway, "people", "add", "eve", "--role", "root")
    assert wrong.returncode == 1 and "viewer, operator" in wrong.stderr


def test_a_crash_between_loses_nobody(holdfast, fake, tmp_path):
    """What was acknowledged is there after kill -9."""
    config, state = configs.through(fake("one")), tmp_path / "kept"
    instance = holdfast(config, state=state)
    names = [f"p{i}" for i in range(20)]
    for name in names:
        assert people(instance, "add", name, roles=["viewer"])[0] == 200
    instance.expected_exit = True
    instance.signal(signal.SIGKILL)
    instance.process.wait(20)
    again: Holdfast = holdfast(config, state=state)
    listed = again.ask("GET", "/api/v1/people",
                       headers={"authorization": f"Bearer {again.token()}"}, admin=True)[2]  # fmt: skip
    assert {one["name"] for one in json.loads(listed)["data"]} == {"admin", *names}


def test_over_tls_the_cookie_is_bound_to_its_host(holdfast, fake, authority, tmp_path):
    pair = authority.leaf(f"people-{tmp_path.name}", ["127.0.0.1"])
    instance = holdfast(listener_tls.config_for(fake("one"), pair))
    instance.tls = listener_tls.client(authority)
    password = people(instance, "add", "ann", roles=["operator"])[1]["one_time_password"]
    ann = Browser(instance)
    assert ann.sign_in("ann", password, OWN)[0] == 200
    assert ann.cookie.startswith("__Host-holdfast_session=") and ann.acts() == 200
    plain = {"origin": instance.admin_url.replace("https:", "http:")}
    assert ann.post("/api/v1/targets", FREEZE, **plain)[0] == 403
    ann.cookie = ann.cookie.removeprefix("__Host-")
    assert ann.acts() == 401, "a name that plain HTTP could have set"
    wish = {"name": "ann", "password": OWN}
    _, headers, _ = instance.ask("POST", "/api/v1/session", wish, NOBODY, admin=True)
    assert {"Secure", "HttpOnly", "Path=/"} <= set(headers["set-cookie"].split("; "))


@pytest.mark.attack(73)
def test_away_from_loopback_nothing_but_health_is_open(holdfast, fake, authority, tmp_path):
    """Unauthenticated access from elsewhere, also once a reload opens reading on loopback."""
    pair = authority.leaf(f"away-{tmp_path.name}", ["127.0.0.1"])
    config = listener_tls.config_for(fake("one"), pair)
    config["admin"] |= {"listen": "0.0.0.0:0", "open_reading": False}
    instance = holdfast(config)
    instance.tls = listener_tls.client(authority)
    closed = ["/api/v1/status", "/metrics", "/openapi.json", "/api/v1/audit", "/api/v1/requests"]
    for path in closed:
        assert instance.ask("GET", path, headers=NOBODY, admin=True)[0] == 401, path
    # The address is another one from the next start on only.
    config["admin"] |= {"listen": "127.0.0.1:0", "open_reading": True}
    instance.reload(config)
    for path in closed:
        assert instance.ask("GET", path, headers=NOBODY, admin=True)[0] == 401, path
    for path in ("/healthz", "/readyz", "/login"):
        assert instance.ask("GET", path, headers=NOBODY, admin=True)[0] == 200, path
    named = {"authorization": f"Bearer {instance.token()}", "host": "gateway.example"}
    assert instance.ask("GET", "/metrics", headers=named, admin=True)[0] == 200
