"""Virtual keys: made, scoped, rotated and revoked while the gateway runs."""

import json
import resource
import signal
import subprocess
import time

import openai
import pytest
from support import configs, http_client, sse
from support.processes import BINARY, eventually
from support.virtual_keys import act, bearer, done, error_of, make, shown

pytestmark = pytest.mark.asan

STATIC = "sk-static-0123456789"
HELLO = [{"role": "user", "content": "Hello"}]
UNAUTHORIZED = (401, "invalid_api_key")


@pytest.fixture(scope="module")
def upstreams(module_fake):
    return module_fake("one"), module_fake("two")


def config_of(one, two) -> dict:
    config = configs.through(one, two)
    models = config["models"]
    models["other"] = models["chat"]
    models["Chat"] = models["chat"]
    models["embed"] = {"targets": [{"provider": "one", "model": "e1"}]}
    models["anthropic.chat-v1:0"] = models["chat"]
    config["keys"] = {"static": {"key": "env:STATIC"}}
    return config


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstreams):
    return module_holdfast(config_of(*upstreams), env={"STATIC": STATIC})


def now_us() -> int:
    return int(time.time() * 1_000_000)


def test_a_key_is_shown_once_and_kept_as_a_hash(holdfast, fake):
    instance = holdfast(config_of(fake("one"), fake("two")), env={"STATIC": STATIC})
    made = done(instance, "make", name="shop", owner_kind="team", owner="checkout", note="the shop")
    secret, key = made["secret"], made["key"]
    assert secret.startswith(f"hf_{key['id']}_") and len(secret) == 55
    assert key["state"] == "active" and key["owner_kind"] == "team"
    assert instance.chat(headers=bearer(secret))[0] == 200
    assert instance.chat(headers=bearer(STATIC))[0] == 200, "static keys go on working"
    (record,) = eventually(lambda: instance.attempts("key=shop"), "the record")
    assert record["key_name"] == "shop"
    assert shown(instance, "shop")["last_used_us"] > 0
    assert shown(instance, key["id"])["name"] == "shop"
    hidden = secret.removeprefix(f"hf_{key['id']}_")
    told = [json.dumps(instance.admin("/api/v1/keys")), json.dumps(instance.admin("/api/v1/audit"))]
    told += [instance.log(), json.dumps(instance.metrics())]
    assert not any(hidden in text for text in told)
    for file in instance.state.rglob("*"):
        if file.is_file():
            assert hidden.encode() not in file.read_bytes(), file
    assert (instance.state / "keys.db").stat().st_mode & 0o777 == 0o600
    assert (instance.state / "keys.pepper").stat().st_mode & 0o777 == 0o600
    events = [one["action"] for one in instance.admin("/api/v1/audit")["data"] if "action" in one]
    assert "key.make" in events


def test_the_official_sdk_asks_with_one(gateway):
    secret = make(gateway, "sdk", models=["chat"])
    with openai.OpenAI(base_url=gateway.app_url + "/v1", api_key=secret, max_retries=0) as client:
        assert client.chat.completions.create(model="chat", messages=HELLO).choices
        assert [model.id for model in client.models.list()] == ["chat"]
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(model="other", messages=HELLO)
        assert refused.value.code == "model_not_allowed"
    with (
        openai.OpenAI(
            base_url=gateway.app_url + "/v1", api_key=secret[:-1], max_retries=0
        ) as client,
        pytest.raises(openai.AuthenticationError, match="mistyped"),
    ):
        client.models.list()


PARTS = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
PLACES = {
    "bearer": ("/v1/chat/completions", {"model": "chat", "messages": HELLO}, "authorization"),
    "responses": ("/v1/responses", {"model": "chat", "input": "Hello"}, "authorization"),
    "anthropic": (
        "/v1/messages",
        {"model": "chat", "messages": HELLO, "max_tokens": 9},
        "x-api-key",
    ),
    "google": ("/v1beta/models/chat:generateContent", PARTS, "x-goog-api-key"),
    "google's query": ("/v1beta/models/chat:generateContent?key={}", PARTS, None),
    "azure": ("/openai/deployments/chat/chat/completions", {"messages": HELLO}, "api-key"),
    "bedrock": ("/model/chat/converse", CONVERSE, "authorization"),
}


@pytest.mark.parametrize("place", PLACES)
def test_each_dialect_takes_it_where_its_sdks_put_it(gateway, place):
    path, body, header = PLACES[place]
    name = "place-" + place.replace("'s ", "-")
    secret = make(gateway, name)
    value = f"Bearer {secret}" if header == "authorization" else secret
    headers = {"anthropic-version": "2023-06-01"} | ({header: value} if header else {})
    status, _, answer = gateway.ask("POST", path.format(secret), body, headers)
    assert status == 200, answer
    done(gateway, "revoke", key=name)
    assert gateway.ask("POST", path.format(secret), body, headers)[0] in (401, 403)


def test_endpoints_networks_and_providers(gateway, upstreams):
    one, two = upstreams
    secret = make(gateway, "chats", endpoints=["chat_completions"])
    assert gateway.chat(headers=bearer(secret))[0] == 200
    asked = {"model": "embed", "input": "Hello"}
    embed = gateway.ask("POST", "/v1/embeddings", asked, bearer(secret))
    assert error_of(embed) == (403, "endpoint_not_allowed")
    assert gateway.ask("GET", "/v1/models", headers=bearer(secret))[0] == 200

    near = make(gateway, "near", networks=["127.0.0.0/8", "::1"])
    far = make(gateway, "far", networks=["10.0.0.0/8"])
    assert gateway.chat(headers=bearer(near))[0] == 200
    claims = bearer(far) | {"x-forwarded-for": "10.1.2.3", "x-real-ip": "10.1.2.3"}
    assert error_of(gateway.chat(headers=claims)) == (403, "network_not_allowed")

    second = make(gateway, "second", providers=["two"])
    one.clear()
    status, headers, _ = gateway.chat(headers=bearer(second))
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert one.receipts() == []
    two.behave("status_500")
    try:
        status, _, _ = gateway.chat(headers=bearer(second))
        assert status >= 500 and one.receipts() == [], "failover stays within the scope"
    finally:
        two.clear()
    embed = gateway.ask("POST", "/v1/embeddings", asked, bearer(second))
    assert error_of(embed) == (403, "provider_not_allowed")


def test_limits_are_its_own_and_its_parents(gateway):
    make(gateway, "family", limits={"requests_per_minute": 3})
    first = make(gateway, "first-child", parent="family", limits={"requests_per_minute": 2})
    other = make(gateway, "other-child", parent="family")
    seen = [gateway.chat(headers=bearer(first))[0] for _ in range(3)]
    assert seen == [200, 200, 429]
    assert [gateway.chat(headers=bearer(other))[0] for _ in range(2)] == [200, 429]
    refused = gateway.chat(headers=bearer(other))
    assert "keys.family.limits.requests_per_minute" in json.loads(refused[2])["error"]["message"]


def test_a_rotation_overlaps_for_as_long_as_was_said(gateway):
    old = make(gateway, "turns")
    new = done(gateway, "rotate", key="turns", overlap_s=3600)["secret"]
    assert new != old
    assert gateway.chat(headers=bearer(old))[0] == gateway.chat(headers=bearer(new))[0] == 200
    newest = done(gateway, "rotate", key="turns", overlap_s=1)["secret"]
    assert gateway.chat(headers=bearer(newest))[0] == 200
    assert error_of(gateway.chat(headers=bearer(old))) == UNAUTHORIZED
    eventually(lambda: gateway.chat(headers=bearer(new))[0] == 401, "the end of the overlap")
    at_once = done(gateway, "rotate", key="turns", overlap_s=0)["secret"]
    assert error_of(gateway.chat(headers=bearer(newest))) == UNAUTHORIZED
    assert gateway.chat(headers=bearer(at_once))[0] == 200


def test_what_its_parent_loses_it_loses_at_once(gateway):
    make(gateway, "above", models=["chat", "other"])
    secret = make(gateway, "below", parent="above", models=["chat"])
    grandchild = make(gateway, "under", parent="below")
    assert gateway.chat(headers=bearer(grandchild))[0] == 200
    assert error_of(gateway.chat("other", headers=bearer(grandchild)))[0] == 403
    done(gateway, "change", key="above", models=["other"])
    assert error_of(gateway.chat(headers=bearer(secret))) == (403, "key_scope_empty")
    assert error_of(gateway.chat(headers=bearer(grandchild))) == (403, "key_scope_empty")
    assert shown(gateway, "below")["nothing_left"] == "models"
    done(gateway, "change", key="above", models=["chat"])
    assert gateway.chat(headers=bearer(secret))[0] == 200
    done(gateway, "revoke", key="above")
    assert error_of(gateway.chat(headers=bearer(grandchild))) == UNAUTHORIZED
    assert shown(gateway, "under")["state"] == "revoked"
    assert act(gateway, "make", name="late", parent="above")[0] == 409


STREAMS = {
    "openai": ("/v1/chat/completions", {"model": "chat", "stream": True, "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "chat", "stream": True, "input": "Hi"}),
    "anthropic": (
        "/v1/messages",
        {"model": "chat", "stream": True, "messages": HELLO, "max_tokens": 9},
    ),
    "google": ("/v1beta/models/chat:streamGenerateContent?alt=sse", PARTS),
}


@pytest.mark.parametrize("dialect", STREAMS)
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_live_stream_of_a_key_that_ends_is_cut_with_an_error(gateway, upstreams, dialect, end):
    one, _ = upstreams
    path, body = STREAMS[dialect]
    name = f"live-{dialect}-{end}"
    one.clear()
    one.behave("hold_after_2")
    try:
        secret = make(gateway, name)
        with http_client.Connection(gateway.app_port) as connection:
            sent = json.dumps(body).encode()
            said = bearer(secret) | {"anthropic-version": "2023-06-01"}
            connection.send(http_client.post(path, sent, said))
            status, headers, _ = connection.head()
            assert status == 200
            if end == "revoked":
                done(gateway, "revoke", key=name)
            else:
                done(gateway, "change", key=name, expires_us=now_us() + 1)
            answer = b"".join(connection.pieces(headers))
    finally:
        one.release()
        one.clear()
    assert b"revoked or has expired" in answer
    assert not sse.is_whole(answer)
    events = [line for line in answer.decode().splitlines() if line.startswith("data: ")]
    last = json.loads(events[-1].removeprefix("data: "))
    assert "error" in json.dumps(last)
    assert error_of(gateway.chat(headers=bearer(secret))) == UNAUTHORIZED


def test_a_request_that_waits_for_its_answer_is_told_too(gateway, upstreams):
    one, two = upstreams
    one.behave("blackhole")
    two.behave("blackhole")
    try:
        secret = make(gateway, "waits")
        with http_client.Connection(gateway.app_port) as connection:
            body = json.dumps({"model": "chat", "messages": HELLO}).encode()
            connection.send(http_client.post("/v1/chat/completions", body, bearer(secret)))
            eventually(lambda: one.receipts(), "the request at the provider")
            done(gateway, "revoke", key="waits")
            answer = connection.answer()
        assert answer.status == 401 and b"revoked" in answer.body
    finally:
        one.clear()
        two.clear()


WRONG_FIELDS = {
    "an unknown one": {"admin": True},
    "the id": {"id": "aaaaaaaaaaaa"},
    "the hash": {"hash": "00"},
    "the secret": {"secret": "hf_mine"},
    "when it was revoked": {"revoked_us": 0},
    "a model that is none": {"models": ["nothing"]},
    "every model": {"models": ["*"]},
    "a provider that is none": {"providers": ["nobody"]},
    "an endpoint that is none": {"endpoints": ["everything"]},
    "a network that is none": {"networks": ["10.0.0.1/8"]},
    "a limit that is none": {"limits": {"requests_per_day": 1}},
    "a limit below nothing": {"limits": {"requests_per_minute": -1}},
    "an owner that is none": {"owner_kind": "root"},
    "a class that is none": {"class": "best"},
    "a name that is none": {"name": "a b"},
    "an end before its beginning": {"not_before_us": 20, "expires_us": 10},
}


@pytest.mark.parametrize("case", WRONG_FIELDS)
def test_fields_that_are_not_asked_for_are_refused(gateway, case):
    before = gateway.admin("/api/v1/keys")["total"]
    status, answer = act(gateway, "make", **{"name": "wrong"} | WRONG_FIELDS[case])
    assert status == 400 and answer["error"]["code"] == "invalid_request", answer
    assert gateway.admin("/api/v1/keys")["total"] == before


def test_names_are_never_used_twice(gateway, holdfast, upstreams, tmp_path):
    make(gateway, "once")
    done(gateway, "revoke", key="once")
    status, answer = act(gateway, "make", name="once")
    assert status == 409 and "was, the name" in answer["error"]["message"]
    status, answer = act(gateway, "make", name="static")
    assert status == 409 and "keys.static" in answer["error"]["message"]
    assert act(gateway, "revoke", key="once")[0] == 409
    assert act(gateway, "revoke", key="nobody")[0] == 404

    config, state = config_of(*upstreams), tmp_path / "both"
    first = holdfast(config, env={"STATIC": STATIC}, state=state)
    make(first, "shop")
    clashing = config | {"keys": {"shop": {"key": "env:STATIC"}}}
    first.reload(clashing)
    problem = eventually(
        lambda: [
            one for one in first.admin("/readyz")["warnings"] if "last reload was refused" in one
        ],
        "the refused reload",
    )
    assert "keys.shop" in problem[0]
    assert first.chat(headers=bearer(STATIC))[0] == 200
    first.write(config)
    first.expected_exit = True
    first.signal(signal.SIGTERM)
    assert first.process.wait(20) == 0
    second = holdfast(clashing, env={"STATIC": STATIC}, state=state, wait=False)
    second.expected_exit = True
    assert second.process.wait(20) == 1
    assert "keys.shop: a virtual key has, or had, this name" in second.log()


def test_they_outlive_a_restart_and_need_their_pepper(holdfast, fake, tmp_path):
    config, state = configs.through(fake("one")), tmp_path / "kept"
    first = holdfast(config, state=state)
    assert first.chat()[0] == 200, "without any key everybody on this machine may ask"
    secret, gone = make(first, "stays"), make(first, "goes")
    done(first, "revoke", key="goes")
    assert first.chat()[0] == 401, "from the first key on nobody may without one"
    first.expected_exit = True
    first.kill()
    second = holdfast(config, state=state)
    assert second.chat(headers=bearer(secret))[0] == 200
    assert error_of(second.chat(headers=bearer(gone))) == UNAUTHORIZED
    assert second.chat()[0] == 401
    second.expected_exit = True
    second.signal(signal.SIGTERM)
    assert second.process.wait(20) == 0
    pepper = state / "keys.pepper"
    kept = pepper.read_bytes()
    for harm, remedy in (
        (lambda: pepper.unlink(), "another pepper"),
        (lambda: pepper.write_bytes(b"short"), "is not the 32 bytes"),
        (lambda: pepper.chmod(0o644), "chmod 600"),
    ):
        harm()
        third = subprocess.run(
            [BINARY, "serve", "--config", second.config_file, "--state", state],
            env={"UPSTREAM_KEY": "sk-upstream-secret"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert third.returncode == 1 and remedy in third.stderr
        pepper.write_bytes(kept)
        pepper.chmod(0o600)
    last = holdfast(config, state=state)
    assert last.chat(headers=bearer(secret))[0] == 200


def test_what_cannot_be_audited_is_not_done(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    secret = make(instance, "kept")
    pid = instance.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    for action, fields in (
        ("make", {"name": "more"}),
        ("rotate", {"key": "kept", "overlap_s": 0}),
        ("revoke", {"key": "kept"}),
        ("change", {"key": "kept", "note": "new"}),
    ):
        status, answer = act(instance, action, **fields)
        assert (status, answer["error"]["code"]) == (503, "audit_unavailable")
    assert instance.admin("/api/v1/keys")["total"] == 1
    assert shown(instance, "kept")["note"] == ""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert instance.chat(headers=bearer(secret))[0] == 200
    done(instance, "revoke", key="kept")


def test_the_log_says_who_did_what_and_no_secret(gateway):
    secret = make(gateway, "told", models=["chat"], reason="for the audit")
    done(gateway, "change", key="told", models=["other"], note="changed")
    entries = [
        one
        for one in gateway.admin("/api/v1/audit?limit=1000")["data"]
        if one.get("target") == "told" and one["phase"] == "intent"
    ]
    made, changed = entries[-2:]
    assert made["action"] == "key.make" and made["reason"] == "for the audit"
    assert changed["before"]["models"] == "chat" and changed["after"]["models"] == "other"
    assert secret[16:] not in json.dumps(entries)
