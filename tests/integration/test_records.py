"""What is kept of every attempt: who, what, how long, how much; never what was said."""

import json
import resource
import time

import pytest
from support import configs, http_client
from support.processes import eventually

pytestmark = pytest.mark.asan

SECRET = "the-prompt-nobody-keeps"


def one_attempt(instance, path="/v1/chat/completions", **body) -> dict:
    body = {"model": "chat"} | body
    if "embeddings" not in path and "prompt" not in body:
        body.setdefault("messages", [{"role": "user", "content": SECRET}])
    status, headers, _ = instance.ask("POST", path, body)
    assert status == 200
    (attempt,) = instance.attempts_of(headers["x-request-id"], 1)
    return attempt


@pytest.fixture(scope="module")
def gateway(module_holdfast, module_fake):
    config = configs.through(module_fake("one"))
    target = {"provider": "one", "model": "m1+good;reasoning=1"}
    config["models"]["thinking"] = {"policy": "failover", "targets": [target]}
    target = {"provider": "one", "model": "m1+good;usage=missing"}
    config["models"]["no-usage"] = {"policy": "failover", "targets": [target]}
    return module_holdfast(config)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_attempt(gateway, stream):
    before = time.time() * 1e6
    attempt = one_attempt(gateway, stream=stream)
    assert attempt["provider"] == "one" and attempt["model"] == "m1"
    assert attempt["logical_model"] == "chat" and attempt["endpoint"] == "chat_completions"
    assert attempt["attempt"] == 1 and attempt["failure"] == "none" and attempt["status"] == 200
    assert attempt["answer_status"] == 200 and attempt["committed"] and not attempt["client_left"]
    assert attempt["tokens_in"] > 0 and attempt["tokens_out"] == 5
    assert attempt["tokens_cached"] == 2 and attempt["tokens_reasoning"] == 0
    assert attempt["usage_from_provider"] is True
    assert before - 1e6 < attempt["started_us"] <= attempt["ended_us"] < time.time() * 1e6 + 1e6
    assert 0 < attempt["first_content_us"] <= attempt["total_us"]
    assert attempt["bytes_sent"] > 50 and attempt["bytes_received"] > 300
    assert attempt["upstream_request_id"].startswith("req_")
    assert attempt["features"] == (["stream"] if stream else [])


def test_reasoning_tokens(gateway):
    for stream in (False, True):
        attempt = one_attempt(gateway, model="thinking", stream=stream)
        assert attempt["tokens_reasoning"] == 3 and attempt["tokens_out"] == 8


def test_no_usage_is_null_not_zero(gateway):
    attempt = one_attempt(gateway, model="no-usage")
    assert attempt["tokens_in"] is None and attempt["usage_from_provider"] is False


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a"}}
FEATURES = [
    ({}, set()),
    ({"stream": True}, {"stream"}),
    ({"tools": [TOOL]}, {"tools"}),
    ({"tools": [TOOL], "parallel_tool_calls": True}, {"tools", "parallel_tools"}),
    ({"response_format": SCHEMA}, {"schema"}),
    ({"response_format": {"type": "json_object"}}, {"json_object"}),
    ({"messages": [{"role": "user", "content": [PIXEL]}]}, {"images"}),
    ({"messages": [{"role": "user", "content": [SOUND]}]}, {"audio"}),
    ({"messages": [{"role": "user", "content": [PAPER, PIXEL]}]}, {"files", "images"}),
    ({"reasoning_effort": "low"}, {"reasoning"}),
    ({"logprobs": True, "n": 2}, {"logprobs", "n_many"}),
    ({"stop": ["a"], "seed": 7}, {"stop", "seed"}),
    ({"metadata": {"a": "b"}, "store": True}, {"metadata", "stored"}),
]


@pytest.mark.parametrize(("fields", "features"), FEATURES)
def test_features(gateway, fields, features):
    assert set(one_attempt(gateway, **fields)["features"]) == features


def test_the_other_endpoints(gateway):
    legacy = one_attempt(gateway, "/v1/completions", prompt="Once")
    assert legacy["endpoint"] == "completions" and legacy["tokens_out"] == 5
    embedding = one_attempt(gateway, "/v1/embeddings", input="a")
    assert embedding["endpoint"] == "embeddings" and embedding["tokens_in"] > 0
    assert embedding["tokens_out"] in (None, 0)


def test_each_attempt_of_a_request(holdfast, fake):
    one, two, three = fake(), fake(), fake()
    config = configs.through(one, two, three)
    one.behave("status_503")
    two.listen(False)
    instance = holdfast(config)
    _, headers, _ = instance.chat()
    attempts = instance.attempts_of(headers["x-request-id"], 3)
    assert [a["attempt"] for a in attempts] == [1, 2, 3]
    assert [a["failure"] for a in attempts] == ["overloaded", "connect", "none"]
    assert [a["status"] for a in attempts] == [503, None, 200]
    assert [a["committed"] for a in attempts] == [False, False, True]
    assert one.receipts()[0]["request_id"].startswith(headers["x-request-id"])


def test_keys_by_name(holdfast, fake):
    config = configs.through(fake()) | {"keys": {"app": {"key": "env:APP"}}}
    instance = holdfast(config, env={"APP": "sk-app-secret-value"})
    auth = {"authorization": "Bearer sk-app-secret-value"}
    _, headers, _ = instance.chat(headers=auth)
    (attempt,) = instance.attempts_of(headers["x-request-id"], 1)
    assert attempt["key_name"] == "app"


def test_nothing_of_the_content_is_kept(gateway):
    for stream in (False, True):
        one_attempt(gateway, stream=stream)
    for file in gateway.state.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert SECRET.encode() not in content, file
            assert b"Hello from one" not in content, file


def test_records_outlive_a_restart(holdfast, fake):
    config = configs.through(fake())
    first = holdfast(config)
    ids = [first.chat()[1]["x-request-id"] for _ in range(20)]
    assert first.stop() == 0
    second = holdfast(config, state=first.state)
    found = eventually(
        lambda: len(got := second.attempts()) == 20 and got, "20 records after the restart"
    )
    assert [record["request_id"] for record in found] == ids[::-1]
    assert {record["state"] for record in found} == {"settled"}


def test_a_full_page_walk_sees_each_once_while_more_arrive(holdfast, fake):
    instance = holdfast(configs.through(fake()))
    ids = [instance.chat()[1]["x-request-id"] for _ in range(60)]
    instance.attempts_of(ids[-1], 1)
    eventually(lambda: len(instance.attempts()) == 60, "60 records")
    walked, cursor = [], ""
    while True:
        page = instance.admin(f"/api/v1/requests?limit=7{cursor}")
        walked += [record["request_id"] for record in page["data"]]
        instance.chat()  # shifts nothing
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert walked == ids[::-1]


@pytest.mark.attack(95)
def test_a_full_disk_does_not_stop_serving(holdfast, fake):
    """Answers go on, readiness warns, and records are kept again when there is room."""
    instance = holdfast(configs.through(fake()))
    assert instance.chat()[0] == 200
    # The limit on file sizes stands in for a full disk.
    pid = instance.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    for _ in range(20):
        assert instance.chat()[0] == 200
    eventually(lambda: instance.metrics()["holdfast_records_lossy"] == 1, "the metric says so")
    status, _, body = instance.ask("GET", "/readyz", admin=True)
    assert status in (200, 503) and b"record" in body
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    eventually(
        lambda: instance.chat()[0] == 200 and instance.metrics()["holdfast_records_lossy"] == 0,
        "it recovers",
    )
    eventually(lambda: instance.attempts("limit=1"), "records are read again")


@pytest.mark.attack(76)
def test_a_stream_left_by_its_client_is_settled(holdfast, fake):
    instance = holdfast(configs.misbehaving(fake(), "stall_after_2"))
    body = {"model": "chat", "stream": True, "messages": []}
    with http_client.Connection(instance.app_port) as connection:
        connection.send(http_client.post("/v1/chat/completions", json.dumps(body).encode()))
        _, headers, _ = connection.head()
        next(connection.pieces(headers))
    (attempt,) = instance.attempts_of(dict(headers)["x-request-id"], 1)
    assert attempt["client_left"] and attempt["bytes_received"] > 0 and attempt["committed"]
