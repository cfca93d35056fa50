"""The standby: a real llama-server with the real default model behind the gateway."""

import json
import os
import pathlib
import re
import signal
import time

import pytest
from support import configs, http_client, sse
from support.processes import eventually

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

PATIENT = {
    "connect": "5s",
    "headers": "60s",
    "first_content": "60s",
    "idle": "30s",
    "total": "120s",
}


def config_for(engine, standby="warm", first=None, **local):
    provider = {
        "kind": "llama_cpp",
        "binary": engine["binary"],
        "model": engine["model"],
        "standby": standby,
        "frame": "user_assistant",
        "timeouts": PATIENT,
    } | local
    config = {"providers": {"local": provider}, "models": {"chat": {"policy": "failover"}}}
    targets = [{"provider": "local", "model": "standby"}]
    if first is not None:
        config["providers"][first.name] = configs.provider(first)
        targets.insert(0, {"provider": first.name, "model": "m1"})
    config["models"]["chat"]["targets"] = targets
    return config


def engine_pids(instance) -> list[int]:
    """Processes below the gateway that run llama-server."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == instance.process.pid and b"llama-server" in command[0]:
            found.append(int(entry.name))
    return found


def ask(instance, question, stream=False, **fields):
    message = {"role": "user", "content": question}
    body = {"model": "chat", "messages": [message], "max_tokens": 16} | fields
    body |= {"stream": True} if stream else {}
    return instance.ask("POST", "/v1/chat/completions", body, timeout=120)


def text_of(body) -> str:
    return json.loads(body)["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def warm(module_holdfast, engine):
    instance = module_holdfast(config_for(engine))
    eventually(lambda: local(instance)["state"] == "ready", "the engine is ready", 120)
    return instance


def local(instance) -> dict:
    """What /api/v1/providers says of the standby's engine."""
    providers = instance.admin("/api/v1/providers")["providers"]
    return next(one for one in providers if one["name"] == "local")["engine"]


def test_it_answers(warm):
    status, headers, body = ask(warm, "What is the capital of Italy?", temperature=0)
    assert status == 200, body
    assert headers["x-holdfast-provider"] == "local"
    assert "Rome" in text_of(body)
    assert json.loads(body)["usage"]["completion_tokens"] > 0


def test_it_streams(warm):
    status, _, body = ask(warm, "What is the capital of Italy?", stream=True, temperature=0)
    assert status == 200 and sse.is_whole(body)
    assert "Rome" in sse.text(body)


def test_the_frame_stops_where_the_user_would_speak(warm):
    _, _, body = ask(warm, "Say hello.", temperature=0.8, max_tokens=64)
    assert "User:" not in text_of(body) and "Assistant:" not in text_of(body)


def test_the_clients_own_stop_strings_count_too(warm):
    for stop in ("Rome", ["Rome"], ["x", "Rome"]):
        _, _, body = ask(warm, "What is the capital of Italy?", temperature=0, stop=stop)
        assert "Rome" not in text_of(body)


def test_the_sdk(warm, client):
    api = client(warm, timeout=120)
    stream = api.chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        max_tokens=16,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[-1].usage.completion_tokens > 0


def test_nobody_else_can_ask_the_engine(warm):
    """It listens on loopback, and wants a key that only the gateway has."""
    (pid,) = engine_pids(warm)
    command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert not [part for part in command if part.startswith((b"--api-key=", b"sk-"))]
    assert b"--api-key" not in command, "a key on the command line is seen by everyone"
    port = int(command[command.index(b"--port") + 1])
    assert command[command.index(b"--host") + 1] == b"127.0.0.1"
    with http_client.Connection(port) as connection:
        connection.send(http_client.post("/v1/chat/completions", b'{"messages":[]}'))
        assert connection.answer().status == 401
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, warm.process.pid)


def test_time_to_ready_is_measured(warm):
    assert local(warm)["time_to_ready_s"] > 0
    names = warm.metrics()
    assert [name for name in names if "engine" in name and "ready" in name]


def test_an_engine_that_is_killed_comes_back(warm):
    (pid,) = engine_pids(warm)
    deaths = local(warm)["deaths"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: engine_pids(warm) not in ([], [pid]), "a new engine is started", 60)
    eventually(lambda: local(warm)["state"] == "ready", "the new engine is ready", 60)
    assert local(warm)["deaths"] == deaths + 1
    assert ask(warm, "Hello")[0] == 200


def test_an_engine_that_is_killed_in_mid_answer_ends_in_one_error(warm):
    (pid,) = engine_pids(warm)
    message = [{"role": "user", "content": "Count from one to one thousand: one, two,"}]
    fields = {"model": "chat", "messages": message, "max_tokens": 1500, "stream": True}
    fields |= {"ignore_eos": True, "logit_bias": []}
    with http_client.Connection(warm.app_port, 60) as connection:
        connection.send(http_client.post("/v1/chat/completions", json.dumps(fields).encode()))
        status, headers, _ = connection.head()
        assert status == 200
        pieces = connection.pieces(headers)
        got = next(pieces)
        os.kill(pid, signal.SIGKILL)
        got += b"".join(pieces)
    assert len(sse.errors(got)) == 1 or sse.is_whole(got)
    eventually(lambda: local(warm)["state"] == "ready", "the new engine is ready", 60)


def test_failover_to_the_standby_and_back(holdfast, fake, engine):
    one = fake("one")
    instance = holdfast(config_for(engine, first=one))
    eventually(lambda: local(instance)["state"] == "ready", "the engine is ready", 120)
    assert ask(instance, "Hello")[1]["x-holdfast-provider"] == "one"
    one.behave("status_500")
    status, headers, _ = ask(instance, "What is the capital of Italy?")
    assert status == 200 and headers["x-holdfast-provider"] == "local"
    assert headers["x-holdfast-fallback-reason"] == "server_error"
    one.clear()
    eventually(
        lambda: ask(instance, "Hello")[1]["x-holdfast-provider"] == "one", "back to the first"
    )


def test_a_cold_standby_starts_on_the_first_need(holdfast, fake, engine):
    one = fake("one")
    instance = holdfast(config_for(engine, "cold", first=one))
    assert ask(instance, "Hello")[1]["x-holdfast-provider"] == "one"
    assert engine_pids(instance) == [] and local(instance)["state"] == "stopped"
    one.behave("reset")
    start = time.monotonic()
    status, headers, body = ask(instance, "What is the capital of Italy?", temperature=0)
    took = time.monotonic() - start
    assert status == 200 and headers["x-holdfast-provider"] == "local", body
    ready = local(instance)["time_to_ready_s"]
    print(f"cold standby: ready after {ready:.2f} s, first answer after {took:.2f} s")
    assert 0 < ready < took + 1
    (pid,) = engine_pids(instance)
    assert instance.stop() == 0
    assert not pathlib.Path(f"/proc/{pid}").exists(), "the engine ends with the gateway"


def test_a_killed_gateway_takes_its_engine_along(holdfast, engine):
    instance = holdfast(config_for(engine))
    (pid,) = eventually(lambda: engine_pids(instance), "the engine is started")
    instance.kill()
    eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the engine has ended too")


def test_an_engine_that_cannot_start_fails_over(holdfast, fake, engine, tmp_path):
    broken = tmp_path / "model.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    two = fake("two")
    config = config_for({**engine, "model": str(broken)}, "cold", start_timeout="5s")
    config["providers"]["two"] = configs.provider(two)
    config["models"]["chat"]["targets"].append({"provider": "two", "model": "m2"})
    instance = holdfast(config)
    status, headers, _ = ask(instance, "Hello")
    assert status == 200 and headers["x-holdfast-provider"] == "two"


def test_a_model_that_is_not_there_is_told(holdfast, fake, engine):
    """The other targets serve on; readiness names the file."""
    two = fake("two")
    config = config_for({**engine, "model": "/nowhere/model.gguf"}, first=two)
    instance = holdfast(config)
    assert ask(instance, "Hello")[1]["x-holdfast-provider"] == "two"
    eventually(lambda: local(instance)["state"] == "failed", "the engine is given up")
    _, _, body = instance.ask("GET", "/readyz", admin=True)
    assert b"/nowhere/model.gguf" in body


QUESTIONS = (
    "What is the capital of Italy, and what is it known for?",
    "Name the four seasons and say what each is like.",
)


def test_it_goes_on_with_what_another_began(holdfast, engine, fake):
    """Its own answers, cut off at a provider at every other word, come out as they were."""
    one = fake("one", family="openai")
    config = config_for(engine)
    health = {"failures": 1000, "error_rate": 100, "min_requests": 1000, "slow_factor": 0}
    config["providers"]["one"] = configs.of_family(one, health=health)
    alone = config["models"]["chat"]["targets"]
    config["models"]["alone"] = {"policy": "failover", "targets": alone}
    targets = [{"provider": "one", "model": "m1"}, *alone]
    config["models"]["chat"] |= {"midstream": "continue", "targets": targets}
    instance = holdfast(config)
    eventually(lambda: local(instance)["state"] == "ready", "the engine is ready", 120)
    greedy = {"temperature": 0, "max_tokens": 24}
    cuts = same = 0
    for question in QUESTIONS:
        whole = text_of(ask(instance, question, model="alone", **greedy)[2])
        words = re.findall(r"\s*\S+", whole)
        for count in range(1, min(len(words), 12), 2):
            told = "".join(words[:count])
            one.behave("cut_after", after=count, text=told + " END", goes_on=1)
            status, headers, body = ask(instance, question, stream=True, **greedy)
            assert status == 200 and headers["x-holdfast-provider"] == "one"
            assert sse.is_whole(body), body
            text = sse.text(body)
            rest = text[len(told) :]
            print(f"{told}|{rest}")
            assert text.startswith(told) and len({c["id"] for c in sse.chunks(body)}) == 1
            # Nothing is said twice at the seam, be it all of the text or its last word, and no
            # space is missing.
            assert not rest.strip().startswith((told, words[count - 1].strip() + " "))
            assert not rest or not rest[0].isalnum()
            cuts += 1
            same += whole.startswith(text) or text.startswith(whole)
    print(f"{same} of {cuts} as they were")
    assert cuts >= 6 and same >= cuts // 2
