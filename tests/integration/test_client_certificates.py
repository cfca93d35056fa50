"""Client certificates: required or optional, and the keys that they stand for."""

import json
import ssl

import pytest
from support import listener_tls
from support.listener_tls import client, config_for, handshakes
from support.processes import eventually

pytestmark = pytest.mark.asan
HERE = ["127.0.0.1", "localhost"]
ORDERS = "spiffe://example/orders"
SECRETS = {"ORDERS_KEY": "sk-orders-0123456789", "OTHER_KEY": "sk-other-0123456789"}


@pytest.fixture
def guarded(holdfast, fake, authority, tmp_path):
    """guarded(how): Holdfast that asks clients for certificates of the authority."""

    def make(how: str):
        one = fake("one")
        pair = authority.leaf(f"server-{tmp_path.name}", HERE)
        config = config_for(one, pair, client_ca=str(authority.file), client_certificates=how)
        config["keys"] = {
            "orders": {"key": "env:ORDERS_KEY", "certificate": f"URI:{ORDERS}"},
            "other": {"key": "env:OTHER_KEY", "models": []},
        }
        instance = holdfast(config, env=SECRETS)
        instance.fake, instance.authority = one, authority
        instance.tls = client(authority)
        return instance

    return make


def ask(instance, pair, key=None):
    """(status, error code or None) of a chat with this certificate and this key."""
    trusted, instance.tls = instance.tls, client(instance.authority, pair)
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        status, _, body = instance.chat(headers=headers)
    finally:
        instance.tls = trusted
    return status, json.loads(body).get("error", {}).get("code")


@pytest.mark.parametrize("how", ["required", "optional"])
def test_a_certificate_stands_for_a_key(guarded, how):
    instance = guarded(how)
    orders = instance.authority.leaf("orders", ["unused.example", ORDERS])
    assert ask(instance, orders) == (200, None)
    newest = eventually(lambda: instance.attempts(), "the record of it")[0]
    assert newest["key_name"] == "orders", newest
    # A key that is sent counts for more, and a wrong one is not mended by a certificate.
    assert ask(instance, orders, SECRETS["OTHER_KEY"]) == (200, None)
    assert ask(instance, orders, "sk-nobody-0123456789") == (401, "invalid_api_key")


def refused(instance, pair) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with listener_tls.connect(instance.app_port, client(instance.authority, pair)) as stream:
            stream.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not stream.recv(1):
                raise ConnectionError("closed without a word")


@pytest.mark.attack(30)
def test_required_and_bad(guarded, stranger):
    """Client certificate missing, expired, or of a wrong authority: a TLS alert."""
    instance = guarded("required")
    expired = instance.authority.leaf("late", [ORDERS], start_days=-20, end_days=-10)
    forged = stranger.leaf("forged", [ORDERS])
    for number, pair in enumerate((None, expired, forged), start=1):
        refused(instance, pair)
        eventually(
            lambda number=number: handshakes(instance, "certificate") == number,
            "the refusal is counted",
        )
    assert instance.fake.receipts() == []


@pytest.mark.attack(30)
def test_optional_and_bad(guarded, stranger):
    """The same where certificates are optional: 403, and nothing goes upstream."""
    instance = guarded("optional")
    expired = instance.authority.leaf("late", [ORDERS], start_days=-20, end_days=-10)
    for pair in (expired, stranger.leaf("forged", [ORDERS])):
        assert ask(instance, pair, SECRETS["OTHER_KEY"]) == (403, "invalid_client_certificate")
    assert ask(instance, None) == (401, "invalid_api_key")
    assert ask(instance, None, SECRETS["OTHER_KEY"]) == (200, None)
    assert len(instance.fake.receipts()) == 1


@pytest.mark.attack(30)
@pytest.mark.parametrize("how", ["required", "optional"])
def test_the_administration_asks_too(holdfast, fake, authority, stranger, tmp_path, how):
    """Certificates for the administration: none, or a wrong one, and it tells nothing."""
    pair = authority.leaf(f"server-{tmp_path.name}", HERE)
    config = config_for(fake("one"), pair)
    config["admin"]["tls"] = config["admin"]["tls"] | {
        "client_ca": str(authority.file),
        "client_certificates": how,
    }
    instance = holdfast(config)
    instance.tls = client(authority, authority.leaf("operator", ["operator.example"]))
    assert instance.ask("GET", "/readyz", admin=True)[0] == 200
    instance.tls = client(authority, stranger.leaf("impostor", ["operator.example"]))
    if how == "required":
        with pytest.raises((ssl.SSLError, ConnectionError)):
            instance.ask("GET", "/readyz", admin=True)
        return
    status, _, body = instance.ask("GET", "/readyz", admin=True)
    assert (status, json.loads(body)["error"]["code"]) == (403, "invalid_client_certificate")


@pytest.mark.attack(30)
@pytest.mark.parametrize("how", ["required", "optional"])
def test_a_certificate_of_nobody(guarded, how):
    """A good certificate whose names stand for no key: 403 without one."""
    instance = guarded(how)
    near = instance.authority.leaf("near", [ORDERS + "s", "spiffe://example/order", "orders"])
    assert ask(instance, near) == (403, "unknown_client_certificate")
    # The subject is not a name: only alternative names are looked at.
    assert ask(instance, instance.authority.leaf(ORDERS.replace("/", "-"), ["x.example"])) == (
        403,
        "unknown_client_certificate",
    )
    assert ask(instance, near, SECRETS["OTHER_KEY"]) == (200, None)
    assert len(instance.fake.receipts()) == 1


def test_sessions_are_not_resumed_past_a_certificate(guarded):
    instance = guarded("required")
    context = client(instance.authority, instance.authority.leaf("orders2", [ORDERS]))
    with listener_tls.connect(instance.app_port, context) as stream:
        stream.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert stream.session is None or not stream.session.has_ticket
