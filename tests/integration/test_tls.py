"""TLS to upstreams: chains, dates and names are checked; nothing is sent to one who fails."""

import json

import pytest
from support import configs

pytestmark = pytest.mark.asan


def config_for(one, **provider):
    config = configs.through(one)
    config["providers"]["one"] |= provider
    return config


def test_a_good_certificate(holdfast, fake, authority):
    one = fake("one", tls=authority.leaf("good", ["127.0.0.1", "localhost"]))
    instance = holdfast(config_for(one, ca_file=str(authority.file)))
    for stream in (False, True):
        assert instance.chat(stream=stream)[0] == 200
    assert one.state()["connections"] <= 2  # kept and used again


def test_a_name_is_checked_too(holdfast, fake, authority):
    one = fake("one", tls=authority.leaf("named", ["localhost"]))
    url = one.base_url.replace("127.0.0.1", "localhost")
    instance = holdfast(config_for(one, ca_file=str(authority.file), base_url=url))
    assert instance.chat()[0] == 200


BAD = {
    "expired": dict(hosts=["127.0.0.1"], start_days=-20, end_days=-10),
    "not yet valid": dict(hosts=["127.0.0.1"], start_days=10, end_days=20),
    "wrong host": dict(hosts=["example.com"]),
    "wrong address": dict(hosts=["127.0.0.2"]),
    "a wildcard is no address": dict(hosts=["*"]),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_certificate(holdfast, fake, authority, what):
    one = fake("one", tls=authority.leaf(what.replace(" ", "-"), **BAD[what]))
    check_refused(holdfast(config_for(one, ca_file=str(authority.file))), one)


def test_an_untrusted_authority(holdfast, fake, authority, stranger):
    one = fake("one", tls=stranger.leaf("untrusted", ["127.0.0.1"]))
    check_refused(holdfast(config_for(one, ca_file=str(authority.file))), one)


def test_the_systems_roots_do_not_know_ours(holdfast, fake, authority):
    one = fake("one", tls=authority.leaf("unknown", ["127.0.0.1"]))
    check_refused(holdfast(config_for(one)), one)


def check_refused(instance, one):
    status, _, body = instance.chat()
    assert status == 502, body
    assert json.loads(body)["error"]["message"]
    assert one.receipts() == [] and one.state()["requests"] == 0


def test_a_bad_certificate_fails_over(holdfast, fake, authority):
    one = fake("one", tls=authority.leaf("late", ["127.0.0.1"], start_days=-20, end_days=-10))
    two = fake("two")
    config = configs.through(one, two)
    config["providers"]["one"]["ca_file"] = str(authority.file)
    status, headers, _ = holdfast(config).chat()
    assert status == 200 and headers["x-holdfast-fallback-reason"] == "tls"


@pytest.mark.parametrize("content", [None, "", "not a certificate", "-----BEGIN CERTIFICATE-----"])
def test_a_ca_file_that_is_none_is_refused_at_the_start(holdfast, fake, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    one = fake("one")
    config = config_for(one, ca_file=str(path), base_url="https://127.0.0.1:1/v1")
    instance = holdfast(config, wait=False)
    assert instance.process.wait(20) == 1
    instance.expected_exit = True
    assert "ca_file" in instance.log() + instance.output()


def test_a_cut_inside_tls_is_a_cut(holdfast, fake, authority):
    one = fake("one", tls=authority.leaf("cut", ["127.0.0.1"]))
    config = config_for(one, ca_file=str(authority.file))
    config["models"]["chat"]["targets"][0]["model"] = "m1+cut_after_2"
    _, _, body = holdfast(config).chat(stream=True)
    assert body.count(b'"error"') == 1
