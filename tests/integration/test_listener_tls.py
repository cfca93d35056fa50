"""TLS on the listeners: what is spoken, what is refused, and certificates that change."""

import os
import pathlib
import re
import socket
import ssl
import subprocess

import pytest
from support import listener_tls
from support.listener_tls import client, config_for, handshakes
from support.processes import BINARY, clean_environment, eventually

pytestmark = pytest.mark.asan
HERE = ["127.0.0.1", "localhost"]


@pytest.fixture
def secure(holdfast, fake, authority, tmp_path):
    """secure(**tls): Holdfast with TLS on both listeners, asked by a client that trusts it."""

    def make(days=30, env=None, keys=None, **tls):
        pair = authority.leaf(f"here-{tmp_path.name}", HERE, end_days=days)
        config = config_for(fake("one"), pair, **tls)
        instance = holdfast(config | ({"keys": keys} if keys else {}), env=env)
        instance.pair, instance.tls = pair, client(authority)
        return instance

    return make


def test_both_listeners_speak_it(secure):
    instance = secure()
    assert instance.app_url.startswith("https://") and instance.admin_url.startswith("https://")
    for stream in (False, True):
        status, _, body = instance.chat(stream=stream)
        assert status == 200, body
    assert handshakes(instance) == 2
    assert handshakes(instance, listener="administration") >= 1


def test_a_large_answer_and_a_large_question(secure):
    instance = secure()
    status, _, body = instance.ask(
        "POST",
        "/v1/chat/completions",
        {"model": "chat", "messages": [{"role": "user", "content": "x" * 3_000_000}]},
    )
    assert status == 200, body


def test_a_connection_is_used_again(secure):
    instance = secure()
    request = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with listener_tls.connect(instance.app_port, instance.tls) as stream:
        for _ in range(3):
            stream.sendall(request)
            assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")
        # An answer that ends with the connection ends with a goodbye: it was not cut off.
        stream.sendall(b"GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: stream.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
    assert handshakes(instance) == 1


# What cannot be served with, and what is said of it.

BAD = {
    "certificate missing": (dict(cert="/none.pem"), "tls.certificate: /none.pem cannot be opened"),
    "key missing": (dict(key="/none.key"), "tls.key: /none.key cannot be opened"),
    "a folder": (dict(cert="/"), "tls.certificate: / is not a regular file"),
    "no certificate": (dict(cert="key"), "has no certificate"),
    "no key": (dict(key="cert"), "has no private key that can be read"),
}


def check(folder: pathlib.Path, text: str) -> tuple[int, str]:
    file = folder / "check.yaml"
    file.write_text(text)
    done = subprocess.run(
        [str(BINARY), "config", "check", str(file)],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def listeners(certificate: str, key: str, more="", side="server") -> str:
    return (
        f"{side}:\n  tls:\n    certificate: {certificate}\n    key: {key}\n{more}"
        "providers: { one: { kind: openai, key: env:UPSTREAM_KEY } }\n"
        "models: { chat: { targets: [{ provider: one, model: m1 }] } }\n"
    )


@pytest.mark.parametrize("what", BAD)
def test_files_that_cannot_be_used(tmp_path, authority, what):
    pair = authority.leaf("files", HERE)
    os.chmod(pair["cert"], 0o600)
    changed, message = BAD[what]
    files = pair | {kind: pair.get(other, other) for kind, other in changed.items()}
    for side in ("server", "admin"):
        code, said = check(tmp_path, listeners(files["cert"], files["key"], side=side))
        assert code == 1 and message in said and f"{side}.tls." in said, said


def test_pairs_that_do_not_fit(tmp_path, authority, stranger):
    mine, other = authority.leaf("mine", HERE), authority.leaf("other", HERE)
    old = authority.leaf("old", HERE, start_days=-20, end_days=-10)
    early = authority.leaf("early", HERE, start_days=10)
    loose = authority.leaf("loose", HERE)
    os.chmod(loose["key"], 0o644)
    broken = tmp_path / "broken.pem"
    both = pathlib.Path(mine["cert"]).read_text() + pathlib.Path(stranger.file).read_text()
    broken.write_text(both)
    damaged = tmp_path / "damaged.pem"
    damaged.write_text(pathlib.Path(mine["cert"]).read_text().replace("MII", "AAA", 1))
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", mine["key"], "-aes256", "-passout", "pass:secret", "-out"]
        + [str(locked)],
        check=True,
    )
    cases = [
        (mine["cert"], other["key"], r"other\.key is not the key of .*mine\.pem"),
        (old["cert"], old["key"], r"expired on .*; renew it"),
        (early["cert"], early["key"], r"is valid from .* on; check this machine's clock"),
        (loose["cert"], loose["key"], r"is open to every user of this machine; chmod o= it"),
        (broken, mine["key"], r"the chain is broken: .* was issued by .*authority"),
        (damaged, mine["key"], r"damaged\.pem (is damaged|has no certificate)"),
        (mine["cert"], locked, r"is encrypted, and there is nobody to ask for its passphrase"),
    ]
    for certificate, key, message in cases:
        code, said = check(tmp_path, listeners(str(certificate), str(key)))
        assert code == 1 and re.search(message, said), (message, said)


def test_half_a_pair_and_clients_that_nobody_asks(tmp_path, authority):
    pair = authority.leaf("half", HERE)
    code, said = check(
        tmp_path, listeners(pair["cert"], pair["key"]).replace(f"    key: {pair['key']}\n", "")
    )
    assert code == 1 and "server.tls.key" in said and "name the PEM file" in said, said
    optional = "    client_certificates: optional\n"
    code, said = check(tmp_path, listeners(pair["cert"], pair["key"], optional))
    assert code == 1 and "client_ca" in said, said
    keys = "keys: { app: { key: env:UPSTREAM_KEY, certificate: DNS:orders.example } }\n"
    code, said = check(tmp_path, listeners(pair["cert"], pair["key"], keys))
    assert code == 1 and "keys.app.certificate: no client is asked for one" in said, said


def test_administration_stays_on_loopback(tmp_path, authority):
    pair = authority.leaf("open", HERE)
    beyond = '  listen: "0.0.0.0:8081"\n'
    code, said = check(tmp_path, listeners(pair["cert"], pair["key"], beyond, "admin"))
    assert code == 1 and "must be a loopback address while everybody may read there" in said, said
    closed = beyond + "  open_reading: no\n"
    code, said = check(tmp_path, listeners(pair["cert"], pair["key"], closed, "admin"))
    assert code == 0, said


def test_administration_beyond_loopback(holdfast, fake, authority):
    """With TLS, and for those alone who say who they are, under whatever name it has."""
    pair = authority.leaf("gateway", ["gateway.example", "127.0.0.1"])
    config = config_for(fake("one"), pair)
    config["admin"] |= {"listen": "0.0.0.0:0", "open_reading": False}
    instance = holdfast(config)
    instance.tls = client(authority)
    named = {"host": "gateway.example"}
    assert instance.ask("GET", "/readyz", headers=named, admin=True)[0] == 200
    for path in ("/metrics", "/api/v1/status", "/api/v1/requests"):
        assert instance.ask("GET", path, headers=named, admin=True)[0] == 401, path
        known = named | {"authorization": f"Bearer {instance.token()}"}
        assert instance.ask("GET", path, headers=known, admin=True)[0] == 200, path
    foreign = named | {"origin": "https://other.example"}
    assert instance.ask("GET", "/api/v1/status", headers=foreign, admin=True)[0] == 403


def test_the_command_line_asks_by_tls(secure, authority):
    instance = secure()
    command = [BINARY, "target", "drain", "one", "--admin", instance.admin_url]
    command += ["--state", instance.state]

    def run(*more):
        return subprocess.run(
            [*map(str, command), *more], capture_output=True, text=True, timeout=60,
            env=clean_environment(), check=False,
        )  # fmt: skip

    assert run("--ca-file", str(authority.file)).returncode == 0
    refused = run()  # the system's authorities do not know ours
    assert refused.returncode == 4 and "authority that is not trusted here" in refused.stderr
    refused = run("--ca-file", "/none.pem")
    assert refused.returncode == 4 and "/none.pem" in refused.stderr


# What no client gets.

OLD = {
    "TLS 1.0": dict(most=ssl.TLSVersion.TLSv1),
    "TLS 1.1": dict(most=ssl.TLSVersion.TLSv1_1),
    "CBC alone": dict(most=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA256"),
    "no forward secrecy": dict(most=ssl.TLSVersion.TLSv1_2, ciphers="AES128-GCM-SHA256"),
}


@pytest.mark.attack(28)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("what", OLD)
def test_old_versions_and_ciphers_get_an_alert(secure, authority, what):
    """TLS 1.0 and 1.1, CBC alone: a handshake alert."""
    instance = secure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(authority.file))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = OLD[what]["most"]
    context.set_ciphers(OLD[what].get("ciphers", "ALL") + ":@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with listener_tls.connect(instance.app_port, context):
            pass
    eventually(lambda: handshakes(instance, "protocol") == 1, "the refusal is counted")
    assert instance.chat()[0] == 200


@pytest.mark.attack(28)
def test_no_renegotiation(secure, authority):
    """Renegotiation: refused, by an openssl client that asks for it."""
    instance = secure()
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{instance.app_port}", "-tls1_2"]
    with subprocess.Popen(
        [*command, "-CAfile", str(authority.file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as asking:
        out, _ = asking.communicate("R\n", timeout=60)
    assert "RENEGOTIATING" in out and "no renegotiation" in out, out
    assert "Compression: NONE" in out or "Compression" not in out, out


@pytest.mark.attack(29)
def test_plain_http_is_told(secure):
    """Plaintext HTTP on a TLS port: 400, with what to write."""
    instance = secure()
    with socket.create_connection(("127.0.0.1", instance.app_port), timeout=20) as plain:
        plain.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ") and b"https://" in answer
    eventually(lambda: handshakes(instance, "plain_http") == 1, "the refusal is counted")


@pytest.mark.attack(29)
def test_random_bytes_end_the_connection(secure):
    """Random bytes on a TLS port: the connection ends, nothing else does."""
    instance = secure()
    for length in (1, 5, 6, 100, 20_000):
        with socket.create_connection(("127.0.0.1", instance.app_port), timeout=20) as plain:
            plain.sendall(os.urandom(length))
            plain.shutdown(socket.SHUT_WR)
            try:
                while plain.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    assert instance.chat()[0] == 200


def test_a_handshake_has_a_deadline(secure):
    instance = secure()
    with socket.create_connection(("127.0.0.1", instance.app_port), timeout=60) as plain:
        assert plain.recv(1) == b""  # it was we who waited longer
    assert handshakes(instance, "slow") == 1


# Certificates that change.


def test_a_new_pair_is_used_by_itself(secure, authority):
    instance = secure()
    before = listener_tls.shown(instance.app_port, instance.tls)
    listener_tls.replace(instance.pair, authority.leaf("next", HERE, end_days=60))
    for port in (instance.app_port, instance.admin_port):
        eventually(
            lambda port=port: listener_tls.shown(port, instance.tls) != before,
            "the new certificate is shown",
        )
    assert instance.chat()[0] == 200
    assert "certificate and key were read again" in instance.log()


def test_a_bad_pair_leaves_the_good_one(secure, authority):
    instance = secure()
    before = listener_tls.shown(instance.app_port, instance.tls)
    good = {kind: pathlib.Path(instance.pair[kind]).read_bytes() for kind in ("cert", "key")}
    other = authority.leaf("unmatched", HERE)
    listener_tls.replace(instance.pair, {"cert": other["cert"], "key": instance.pair["key"]})
    failed = 'holdfast_tls_reload_failures_total{listener="applications"}'
    eventually(lambda: instance.metrics()[failed] == 1, "the bad pair is counted")
    assert listener_tls.shown(instance.app_port, instance.tls) == before
    assert "the certificate before stays in use: server.tls.key: " in instance.log()
    warnings = eventually(lambda: instance.admin("/api/v1/status")["warnings"], "a warning")
    assert any("is not the key of" in warning for warning in warnings), warnings
    # A reload of the configuration says so too, and changes nothing.
    instance.signal(1)
    eventually(lambda: "reload refused: " in instance.log(), "the reload is refused")
    assert instance.chat()[0] == 200
    for kind, content in good.items():
        pathlib.Path(instance.pair[kind]).write_bytes(content)
    eventually(
        lambda: (
            not any(
                "is not the key" in w
                for w in instance.admin("/api/v1/status")["warnings"]
                if not w.startswith("the last reload")
            )
        ),
        "the warning goes",
    )


def test_a_reload_takes_other_files(secure, authority, fake):
    instance = secure()
    before = listener_tls.shown(instance.app_port, instance.tls)
    pair = authority.leaf("elsewhere", HERE)
    instance.reload(config_for(fake("one"), pair))
    eventually(
        lambda: listener_tls.shown(instance.app_port, instance.tls) != before,
        "the other certificate is shown",
    )


def test_its_end_is_announced(secure):
    instance = secure(days=5)
    expiry = instance.metrics()[
        'holdfast_tls_certificate_expiry_timestamp_seconds{listener="applications"}'
    ]
    with listener_tls.connect(instance.app_port, instance.tls) as stream:
        assert ssl.cert_time_to_seconds(stream.getpeercert()["notAfter"]) == expiry
    warnings = eventually(lambda: instance.admin("/api/v1/status")["warnings"], "a warning")
    assert any("server.tls: the certificate expires in" in one for one in warnings), warnings
    eventually(lambda: "the certificate expires in" in instance.log(), "the log says so")
