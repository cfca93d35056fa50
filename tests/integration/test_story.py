"""The story of examples/story.py, run as a newcomer runs it, and its numbers held to the promise."""

import json
import os
import subprocess
import sys

import pytest
from support.processes import BINARY, ROOT


@pytest.mark.engine
@pytest.mark.whole_machine
@pytest.mark.timeout(400)
def test_the_story(engine, binary, tmp_path):
    del binary
    numbers = tmp_path / "story.json"
    environment = os.environ | {
        "HOLDFAST_BINARY": str(BINARY),
        "HOLDFAST_ENGINE": engine["binary"],
        "HOLDFAST_MODEL": engine["model"],
    }
    run = subprocess.run(
        [sys.executable, str(ROOT / "examples/story.py"), "--json", str(numbers)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.stdout + run.stderr
    assert max(map(len, run.stdout.splitlines())) <= 80
    result = json.loads(numbers.read_text())
    assert result["clients"] == 200
    assert result["errors_before_content"] == result["silent"] == result["hung"] == 0
    # Whoever was in mid-answer when provider one was killed was told so, once.
    assert 0 < result["cut"] <= result["clients"]
    assert result["cut"] == result["counted_cut_streams"] == result["counted_error_events"]
    assert result["good"] + result["cut"] == result["answers"]
    for provider in ("one", "two"):
        assert result["good_by_provider"][provider] >= result["clients"]
    assert result["good_by_provider"]["local"] >= 20
    assert result["last_providers"] == ["local"]
    assert [recovery["loss"] for recovery in result["recoveries"]] == [
        "one is killed (-9)",
        "two answers 401",
    ]
    assert result["recoveries"][0]["seconds"] < 10
    assert result["recoveries"][1]["seconds"] < 60
