"""What `holdfast simulate` predicts, beside what the real binary does with real upstreams.

The first of three targets goes away. Both sides have the same configuration and as many requests
before and after; the figures of both are printed (pytest -s).
"""

import json
import subprocess

from support import configs
from support.processes import BINARY, Fake, Holdfast, clean_environment

BEFORE, AFTER, RATE = 80, 160, 20
KEY = {"UPSTREAM_KEY": "not-a-secret-upstream"}
NAMES = ["one", "two", "three"]


def predicted(tmp_path) -> dict:
    scenario = {
        "name": "measured",
        "lasts": f"{(BEFORE + AFTER) // RATE}s",
        "traffic": {"requests_per_second": RATE, "streams": 0, "tokens": 4},
        "service": {"first_content": "10ms", "between_tokens": "0ms", "latency": "1ms"},
        "faults": [
            {"kind": "outage", "provider": "one", "at": f"{BEFORE // RATE}s", "lasts": "1h"}
        ],
    }
    (tmp_path / "measured.yaml").write_text(json.dumps(scenario))
    ran = subprocess.run(
        [str(BINARY), "simulate", "--config", str(tmp_path / "holdfast.yaml"), "--json",
         "--scenario", str(tmp_path / "measured.yaml")],
        env=clean_environment(KEY), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = json.loads(ran.stdout)["runs"][0]
    after = [part for part in run["slices"] if part["from_ms"] >= BEFORE // RATE * 1000]
    return {
        "errors": run["errors"] + run["broken"],
        "attempts a request": run["attempts"] / run["requests"],
        "answered afterwards": {
            name: sum(part["answered"][name] for part in after) for name in NAMES
        },
    }


def measured(holdfast, first) -> dict:
    answers = [holdfast.chat() for _ in range(BEFORE)]
    assert {headers["x-holdfast-provider"] for _, headers, _ in answers} == {"one"}
    first.kill()
    answers += [holdfast.chat() for _ in range(AFTER)]
    who = [headers.get("x-holdfast-provider") for _, headers, _ in answers[BEFORE:]]
    return {
        "errors": sum(status != 200 for status, _, _ in answers),
        "attempts a request": sum(int(h["x-holdfast-attempts"]) for _, h, _ in answers)
        / len(answers),
        "answered afterwards": {name: who.count(name) for name in NAMES},
    }


def test_an_outage_goes_as_predicted(binary, tmp_path):
    fakes = [Fake(name) for name in NAMES]
    config = {
        "providers": {fake.name: configs.provider(fake) for fake in fakes},
        "models": {"chat": {"targets": [{"provider": name, "model": "m"} for name in NAMES]}},
    }
    holdfast = Holdfast(tmp_path, config, KEY)
    try:
        real = measured(holdfast, fakes[0])
        virtual = predicted(tmp_path)
    finally:
        holdfast.stop()
        for fake in fakes:
            fake.stop()
    print(f"\n{'':24}{'predicted':>30}{'measured':>30}")
    for name, value in virtual.items():
        print(f"{name:24}{value!s:>30}{real[name]!s:>30}")
    # A client whose request is under way fails over on both sides: nobody sees an error.
    assert virtual["errors"] == real["errors"] == 0
    # Only the first to meet the outage, and a probe now and then, cost a second attempt.
    for side in (virtual, real):
        assert 1 < side["attempts a request"] < 1.1
        assert side["answered afterwards"]["three"] == 0
        assert side["answered afterwards"]["two"] >= 0.9 * sum(side["answered afterwards"].values())
