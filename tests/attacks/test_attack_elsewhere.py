"""Requests, configurations and providers that would send Holdfast to where it must not go."""

import json
import re
import socket
import subprocess
import threading

import pytest
from support import configs, http_client
from support.processes import BINARY, clean_environment, eventually
from support.scripted import Scripted
from support.sockets import unused_port

pytestmark = pytest.mark.asan

PATH = "/v1/chat/completions"


class Trap:
    """A listener of loopback to which nobody may connect."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.visitors = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.visitors.append(connection.getpeername())
            connection.close()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.stop()


def checked(folder, config) -> str:
    """What `config check` says is wrong; fails when it takes the configuration."""
    file = folder / "holdfast.yaml"
    file.write_text(json.dumps(config, indent=2))
    done = subprocess.run(
        [str(BINARY), "config", "check", str(file)],
        env=clean_environment({"HOOK": "whsec-0123456789abcdef0123456789"}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return done.stdout


def leading_to(url: str, **fields) -> dict:
    one = {"kind": "openai_compatible", "base_url": url, "timeouts": configs.SHORT} | fields
    return {
        "providers": {"one": one},
        "models": {"chat": {"targets": [{"provider": "one", "model": "m"}]}},
    }


# What a request names is never fetched.


def asked_with_url(url: str):
    """Each dialect's way to name something that lies elsewhere: (path, body)."""
    image = {"type": "image_url", "image_url": {"url": url}}
    yield PATH, {"model": "chat", "messages": [{"role": "user", "content": [image]}]}
    part = {"type": "input_image", "image_url": url}
    document = {"type": "input_file", "file_url": url}
    for each in (part, document):
        said = {"role": "user", "content": [each]}
        yield "/v1/responses", {"model": "chat", "store": False, "input": [said]}
    for kind in ("image", "document"):
        block = {"type": kind, "source": {"type": "url", "url": url}}
        said = [{"role": "user", "content": [block]}]
        yield "/v1/messages", {"model": "chat", "max_tokens": 9, "messages": said}
    data = {"fileData": {"mimeType": "image/png", "fileUri": url}}
    yield (
        "/v1beta/models/chat:generateContent",
        {"contents": [{"role": "user", "parts": [data]}]},
    )


@pytest.mark.attack(43, 44)
@pytest.mark.parametrize("form", ["127.0.0.1", "2130706433", "0x7F000001", "127.1"])
@pytest.mark.parametrize("family", ["openai", "anthropic"])
def test_urls_in_requests_are_never_fetched(holdfast, fake, trap, family, form):
    """Images and files by URL, in four dialects, passed on and translated: nobody connects."""
    one = fake("one", family="anthropic") if family == "anthropic" else fake("one")
    config = configs.through(one)
    if family == "anthropic":
        config["providers"]["one"] = configs.of_family(one)
    gateway = holdfast(config)
    url = f"http://{form}:{trap.port}/latest/meta-data"
    for path, body in asked_with_url(url):
        status, _, answer = gateway.ask("POST", path, body, {"anthropic-version": "2023-06-01"})
        assert status in (200, 400), (path, answer)
        assert status == 200 or json.loads(answer)["error"]["message"]
    # Whoever looks things up later would do it before this one is answered.
    assert gateway.chat()[0] == 200
    assert trap.visitors == []


# Where providers may be.

NEVER = [
    "169.254.169.254", "0.0.0.0", "[::]", "[::ffff:169.254.169.254]", "[fe80::1]", "224.0.0.1",
    # No addresses, whatever a resolver would make of them.
    "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "127.1", "0", "169.254.169.254.",
    "[fe80::1%25eth0]", "1.2.3.4.5", "[1.2.3.4]", "[::1",
]  # fmt: skip


@pytest.mark.attack(44)
@pytest.mark.parametrize("host", NEVER)
def test_internal_addresses_in_every_spelling_are_refused(binary, tmp_path, host):
    said = checked(tmp_path, leading_to(f"https://{host}/v1", network="private"))
    assert re.search(r"holdfast\.yaml:\d+:\d+: providers\.one\.base_url: ", said), said


UNREACHABLE = [
    "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fec0::1]", "198.18.0.1", "240.0.0.1",
    "168.63.129.16", "100.100.100.200", "192.0.0.192", "[fd00:ec2::254]", "[2001::1]",
    "192.0.2.1", "255.255.255.255",
]  # fmt: skip


@pytest.mark.attack(45)
@pytest.mark.invariant("CVE-2026-55245", "CVE-2025-66405")
@pytest.mark.parametrize("host", UNREACHABLE)
def test_reserved_addresses_are_not_connected_to_even_with_leave(holdfast, host):
    """Tunnels, translated and reserved ranges, metadata of clouds: the connector itself refuses."""
    gateway = holdfast(leading_to(f"https://{host}/v1", network="private"))
    status, _, body = gateway.chat()
    assert (status, json.loads(body)["error"]["code"]) == (502, "connect"), body
    (target,) = gateway.admin("/api/v1/providers")["providers"][0]["targets"]
    assert "where no provider can be" in target["last_failure"]["detail"]


@pytest.mark.attack(45)
@pytest.mark.parametrize(
    "host", ["100.64.0.1", "10.0.0.1", "172.31.255.1", "192.168.1.1", "[fd12::1]"]
)
def test_private_addresses_need_leave(binary, tmp_path, host):
    said = checked(tmp_path, leading_to(f"https://{host}/v1"))
    assert "an address in a private range; write network: private if it is meant" in said


@pytest.mark.attack(46)
@pytest.mark.invariant("CVE-2025-66405")
def test_a_name_that_leads_inside_is_refused_at_the_connection(holdfast, fake):
    """The name passes the configuration; the address that it leads to is looked at."""
    names = [
        name
        for name in (socket.gethostname(), "ip6-localhost", "localhost.localdomain")
        if leads_to_loopback(name)
    ]
    if not names:
        pytest.skip("no name of this machine but localhost leads to loopback")
    one = fake("one")
    gateway = holdfast(leading_to(f"https://{names[0]}:{one.port}/v1"))
    status, _, body = gateway.chat()
    assert (status, json.loads(body)["error"]["code"]) == (502, "connect"), body
    (target,) = gateway.admin("/api/v1/providers")["providers"][0]["targets"]
    assert "network: private" in target["last_failure"]["detail"], target["last_failure"]
    assert one.state()["connections"] == 0


def leads_to_loopback(name: str) -> bool:
    try:
        found = {each[4][0] for each in socket.getaddrinfo(name, 1)}
    except OSError:
        return False
    return bool(found) and all(address.startswith("127.") or address == "::1" for address in found)


BAD_URLS = [
    "file:///etc/passwd", "gopher://x/", "jar:http://x!/", "ftp://x/", "http:127.0.0.1/", "//x/v1",
    "https://user@x/", "https://user:password@x/", "https:\\\\x\\v1", "https://x\\@y/",
    "https://\u24d4\u24e7ample.com/", "https://x/a/../b", "https://x/./b", "https://x/?a=b",
    "https://x/#a", "https://x:0/", "https://x:65536/", "https:///v1", "https://x..y/",
    "https://x/a b", "https://x/\tv1", "http://example.com/v1",
]  # fmt: skip


@pytest.mark.attack(48)
@pytest.mark.parametrize("url", BAD_URLS)
def test_odd_base_urls_are_refused(binary, tmp_path, url):
    """Also the user's name is not repeated, which may be a password."""
    said = checked(tmp_path, leading_to(url))
    assert re.search(r"holdfast\.yaml:\d+:\d+: providers\.one\.base_url: ", said), said
    assert "password@" not in said


@pytest.mark.attack(48)
def test_escapes_in_a_base_url_are_sent_as_they_are(holdfast, fake):
    """An escaped escape is not undone on the way."""
    one = fake("one")
    gateway = holdfast(leading_to(f"http://127.0.0.1:{one.port}/a%2561b"))
    gateway.chat()
    (receipt,) = one.receipts()
    assert receipt["path"] == "/a%2561b/chat/completions"


# Round and round.


@pytest.mark.attack(49)
@pytest.mark.invariant("Portkey #1507")
@pytest.mark.parametrize("side", ["server", "admin"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_gateway_itself_is_no_provider(binary, tmp_path, side, host):
    config = leading_to(f"http://{host}:18088/v1") | {side: {"listen": "127.0.0.1:18088"}}
    said = checked(tmp_path, config)
    assert "providers.one.base_url: leads to Holdfast itself" in said, said


@pytest.mark.attack(49)
def test_a_reload_into_a_loop_is_refused(holdfast, fake):
    """The old configuration serves on."""
    port, one = unused_port(), fake("one")
    listen = {"server": {"listen": f"127.0.0.1:{port}"}}
    gateway = holdfast(configs.through(one) | listen)
    gateway.reload(leading_to(f"http://127.0.0.1:{port}/v1") | listen)
    eventually(lambda: "leads to Holdfast itself" in gateway.log(), "the refusal in the log")
    assert gateway.chat()[0] == 200


# Redirects.


@pytest.mark.attack(47)
@pytest.mark.invariant("CVE-2026-55245")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_redirects_are_not_followed(holdfast, trap, stream):
    """Not to another port, not with the credential."""
    head = f"text/plain\r\nlocation: http://127.0.0.1:{trap.port}/"
    one = Scripted("one", lambda _: (302, head, []))
    gateway = holdfast(leading_to(one.base_url))
    status, _, body = gateway.chat(stream=stream)
    one.stop()
    assert (status, json.loads(body)["error"]["code"]) == (502, "redirect")
    assert len(one.paths) == 1
    assert trap.visitors == []


# Webhooks.


def hooked(url, secret="env:HOOK") -> dict:
    hook = {"url": url} | ({"secret": secret} if secret else {})
    rule = {"kind": "error_rate", "above": "5", "notify": ["pager"]}
    return leading_to("https://x.example/v1") | {
        "alerts": {"webhooks": {"pager": hook}, "rules": {"errors": rule}}
    }


@pytest.mark.attack(92)
@pytest.mark.parametrize(
    ("url", "secret", "key", "says"),
    [
        ("http://example.com/hook", "env:HOOK", "url", "in the clear"),
        ("http://169.254.169.254/", "env:HOOK", "url", "in the clear"),
        ("file:///etc/passwd", "env:HOOK", "url", "the scheme is neither https nor http"),
        ("https://a:b@example.com/", "env:HOOK", "url", "a user name or password"),
        ("https://example.com/hook", None, "secret", "missing"),
        ("https://example.com/hook", "env:NOT_SET", "secret", "NOT_SET"),
        ("https://example.com/hook", "", "secret", ""),
        ("https://example.com/hook", "written-out-0123456789", "secret", "never written here"),
    ],
)
def test_webhooks_need_a_secret_and_a_safe_way(binary, tmp_path, url, secret, key, says):
    said = checked(tmp_path, hooked(url, secret))
    assert f"alerts.webhooks.pager.{key}: " in said and says in said, said
    assert "written-out" not in said


@pytest.mark.attack(92)
def test_an_empty_secret_of_a_webhook_stops_the_start(holdfast):
    instance = holdfast(hooked("https://example.com/hook"), env={"HOOK": ""}, wait=False)
    instance.expected_exit = True
    assert instance.process.wait(20) == 1
    assert "alerts.webhooks.pager.secret" in instance.log() + instance.output()


@pytest.mark.attack(92)
@pytest.mark.invariant("CVE-2025-66405")
def test_a_webhook_that_leads_inside_is_not_connected_to(holdfast, fake):
    """The connection is refused where providers' are; requests are not hindered."""
    one = fake("one")
    config = hooked("https://169.254.169.254/hook") | configs.through(one)
    config["alerts"]["rules"]["errors"] |= {"over": "1m", "at_least": 5}
    gateway = holdfast(config, env={"HOOK": "whsec-0123456789abcdef0123456789"})
    one.behave("status_500")
    for _ in range(8):
        gateway.chat()
    eventually(
        lambda: "where no provider can be" in gateway.log(), "the refused webhook in the log", 60
    )
    one.behave("good")
    eventually(lambda: gateway.chat()[0] == 200, "requests go on")


# Keys beside their host.


@pytest.mark.attack(42)
@pytest.mark.invariant("CVE-2024-6587")
@pytest.mark.parametrize(
    "field", ["base_url", "api_base", "api_key", "extra_headers", "user_config"]
)
def test_no_dialect_takes_fields_that_lead_elsewhere(holdfast, fake, trap, field):
    one = fake("one")
    gateway = holdfast(configs.through(one))
    value = f"http://127.0.0.1:{trap.port}/v1"
    for path, body in asked_with_url("data:image/png;base64,AAAA"):
        status, _, answer = gateway.ask(
            "POST", path, body | {field: value}, {"anthropic-version": "2023-06-01"}
        )
        assert status == 400 and str(trap.port) not in answer.decode(), (path, answer)
    assert one.receipts() == [] and trap.visitors == []


@pytest.mark.attack(12)
def test_never_an_open_proxy(holdfast, fake, trap):
    gateway = holdfast(configs.through(fake("one")))
    for line in (
        f"GET http://127.0.0.1:{trap.port}/ HTTP/1.1",
        f"CONNECT 127.0.0.1:{trap.port} HTTP/1.1",
        f"POST http://127.0.0.1:{trap.port}{PATH} HTTP/1.1",
    ):
        with http_client.Connection(gateway.app_port) as connection:
            host = f"\r\nHost: 127.0.0.1:{trap.port}\r\nContent-Length: 0\r\n\r\n"
            connection.send((line + host).encode())
            assert connection.answer().status in (400, 404, 405), line
    assert trap.visitors == []
