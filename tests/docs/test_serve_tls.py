"""The page on TLS, followed to the letter: an authority is made, and clients trust it."""

import pathlib
import re
import subprocess

import pytest
from support.processes import BINARY, Holdfast, clean_environment

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/howto/serve-tls.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
KEYS = {"ORDERS_KEY": "sk-orders-0123456789", "OPENAI_API_KEY": "sk-not-a-secret-012345"}


def told(language: str) -> list[str]:
    return [text for found, text in FENCE.findall(PAGE.read_text()) if found == language]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "holdfast").symlink_to(BINARY)
    return tmp_path


def run(folder: pathlib.Path, script: str) -> str:
    environment = clean_environment(KEYS)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def start(folder: pathlib.Path, text: str) -> Holdfast:
    """What the page configures, on ports that are free."""
    file = folder / "served.yaml"
    file.write_text(text.replace(":8443", ":0").replace(":8444", ":0"))
    return Holdfast(folder / "run", file, env=KEYS)


def ported(instance: Holdfast, script: str) -> str:
    return script.replace(":8443", f":{instance.app_port}").replace(
        ":8444", f":{instance.admin_port}"
    )


def test_the_page_on_tls_runs_as_printed(folder):
    authority, check, ask, client, shown = told("sh")
    plain, guarded = told("yaml")
    run(folder, authority)
    (folder / "holdfast.yaml").write_text(plain)
    run(folder, check)
    instance = start(folder, plain)
    try:
        answers = run(folder, ported(instance, ask))
        assert '"chat"' in answers, answers
        run(folder, client)
    finally:
        instance.stop()
    (folder / "holdfast.yaml").write_text(guarded)
    run(folder, check)
    instance = start(folder, guarded)
    try:
        assert '"chat"' in run(folder, ported(instance, shown))
    finally:
        instance.stop()
