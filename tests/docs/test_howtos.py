"""The how-to pages, followed to the letter: a provider is added, applications are moved."""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from support.processes import BINARY, Fake, Holdfast, clean_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
KEY = "sk-app-0123456789"
QUESTION = "What is the capital of Italy?"

# Adding a provider.


def told_files() -> dict[str, str]:
    """The files that the page says, by their names: each block follows a line that names it."""
    page = (ROOT / "docs/howto/add-a-provider.md").read_text()
    named = re.compile(
        r"^`(src/provider/acme/[\w.]+)`[^`]*(?:`[^`]*`[^`]*)*?^```\w+\n(.*?)^```$", re.M | re.S
    )
    return {found[1]: found[2] for found in named.finditer(page)}


def told_line() -> str:
    page = (ROOT / "docs/howto/add-a-provider.md").read_text()
    return next(text for _, text in FENCE.findall(page) if text.lstrip().startswith("&"))


def test_the_page_tells_one_folder_whole():
    files = {pathlib.Path(name).name for name in told_files()}
    assert files == {"adapter.h", "adapter.cpp", "adapter_test.cpp", "README.md"}
    assert told_line() == "    &acme::kind,\n"
    registry = (ROOT / "src/provider/registry.cpp").read_text()
    assert "    &cohere::kind,\n" in registry, "the table is not as the page has it"


@pytest.mark.skipif(shutil.which("clang++-19") is None, reason="clang++-19 is not installed")
def test_a_provider_is_one_folder_and_one_line(tmp_path):
    """What the page says, in a copy of the room, is a kind like any other to the compiler."""
    room = tmp_path / "provider"
    shutil.copytree(ROOT / "src/provider", room)
    for name, text in told_files().items():
        file = tmp_path / pathlib.Path(name).relative_to("src")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    registry = room / "registry.cpp"
    text = registry.read_text()
    text = text.replace("#include", '#include "provider/acme/adapter.h"\n#include', 1)
    registry.write_text(text.replace("    &cohere::kind,\n", "    &cohere::kind,\n" + told_line()))
    whole = tmp_path / "whole.cpp"
    whole.write_text(
        '#include "provider/acme/adapter.cpp"\n#include "provider/acme/adapter_test.cpp"\n'
        '#include "provider/registry.cpp"\n'
        "static_assert(std::size(holdfast::provider::table) > 9);\n"
    )
    compiled = subprocess.run(
        ["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-const-variable", f"-I{tmp_path}", f"-I{ROOT / 'src'}", str(whole)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stderr


# Moving an application.


def snippets() -> list:
    page = (ROOT / "docs/howto/move-an-application.md").read_text()
    found = []
    for part in re.split(r"^## ", page, flags=re.M)[1:]:
        blocks = [text for language, text in FENCE.findall(part) if language == "python"]
        for number, text in enumerate(blocks, 1):
            name = part.splitlines()[0].strip()
            found.append(pytest.param(text, id=name if len(blocks) == 1 else f"{name}-{number}"))
    return found


@pytest.fixture(scope="module", params=["openai", "gemini"])
def gateway(binary, request, tmp_path_factory):
    """Holdfast before a provider, with the key of the page; the grid of all is conformance's."""
    assert binary == BINARY
    kind = request.param
    fake = Fake("one", family=kind)
    base = {"openai": fake.base_url, "gemini": fake.root_url + "/v1beta"}[kind]
    provider = {"kind": kind, "base_url": base, "key": "env:UPSTREAM_KEY"}
    config = {
        "keys": {"app": {"key": "env:APP_KEY"}},
        "providers": {"one": provider},
        "models": {"chat": {"targets": [{"provider": "one", "model": "m1"}]}},
    }
    instance = Holdfast(tmp_path_factory.mktemp(kind), config, env={"APP_KEY": KEY})
    yield instance
    instance.stop()
    fake.stop()


@pytest.mark.parametrize("text", snippets())
def test_an_application_is_moved_by_its_base_url(gateway, text, tmp_path):
    assert QUESTION in text and text.count("http://127.0.0.1:8080") == 1 and '"KEY"' in text
    script = tmp_path / "application.py"
    script.write_text(
        text.replace("http://127.0.0.1:8080", gateway.app_url).replace('"KEY"', json.dumps(KEY))
    )
    ran = subprocess.run(
        [sys.executable, str(script)],
        env=clean_environment({"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:] + gateway.log()[-2000:]
    assert "Hello from one" in ran.stdout, ran.stdout


def test_every_example_configuration_is_right(binary):
    wrong = []
    for file in sorted((ROOT / "examples").glob("*.yaml")):
        named = set(re.findall(r"env:([A-Z_]+)", file.read_text()))
        dummies = {name: f"not-a-secret-{name.lower().replace('_', '-')}" for name in named}
        checked = subprocess.run(
            [str(binary), "config", "check", str(file)],
            env=os.environ | dummies, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if checked.returncode != 0:
            wrong.append(checked.stdout + checked.stderr)
    assert not wrong, "\n".join(wrong)


# Simulating an outage.


def recorded_at(moment: str, index: int) -> str:
    """An answered request, as /api/v1/requests tells of it."""
    started = datetime.datetime.fromisoformat(moment) + datetime.timedelta(seconds=index)
    return json.dumps({
        "request_id": f"r{index}", "attempt": 1, "started_us": int(started.timestamp() * 1e6),
        "logical_model": "chat", "key_name": "", "provider": "openai",
        "endpoint": "chat_completions", "features": ["stream"], "failure": "none",
        "committed": True, "tokens_in": 100, "tokens_out": 20, "first_content_us": 50_000,
        "total_us": 90_000,
    })  # fmt: skip


@pytest.mark.parametrize("command", [1, 2, 3, 4, 5, 6])
def test_the_page_on_simulations_runs_as_printed(tmp_path, command):
    page = (ROOT / "docs/howto/simulate-an-outage.md").read_text()
    texts = [text for language, text in FENCE.findall(page) if language in ("yaml", "text")]
    for name, text in zip(["holdfast.yaml", "friday.yaml", "tuesday.yaml"], texts, strict=True):
        assert f"`{name}`" in page
        (tmp_path / name).write_text(text.replace("/var/lib/holdfast/records.db", "past.jsonl"))
    (tmp_path / "new.yaml").write_text(texts[0])
    past = [recorded_at("2026-11-24T10:10:00+00:00", index) for index in range(40)]
    (tmp_path / "past.jsonl").write_text("\n".join(past) + "\n")
    lines = [
        line
        for language, text in FENCE.findall(page)
        if language == "sh"
        for line in text.splitlines()
    ]
    assert len(lines) == 6
    keys = ["OPENAI_API_KEY", "VLLM_KEY", "ANTHROPIC_API_KEY"]
    ran = subprocess.run(
        [str(BINARY), *lines[command - 1].split()[1:]], cwd=tmp_path, capture_output=True,
        env=clean_environment() | {name: f"not-a-secret-{name}" for name in keys},
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert any(name in ran.stdout for name in ("outage", "friday", "tuesday"))
    assert (
        all(len(line) <= 80 for line in ran.stdout.splitlines()) or "--json" in lines[command - 1]
    )
