"""The page on keys, every command of it, run as printed."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from support import configs
from support.processes import BINARY, clean_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
COMMANDS = [
    command
    for fence in FENCE.findall((ROOT / "docs/howto/give-out-keys.md").read_text())
    for command in re.sub(r" \\\n\s*", " ", fence).strip().splitlines()
]


@pytest.fixture
def instance(holdfast, fake):
    return holdfast(configs.through(fake("one")))


def test_every_command_runs_as_printed(instance, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "holdfast").symlink_to(BINARY)
    env = clean_environment() | {"HOLDFAST_ADMIN_TOKEN": instance.token()}
    env["PATH"] = f"{folder}:{os.environ['PATH']}"
    admin = f"127.0.0.1:{instance.admin_port}"
    said = {}
    for command in COMMANDS:
        text = command.replace("127.0.0.1:8081", admin).replace("STATE", str(instance.state))
        if text.startswith("holdfast"):
            text += f" --admin http://{admin}"
        run = subprocess.run(
            ["bash", "-c", text], env=env, capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 0, (command, run.stderr)
        said[command] = run
    create, rotate = COMMANDS[0], next(one for one in COMMANDS if " rotate " in one)
    secrets = [said[create].stdout.strip(), said[rotate].stdout.strip()]
    assert all(re.fullmatch(r"hf_[a-z2-7]{12}_[a-z2-7]{39}", one) for one in secrets)
    assert "shown this once" in said[create].stderr
    listing = next(
        run.stdout for command, run in said.items() if command.startswith("holdfast key list")
    )
    assert re.search(r"active +shop +team:checkout", listing)
    keys = {one["name"]: one for one in instance.admin("/api/v1/keys")["data"]}
    assert keys["shop"]["state"] == keys["shop-search"]["state"] == "revoked"
    assert keys["shop"]["scope"]["limits"] == {"requests_per_minute": 600}
    assert keys["till"]["state"] == "active"
    shown = json.loads(said[COMMANDS[-1]].stdout)["data"]
    assert [one["name"] for one in shown] == ["till"]
    assert instance.chat(headers={"authorization": f"Bearer {secrets[1]}"})[0] == 401


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["create", "a b"], "name: from 1 to 128 letters"),
        (["create", "x", "--models", "nothing"], "there is no model nothing"),
        (["create", "x", "--limits", "requests"], "--limits: requests is none"),
        (["create", "x", "--expires-in", "soon"], "--expires-in: soon is no time"),
        (["create", "x", "--owner", "checkout"], "--owner: as in team:checkout"),
        (["show", "nobody"], "there is no virtual key nobody"),
        (["revoke", "nobody"], "there is no virtual key nobody"),
        (["rotate", "nobody"], "--overlap is required"),
    ],
)
def test_what_is_wrong_is_told(instance, arguments, told):
    run = subprocess.run(
        [
            *[BINARY, "key", *arguments, "--state", instance.state],
            *["--admin", f"http://127.0.0.1:{instance.admin_port}"],
        ],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1 and told in run.stderr, run.stderr
