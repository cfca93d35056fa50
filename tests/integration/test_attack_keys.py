"""Attacks on client keys: each test names the attack that it answers."""

import collections
import json
import time
import zlib

import pytest
from support import configs
from support.processes import eventually
from support.virtual_keys import act, bearer, done, error_of, make, shown

pytestmark = pytest.mark.asan

STATIC = "sk-static-0123456789"
UNAUTHORIZED = (401, "invalid_api_key")


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    config = configs.through(upstream)
    config["models"]["other"] = config["models"]["chat"]
    config["models"]["Chat"] = config["models"]["chat"]
    config["keys"] = {"static": {"key": "env:STATIC"}}
    return module_holdfast(config, env={"STATIC": STATIC})


def with_other_secret(secret: str) -> str:
    """The same id, another secret of the same form: its checksum is right."""
    body = secret[:-7]
    body = body[:-1] + ("a" if body[-1] != "a" else "b")
    return body + checksum(body)


def checksum(body: str) -> str:
    rest, out = zlib.crc32(body.encode()), ""
    for _ in range(7):
        out += "abcdefghijklmnopqrstuvwxyz234567"[rest % 32]
        rest //= 32
    return out


@pytest.mark.attack(55)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic c3RhdGljOng=", "Token x", "bearer\tx"]
)
def test_no_key_or_another_scheme(gateway, upstream, header):
    """No key, a wrong scheme, an empty bearer."""
    make_once(gateway)
    upstream.clear()
    headers = {} if header is None else {"authorization": header}
    status, answered, _ = gateway.chat(headers=headers)
    assert status == 401 and answered["www-authenticate"] == "Bearer"
    assert upstream.receipts() == []


def make_once(gateway) -> None:
    if act(gateway, "make", name="there")[0] not in (200, 409):
        pytest.fail("the key cannot be made")


@pytest.mark.attack(56)
@pytest.mark.invariant("CVE-2026-42208")
@pytest.mark.parametrize(
    "text",
    [
        "' OR '1'='1",
        "hf_' OR '1'='1_" + "a" * 39,
        "hf_aaaaaaaaaaaa_" + "a" * 39 + "'; DROP TABLE virtual_keys;--",
        "%00",
        "hf_%00%00",
        "x" * 60_000,
        "hf_" + "a" * 60_000,
        "\U0001f511".encode().decode("latin-1"),
    ],
)
def test_keys_that_are_no_keys(gateway, upstream, text):
    """SQL, zeros, 60 kB and an emoji in the place of a key."""
    make_once(gateway)
    upstream.clear()
    status, _, body = gateway.ask(
        "POST", "/v1/chat/completions", {"model": "chat", "messages": []}, bearer(text)
    )
    assert status in (400, 401, 431), body
    assert upstream.receipts() == []
    assert gateway.admin("/api/v1/keys")["total"] >= 1
    assert "sqlite" not in gateway.log().lower()


@pytest.mark.attack(57)
def test_the_right_id_with_wrong_secrets(holdfast, fake):
    """The right id with wrong secrets, many times: 401, then 429; told in the log as one entry."""
    config = configs.through(fake("one")) | {"server": {"threads": 1}}
    instance = holdfast(config)
    secret = make(instance, "target")
    wrong = with_other_secret(secret)
    seen = collections.Counter(instance.chat(headers=bearer(wrong))[0] for _ in range(40))
    assert seen == {401: 10, 429: 30}
    status, headers, body = instance.chat(headers=bearer(wrong))
    assert (status, json.loads(body)["error"]["code"]) == (429, "too_many_wrong_keys")
    assert 1 <= int(headers["retry-after"]) <= 60
    assert instance.chat(headers=bearer(secret))[0] == 200, "who has the secret is not kept out"
    unknown = "hf_" + "b" * 12 + "_" + "c" * 32
    unknown += checksum(unknown)
    seen = collections.Counter(instance.chat(headers=bearer(unknown))[0] for _ in range(12))
    assert seen == {401: 10, 429: 2}, "nobody learns which ids there are"
    eventually(lambda: shown(instance, "target")["wrong_secrets"] == 41, "the count")

    def told():
        entries = instance.admin("/api/v1/audit")["data"]
        return [one for one in entries if one.get("action") == "key.refused"]

    (entry,) = eventually(told, "the entry")
    assert entry["target"] == "target" and 1 <= entry["after"]["count"] <= 41


@pytest.mark.attack(58)
@pytest.mark.invariant("CVE-2026-12772")
def test_keys_out_of_their_time(gateway, upstream):
    """A key that is revoked, has expired or is not valid yet."""
    hour = 3_600_000_000
    now = int(time.time() * 1_000_000)
    expired = make(gateway, "expired", expires_us=now - hour)
    later = make(gateway, "later", not_before_us=now + hour)
    revoked = make(gateway, "revoked")
    assert gateway.chat(headers=bearer(revoked))[0] == 200
    done(gateway, "revoke", key="revoked")
    upstream.clear()
    for _ in range(16):  # whichever loop has the connection
        assert error_of(gateway.chat(headers=bearer(revoked))) == UNAUTHORIZED
    assert error_of(gateway.chat(headers=bearer(expired))) == UNAUTHORIZED
    assert error_of(gateway.chat(headers=bearer(later))) == UNAUTHORIZED
    assert upstream.receipts() == []


@pytest.mark.attack(59)
def test_models_outside_of_the_scope(gateway, upstream):
    """A model outside of the scope: by its name, a wildcard, its case, the path, the query."""
    secret = make(gateway, "narrow", models=["chat"])
    upstream.clear()
    ask = {"messages": [{"role": "user", "content": "Hi"}]}
    parts = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}

    def status(path, body):
        return gateway.ask("POST", path, body, bearer(secret))[0]

    chat = "/v1/chat/completions"
    assert error_of(gateway.chat("other", headers=bearer(secret))) == (403, "model_not_allowed")
    assert error_of(gateway.chat("Chat", headers=bearer(secret))) == (403, "model_not_allowed")
    for model in ("*", "chat*", "cha?", "chat ", "chat/../other", ["chat", "other"]):
        assert status(chat, ask | {"model": model}) in (400, 404), model
    assert status(chat + "?model=chat", ask | {"model": "other"}) == 403
    assert status("/openai/deployments/other/chat/completions", ask | {"model": "chat"}) == 403
    assert status("/v1beta/models/other:generateContent", parts | {"model": "chat"}) == 403
    assert status("/v1beta/models/chat%2F..%2Fother:generateContent", parts) == 404
    assert status("/model/other/converse", {"messages": []}) in (400, 403)
    assert upstream.receipts() == []
    listed = json.loads(gateway.ask("GET", "/v1/models", headers=bearer(secret))[2])["data"]
    assert [one["id"] for one in listed] == ["chat"]
    assert gateway.ask("GET", "/v1/models/other", headers=bearer(secret))[0] == 404


@pytest.mark.attack(61)
@pytest.mark.invariant("CVE-2026-47102")
def test_fields_that_a_change_may_not_set(gateway):
    """A change that names another owner, parent, id or time: nothing of it is done."""
    make(gateway, "fixed", owner="alice", models=["chat"])
    before = shown(gateway, "fixed")
    for field in (
        {"owner": "bob"},
        {"owner_kind": "user"},
        {"parent": "there"},
        {"name": "other"},
        {"id": "aaaaaaaaaaaa"},
        {"created_us": 1},
        {"revoked_us": 1},
        {"role": "administrator"},
    ):
        status, answer = act(gateway, "change", key="fixed", models=["other"], **field)
        assert status == 400, (field, answer)
        assert shown(gateway, "fixed") == before


@pytest.mark.attack(62)
@pytest.mark.invariant("CVE-2026-47102")
@pytest.mark.parametrize(
    "more",
    [
        {"models": ["chat", "other"]},
        {"networks": ["0.0.0.0/0"]},
        {"networks": ["::/0"]},
        {"endpoints": ["embeddings"]},
        {"regions": ["us"]},
        {"class": "critical_revenue"},
        {"limits": {"requests_per_minute": 11}},
        {"expires_us": 9_000_000_000_000_000},
        {"team": "others"},
    ],
)
def test_a_child_with_more_than_its_parent(gateway, more):
    """A key that is to have more than the one above it: refused when made and when changed."""
    act(
        gateway,
        "make",
        name="narrow-parent",
        models=["chat"],
        networks=["127.0.0.0/8"],
        endpoints=["chat_completions"],
        regions=["eu"],
        limits={"requests_per_minute": 10},
        expires_us=8_000_000_000_000_000,
        team="ours",
    )
    status, answer = act(gateway, "make", name="too-much", parent="narrow-parent", **more)
    assert (status, answer["error"]["code"]) == (403, "exceeds_parent"), answer
    act(gateway, "make", name="child", parent="narrow-parent", models=["chat"])
    before = shown(gateway, "child")
    assert act(gateway, "change", key="child", **more)[0] == 403
    assert shown(gateway, "child") == before


@pytest.mark.attack(63)
def test_headers_that_claim_to_be_somebody(gateway):
    """Names and addresses in headers of the client's: they change nothing."""
    far = make(gateway, "far-away", networks=["10.0.0.0/8"])
    claims = {"x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1", "x-user": "admin"}
    status, code = error_of(gateway.chat(headers=bearer(far) | claims))
    assert (status, code) == (403, "network_not_allowed")
