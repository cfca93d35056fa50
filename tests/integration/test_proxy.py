"""HTTPS_PROXY and NO_PROXY, as curl reads them; loopback is never asked through a proxy."""

import base64

import pytest
from support import configs
from support.proxy import Proxy

pytestmark = pytest.mark.asan

NAME = "upstream.example"


@pytest.fixture
def one(fake, authority):
    return fake("one", tls=authority.leaf("proxied", [NAME, "127.0.0.1"]))


@pytest.fixture
def config(one, authority):
    made = configs.through(one)
    made["providers"]["one"] |= {
        "base_url": f"https://{NAME}/v1",
        "ca_file": str(authority.file),
        "timeouts": configs.LONG | {"connect": "2s"},
    }
    return made


@pytest.fixture
def proxy(one):
    made = Proxy({f"{NAME}:443": ("127.0.0.1", one.port)})
    yield made
    made.close()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_the_proxy_is_asked(holdfast, config, one, proxy, variable):
    instance = holdfast(config, env={variable: f"http://127.0.0.1:{proxy.port}"})
    for stream in (False, True):
        assert instance.chat(stream=stream)[0] == 200
    assert proxy.asked[0].startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n")
    assert f"Host: {NAME}:443" in proxy.asked[0].replace("host:", "Host:")
    assert "sk-upstream" not in "".join(proxy.asked)
    assert len(one.receipts()) == 2


def test_the_proxys_own_password(holdfast, config, proxy):
    url = f"http://us%65r:pa%3Ass@127.0.0.1:{proxy.port}"
    assert holdfast(config, env={"HTTPS_PROXY": url}).chat()[0] == 200
    sent = base64.b64encode(b"user:pa:ss").decode()
    assert f"Basic {sent}" in proxy.asked[0]


REFUSALS = [
    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nabc",
    b"nonsense\r\n\r\n",
    b"",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_proxy_that_refuses_is_a_failure_to_connect(holdfast, config, fake, answer):
    refusing = Proxy({}, refuse=answer or b" ")
    two = fake("two")
    config["providers"]["two"] = configs.provider(two)
    config["models"]["chat"]["targets"].append({"provider": "two", "model": "m2"})
    instance = holdfast(config, env={"HTTPS_PROXY": f"http://127.0.0.1:{refusing.port}"})
    status, headers, _ = instance.chat()
    assert status == 200 and headers["x-holdfast-fallback-reason"] == "connect"
    refusing.close()


@pytest.mark.parametrize("exempt", ["*", NAME, ".example", "example", f"other.org, {NAME}:443"])
def test_no_proxy(holdfast, config, proxy, exempt):
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": exempt}
    status, _, _ = holdfast(config, env=environment).chat()
    assert status in (502, 504)  # asked directly, and that name does not exist
    assert proxy.asked == []


@pytest.mark.parametrize("exempt", ["other.example", "stream.example", "upstream.example.org", ""])
def test_no_proxy_names_others(holdfast, config, proxy, exempt):
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": exempt}
    assert holdfast(config, env=environment).chat()[0] == 200


def test_loopback_is_never_proxied(holdfast, fake, authority, proxy):
    one = fake("near", tls=authority.leaf("near", ["127.0.0.1", "localhost"]))
    environment = {
        name: f"http://127.0.0.1:{proxy.port}"
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
    }
    for host in ("127.0.0.1", "localhost"):
        config = configs.through(one)
        config["providers"]["near"] |= {
            "base_url": one.base_url.replace("127.0.0.1", host),
            "ca_file": str(authority.file),
        }
        assert holdfast(config, env=environment).chat()[0] == 200
    assert proxy.asked == []


def test_plain_http_upstreams_are_not_sent_to_the_https_proxy(holdfast, fake, proxy):
    plain = fake("plain")
    instance = holdfast(
        configs.through(plain), env={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
    )
    assert instance.chat()[0] == 200 and proxy.asked == []
