"""Providers that prove themselves with what a token service gives out, from its fake to theirs."""

import contextlib
import datetime
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support import configs, fake_tokens
from support.processes import eventually

ENVIRONMENT = {"ENTRA_SECRET": fake_tokens.CLIENT_SECRET} | configs.BEDROCK_ENVIRONMENT
FAMILIES = ("vertex", "azure_openai", "bedrock")


class Tokens:
    """The token services as one process; they refuse everything when `deny` is set."""

    def __init__(self, folder, life=3600, deny=False):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        plain = serialization.NoEncryption()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_file, self.key_file = folder / "public.pem", folder / "google.json"
        self.token_file = folder / "web-identity"
        self.public_file.write_bytes(public)
        self.token_file.write_text(fake_tokens.ASSERTION + "\n")
        self.private = private.decode()
        program = pathlib.Path(fake_tokens.__file__)
        command = [sys.executable, program, "--public-key", self.public_file, "--life", str(life)]
        self.process = subprocess.Popen(
            command + ["--deny"] * deny, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"
        self.key_file.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "client_email": "gate@project.iam.example",
                    "private_key": self.private,
                    "private_key_id": "k1",
                    "token_uri": f"{self.url}/google/token",
                }
            )
        )

    def asked(self) -> dict:
        with urllib.request.urlopen(f"{self.url}/asked", timeout=20) as answer:
            return json.loads(answer.read())

    def auth(self, family: str) -> dict:
        if family == "vertex":
            return {"source": "google_service_account", "credential_file": str(self.key_file)}
        if family == "azure_openai":
            return {
                "source": "entra_client_secret",
                "tenant": fake_tokens.TENANT,
                "client_id": fake_tokens.CLIENT,
                "client_secret": "env:ENTRA_SECRET",
                "endpoint": self.url,
            }
        return {
            "source": "aws_web_identity",
            "role_arn": "arn:aws:iam::123456789012:role/gateway",
            "token_file": str(self.token_file),
            "endpoint": self.url,
        }

    def provider(self, fake) -> dict:
        out = configs.of_family(fake) | {"auth": self.auth(fake.family)}
        out.pop("key", None)
        return out

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def tokens(tmp_path):
    """tokens(life=3600, deny=False): the token services."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            started = Tokens(tmp_path, **options)
            stack.callback(started.stop)
            return started

        yield start


def config(services, *fakes) -> dict:
    """`chat` over the fakes: those of a cloud with credentials, the others with keys."""
    return {
        "providers": {
            one.name: services.provider(one) if one.family in FAMILIES else configs.provider(one)
            for one in fakes
        },
        "models": {
            "chat": {
                "policy": "failover",
                "targets": [{"provider": one.name, "model": "m1"} for one in fakes],
            }
        },
    }


def credential(instance, fake) -> dict | None:
    (found,) = [
        one for one in instance.admin("/api/v1/providers")["providers"] if one["name"] == fake.name
    ]
    return found["credential"]


def has_come(instance, fake) -> dict:
    def ready():
        found = credential(instance, fake)
        return found["ready"] and found

    return eventually(ready, f"the credential of {fake.name}")


def told_everywhere(instance) -> str:
    """All that an operator or a client can read."""
    pages = [instance.ask("GET", path, admin=True)[2] for path in
             ("/api/v1/providers", "/api/v1/status", "/api/v1/requests", "/metrics", "/readyz")]  # fmt: skip
    return b"".join(pages).decode() + instance.log() + instance.output()


def secrets_of(services) -> list[str]:
    private = services.private.splitlines()[1]
    keys = fake_tokens.KEYS
    return [fake_tokens.CLIENT_SECRET, fake_tokens.ASSERTION, private, keys["secret"],
            keys["token"], "google-1", "entra-1"]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_requests_go_out_with_what_was_fetched(holdfast, fake, tokens, family):
    services, upstream = tokens(), fake(family=family)
    upstream.behave("good", bearer={"vertex": "google-1"}.get(family, "entra-1"))
    instance = holdfast(config(services, upstream), env=ENVIRONMENT)
    status = has_come(instance, upstream)
    end = datetime.datetime.fromisoformat(status["expires_at"]).timestamp()
    assert 3000 < end - time.time() <= 3600 and status["last_error"] is None
    for stream in (False, True):
        code, _, body = instance.chat(stream=stream)
        assert code == 200, body
    header = upstream.receipts()[0]["header"]
    if family == "bedrock":
        assert header["authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert header["x-amz-security-token"] == fake_tokens.KEYS["token"]
    assert services.asked() == {"given": 1, "refused": []}
    everything = told_everywhere(instance)
    assert [one for one in secrets_of(services) if one in everything] == []


def test_static_keys_sign_and_have_no_end(holdfast, fake):
    upstream, plain = fake(family="bedrock"), fake()
    both = {
        "providers": {
            upstream.name: configs.of_family(upstream),
            plain.name: configs.provider(plain),
        },
        "models": {"chat": {"targets": [{"provider": upstream.name, "model": "m1"}]}},
    }
    instance = holdfast(both, env=ENVIRONMENT)
    assert has_come(instance, upstream) == {
        "ready": True, "expires_at": None, "version": None, "last_error": None,
    }  # fmt: skip
    assert credential(instance, plain) is None
    assert instance.chat()[0] == 200


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_credential_the_next_target_answers_at_once(holdfast, fake, tokens, family):
    services, upstream, spare = tokens(deny=True), fake(family=family), fake()
    instance = holdfast(config(services, upstream, spare), env=ENVIRONMENT)
    code, headers, body = instance.chat()
    assert code == 200, body
    assert headers["x-holdfast-provider"] == spare.name
    assert headers["x-holdfast-fallback-reason"] == "revoked"
    assert upstream.receipts() == []

    def told():
        found = credential(instance, upstream)
        return found["last_error"] and found

    found = eventually(told, "why there is no credential")
    assert not found["ready"] and found["expires_at"] is None
    assert "access_denied" in found["last_error"]
    everything = told_everywhere(instance)
    assert [one for one in secrets_of(services) if one in everything] == []
    alone = holdfast(config(services, upstream), env=ENVIRONMENT)
    code, _, body = alone.chat()
    assert (code, json.loads(body)["error"]["code"]) == (503, "credential_unavailable")


def test_a_refused_credential_is_fetched_anew(holdfast, fake, tokens):
    """Not more often than each ten seconds, since a provider may refuse for other reasons."""
    services, upstream, spare = tokens(), fake(family="azure_openai"), fake()
    upstream.behave("good", bearer="entra-2")
    instance = holdfast(config(services, upstream, spare), env=ENVIRONMENT)
    has_come(instance, upstream)
    code, headers, _ = instance.chat()
    assert (code, headers["x-holdfast-fallback-reason"]) == (200, "revoked")

    def serves_again():
        return instance.chat()[1]["x-holdfast-provider"] == upstream.name

    eventually(serves_again, "that the new credential is used, with no wait for the breaker", 25)
    assert services.asked() == {"given": 2, "refused": []}
    instance.reload(config(services, spare))
    eventually(lambda: instance.chat()[1].get("x-holdfast-provider") == spare.name, "the reload")
    assert credential(instance, spare) is None


def test_what_was_fetched_for_one_account_is_sent_nowhere_new(holdfast, fake, tokens):
    services = tokens()
    before, after = (fake("cloud", family="azure_openai") for _ in range(2))
    for one in (before, after):
        one.behave("good", bearer="entra-1")
    instance = holdfast(config(services, before), env=ENVIRONMENT)
    has_come(instance, before)
    assert instance.chat()[0] == 200
    changed = config(services, after)
    changed["providers"]["cloud"]["auth"]["client_id"] = "11111111-2222-3333-4444-555555555555"
    instance.reload(changed)
    eventually(lambda: "configuration reloaded" in instance.log(), "the reload")
    code, _, body = instance.chat()
    assert code == 503, body
    assert after.receipts() == [] and len(before.receipts()) == 1
