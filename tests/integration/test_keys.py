"""Client keys: who may ask for what, and what the others are told."""

import json

import pytest
from support import configs, http_client

pytestmark = pytest.mark.asan

APP = "sk-app-0123456789"
ALL = "sk-all-9876543210"


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    config = configs.through(upstream)
    config["models"]["other"] = config["models"]["chat"]
    config["keys"] = {
        "app": {"key": "env:APP", "models": ["chat"]},
        "everything": {"key": "env:ALL"},
    }
    return module_holdfast(config, env={"APP": APP, "ALL": ALL})


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def test_a_known_key_is_let_in(gateway, upstream):
    upstream.clear()
    assert gateway.chat(headers=bearer(APP))[0] == 200
    assert gateway.chat("other", headers=bearer(ALL))[0] == 200
    assert gateway.chat(headers={"authorization": f"bearer {APP}"})[0] == 200
    assert all(
        r["header"]["authorization"] == "Bearer sk-upstream-secret" for r in upstream.receipts()
    )


# How the SDKs of each family send a key, and to where.
HELLO = [{"role": "user", "content": "Hello"}]
PARTS = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
CHAT = ("/v1/chat/completions", {"model": "chat", "messages": HELLO})
MESSAGES = ("/v1/messages", {"model": "chat", "messages": HELLO, "max_tokens": 9})
GEMINI = ("/v1beta/models/chat:generateContent", PARTS)
AZURE = ("/openai/deployments/chat/chat/completions?api-version=2024-10-21", {"messages": HELLO})
SPELLINGS = {
    "bearer": (CHAT, "authorization", "Bearer {}"),
    "anthropic's bearer": (MESSAGES, "authorization", "Bearer {}"),
    "anthropic's own": (MESSAGES, "x-api-key", "{}"),
    "azure's own": (AZURE, "api-key", "{}"),
    "google's own": (GEMINI, "x-goog-api-key", "{}"),
    "google's bearer": (GEMINI, "authorization", "Bearer {}"),
    "google's query": (GEMINI, None, None),
}


def ask_as(gateway, spelling, key):
    (path, body), header, form = SPELLINGS[spelling]
    headers = {"anthropic-version": "2023-06-01"} if path == "/v1/messages" else {}
    if header is None:
        path += f"?key={key}"
    else:
        headers[header] = form.format(key)
    return gateway.ask("POST", path, body, headers)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_family_spells_its_key_in_its_own_way(gateway, upstream, spelling):
    upstream.clear()
    status, headers, answer = ask_as(gateway, spelling, APP)
    assert status == 200, answer
    (receipt,) = upstream.receipts()
    assert APP not in str(receipt)
    (record,) = gateway.attempts_of(headers["x-request-id"], 1)
    assert "app" in record.values() and APP not in str(record)
    upstream.clear()
    for wrong in (APP[:-1], APP + "0", "wrong"):
        status, _, answer = ask_as(gateway, spelling, wrong)
        assert status == 401, answer
        assert wrong == "wrong" or wrong not in answer.decode()
    assert upstream.receipts() == []


REFUSED = {
    "none": {},
    "empty": {"authorization": ""},
    "no scheme": {"authorization": APP},
    "basic": {"authorization": "Basic " + APP},
    "empty bearer": {"authorization": "Bearer "},
    "wrong": bearer("sk-wrong-000000000"),
    "prefix": bearer(APP[:-1]),
    "longer": bearer(APP + "0"),
    "other case": bearer(APP.upper()),
    "injection": bearer("' OR '1'='1"),
    "percent": bearer("%00"),
    "long": bearer("k" * 20_000),
    "two keys in one": bearer(f"{APP}, {ALL}"),
}


@pytest.mark.attack(55, 56)
@pytest.mark.invariant("CVE-2026-42208")
@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/embeddings"])
def test_others_are_not(gateway, upstream, what, path):
    upstream.clear()
    method = "GET" if path == "/v1/models" else "POST"
    body = {"model": "chat", "messages": []} if method == "POST" else None
    status, headers, answer = gateway.ask(method, path, body, REFUSED[what])
    assert status == 401, answer
    assert headers["www-authenticate"].startswith("Bearer")
    error = json.loads(answer)["error"]
    assert error["code"] == "invalid_api_key"
    assert APP not in answer.decode() and "k" * 100 not in answer.decode()
    assert upstream.receipts() == []


@pytest.mark.attack(55)
def test_two_authorizations_are_refused(gateway, upstream):
    upstream.clear()
    with http_client.Connection(gateway.app_port) as connection:
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {APP}\r\nAuthorization: Bearer wrong\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        connection.send(head.encode())
        assert connection.answer().status in (400, 401)
    assert upstream.receipts() == []


@pytest.mark.attack(59)
@pytest.mark.parametrize("model", ["other", "nothing", "CHAT", "chat ", "*", "chat/../other"])
def test_a_key_sees_its_own_models_only(gateway, upstream, model):
    upstream.clear()
    status, _, body = gateway.chat(model, headers=bearer(APP))
    assert status in (403, 404), body
    assert json.loads(body)["error"]["code"] in ("model_not_allowed", "model_not_found")
    assert upstream.receipts() == []


@pytest.mark.attack(59)
def test_models_are_listed_by_key(gateway):
    def listed(key):
        status, _, body = gateway.ask("GET", "/v1/models", headers=bearer(key))
        assert status == 200
        return {model["id"] for model in json.loads(body)["data"]}

    assert listed(APP) == {"chat"} and listed(ALL) == {"chat", "other"}
    assert gateway.ask("GET", "/v1/models/chat", headers=bearer(APP))[0] == 200
    assert gateway.ask("GET", "/v1/models/other", headers=bearer(APP))[0] in (403, 404)


@pytest.mark.invariant("LiteLLM traces")
def test_secrets_are_nowhere(gateway):
    gateway.chat(headers=bearer(APP))
    gateway.chat(headers=bearer("sk-wrong-000000000"))
    for spelling in SPELLINGS:
        ask_as(gateway, spelling, APP)
        ask_as(gateway, spelling, "sk-wrong-000000000")
    # Paths that are not there are named in answers and in the log; what follows them is not.
    for path in ("/v1beta/nothing", "/v1beta/models/chat:generateContents", "/v1/models/chat"):
        answer = gateway.ask("POST", f"{path}?key={ALL}", {})[2]
        assert ALL not in answer.decode()
    shown = gateway.log() + gateway.output()
    for path in ("/metrics", "/api/v1/providers", "/api/v1/requests", "/openapi.json", "/"):
        shown += gateway.ask("GET", path, admin=True)[2].decode()
    files = [f.read_bytes() for f in gateway.state.rglob("*") if f.is_file()]
    for secret in (APP, ALL, "sk-upstream-secret", "sk-wrong-000000000"):
        assert secret not in shown
        assert not [1 for content in files if secret.encode() in content]


@pytest.mark.attack(69)
def test_without_keys_only_loopback_names_are_answered(holdfast, fake):
    one = fake("open")
    instance = holdfast(configs.through(one))
    body = b'{"model":"chat","messages":[]}'
    path = "/v1/chat/completions"
    for host, status in {
        "localhost": 200,
        f"127.0.0.1:{instance.app_port}": 200,
        "[::1]": 200,
        "evil.example": None,
        "localhost.evil.example": None,
        "127.0.0.1.nip.io": None,
    }.items():
        with http_client.Connection(instance.app_port) as connection:
            connection.send(http_client.post(path, body, host=host))
            got = connection.answer().status
            assert got == status if status else got in (400, 403, 421), host
    for origin, allowed in {
        "https://evil.example": False,
        "null": False,
        "http://localhost:3000": None,
    }.items():
        with http_client.Connection(instance.app_port) as connection:
            connection.send(http_client.post(path, body, {"Origin": origin}))
            got = connection.answer().status
            assert allowed is None or got == 403, origin
    assert len(one.receipts()) in (3, 4)


def test_without_keys_no_other_address(holdfast, fake):
    config = configs.through(fake("open")) | {"server": {"listen": "0.0.0.0:0"}}
    instance = holdfast(config, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) == 1
    assert "keys" in instance.log() + instance.output()
