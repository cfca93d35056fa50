"""What README promises of ./dev: up, ask it as printed, up again, a port that is taken, down."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engine


def dev(state: pathlib.Path, *arguments: str, timeout: int = 300) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(ROOT / "dev"), *arguments],
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def standby_on(tmp_path: pathlib.Path, applications: int, administration: int) -> str:
    text = (ROOT / "examples/standby.yaml").read_text()
    assert "127.0.0.1:8080" in text and "127.0.0.1:8081" in text
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{applications}")
    config = tmp_path / "standby.yaml"
    config.write_text(text.replace("127.0.0.1:8081", f"127.0.0.1:{administration}"))
    return str(config)


def shell(text: str) -> str:
    done = subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(400)
def test_up_answers_as_printed_and_down_stops_it(tmp_path: pathlib.Path):
    config = standby_on(tmp_path, 0, 0)
    up = dev(tmp_path, "up", "--detach", "--config", config)
    try:
        assert up.returncode == 0, up.stdout
        curl = re.search(r"^curl .*?\n.*$", up.stdout, flags=re.MULTILINE).group(0)
        answer = json.loads(shell(curl))
        assert answer["choices"][0]["message"]["content"].strip(), answer
        python = re.search(r"^\S+python - <<'PY'\n.*?^PY$", up.stdout, re.MULTILINE | re.DOTALL)
        assert shell(python.group(0)).strip()

        started = time.monotonic()
        again = dev(tmp_path, "up")
        assert again.returncode == 0 and "runs already" in again.stdout, again.stdout
        assert time.monotonic() - started < 5
    finally:
        down = dev(tmp_path, "down")
    assert down.returncode == 0 and "stopped" in down.stdout, down.stdout
    assert "not running" in dev(tmp_path, "down").stdout


def test_a_taken_port_is_named(tmp_path: pathlib.Path):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        up = dev(tmp_path, "up", "--config", standby_on(tmp_path, port, 0))
    assert up.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in up.stdout, up.stdout


def test_a_program_that_only_has_our_number_is_left_alone(tmp_path: pathlib.Path):
    stranger = subprocess.Popen([shutil.which("sleep"), "60"])
    try:
        (tmp_path / "holdfast").mkdir()
        (tmp_path / "holdfast/pid").write_text(str(stranger.pid))
        down = dev(tmp_path, "down")
        assert down.returncode == 0 and "not running" in down.stdout, down.stdout
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_help_lists_every_verb_and_an_unknown_one_is_refused(tmp_path: pathlib.Path):
    text = dev(tmp_path, "help").stdout
    script = (ROOT / "dev").read_text()
    verbs = re.search(r"^ {4}(up \|.*)\)$", script, flags=re.MULTILINE).group(1).split(" | ")
    assert len(verbs) > 10
    for verb in verbs:
        assert re.search(rf"^  {verb}\b", text, flags=re.MULTILINE), verb
    wrong = dev(tmp_path, "buidl")
    assert wrong.returncode == 1 and "no verb 'buidl'" in wrong.stdout
