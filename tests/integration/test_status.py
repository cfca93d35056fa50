"""What a client is told when every target failed: the class's own status, 503 when they differ."""

import json

import pytest
from support import configs

pytestmark = pytest.mark.asan

# (behaviours of the targets, status, code or None for any, headers that must be there)
FINAL = [
    (["status_401"], 502, "upstream_auth", {}),
    (["status_401", "status_403"], 502, "upstream_auth", {}),
    (["status_402"], 429, "insufficient_quota", {"x-should-retry": "false"}),
    (["insufficient_quota"], 429, "insufficient_quota", {"x-should-retry": "false"}),
    (["insufficient_quota", "status_402"], 429, "insufficient_quota", {"x-should-retry": "false"}),
    (["status_429;retry_after=7"], 429, "rate_limit_exceeded", {"retry-after": "7"}),
    (["status_503"], 503, None, {}),
    (["status_529", "status_503"], 503, None, {}),
    (["status_500"], 502, None, {}),
    (["status_502", "status_500"], 502, None, {}),
    (["reset"], 502, None, {}),
    (["redirect"], 502, None, {}),
    (["malformed_json"], 502, None, {}),
    (["truncated_body"], 502, None, {}),
    (["bad_header_nul"], 502, None, {}),
    (["error_in_200"], 502, None, {}),
    (["status_404"], 502, None, {}),
    (["status_408"], 504, None, {}),
    (["blackhole"], 504, None, {}),
    (["status_401", "status_500"], 503, None, {}),
    (["status_429", "blackhole"], 503, None, {}),
    (["insufficient_quota", "status_429"], 503, None, {}),
]


WHOLE_ONLY = ("malformed_json", "truncated_body")
CASES = [
    pytest.param(*row, stream, id="+".join(row[0]) + ("-stream" if stream else "-whole"))
    for row in FINAL
    for stream in (False, True)
    if not (stream and row[0][0] in WHOLE_ONLY)
]


@pytest.mark.parametrize(("behaviours", "status", "code", "headers", "stream"), CASES)
def test_final(holdfast, fake, behaviours, status, code, headers, stream):
    fakes = [fake() for _ in behaviours]
    config = configs.through(*fakes, timeouts=configs.SHORT)
    for target, behaviour in zip(config["models"]["chat"]["targets"], behaviours, strict=True):
        target["model"] = f"m1+{behaviour}"
    got, found, body = holdfast(config).chat(stream=stream)
    assert got == status, body
    assert found["content-type"].startswith("application/json")
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code, error
    assert found["x-holdfast-attempts"] == str(len(behaviours))
    for name, value in headers.items():
        assert found[name] == value
    # Nothing of the upstream's secrets or of ours.
    assert b"sk-up" not in body and b"127.0.0.1" not in body


def test_ours_and_theirs_are_told_apart(holdfast, fake):
    """A 401 of the upstream is never a 401 of ours: the caller's key is fine."""
    instance = holdfast(configs.misbehaving(fake("one"), "status_401"))
    status, headers, _ = instance.chat()
    assert status == 502 and "www-authenticate" not in headers


def test_connect_refused_everywhere_is_502(holdfast, fake):
    one, two = fake(), fake()
    instance = holdfast(configs.through(one, two))
    one.listen(False)
    two.listen(False)
    status, headers, _ = instance.chat()
    assert status == 502 and headers["x-holdfast-attempts"] == "2"


def test_a_context_too_long_everywhere_is_the_callers(holdfast, fake):
    one, two = fake(), fake()
    config = configs.through(one, two)
    for target in config["models"]["chat"]["targets"]:
        target["model"] = "m1+context_length_exceeded"
    status, _, body = holdfast(config).chat()
    assert status == 400
    assert json.loads(body)["error"]["code"] == "context_length_exceeded"
