"""What the real binary has recorded of real requests, sent again by `holdfast simulate`."""

import json
import subprocess

from support import configs
from support.processes import BINARY, clean_environment, eventually

KEY = {"UPSTREAM_KEY": "not-a-secret-upstream"}
CHAT, HARD = 12, 5  # requests for each model; every third is a stream


def simulate(tmp_path, **traffic):
    """The figures by model."""
    scenario = {
        "name": "again",
        "traffic": traffic,
        "faults": [{"kind": "outage", "provider": "one", "at": "0s", "lasts": "1h"}],
    }
    (tmp_path / "again.yaml").write_text(json.dumps(scenario))
    ran = subprocess.run(
        [str(BINARY), "simulate", "--config", str(tmp_path / "holdfast.yaml"), "--json",
         "--scenario", str(tmp_path / "again.yaml")],
        env=clean_environment(KEY), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {one["model"]: one["runs"][0] for one in found}


def test_what_was_recorded_comes_again(holdfast, fake, tmp_path):
    config = configs.through(fake("one"), fake("two"))
    config["models"]["hard"] = config["models"]["chat"]
    instance = holdfast(config, env=KEY | {"UPSTREAM_KEY": "sk-upstream-secret"})
    (tmp_path / "holdfast.yaml").write_text(json.dumps(config))
    for model, count in (("chat", CHAT), ("hard", HARD)):
        for number in range(count):
            status, _, _ = instance.chat(model=model, stream=number % 3 == 0)
            assert status == 200

    def recorded():
        found = instance.admin("/api/v1/requests?limit=500")["data"]
        done = [one for one in found if one["state"] == "settled"]
        return done if len(done) == CHAT + HARD else None

    attempts = eventually(recorded, "all attempts are on record")
    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps({"data": attempts, "next_cursor": None}) + "\n")
    # From the database while the process runs, and from what its interface told.
    again = simulate(tmp_path, recorded=str(instance.state / "records.db"))
    assert simulate(tmp_path, recorded=str(export)) == again
    assert sorted(again) == ["chat", "hard"]
    for model, run in again.items():
        mine = [one for one in attempts if one["logical_model"] == model]
        assert run["requests"] == run["answered"] == len(mine)
        for name in ("tokens_in", "tokens_out"):
            assert run[name] == sum(one[name] for one in mine)
        assert {
            who for part in run["slices"] for who, count in part["answered"].items() if count
        } == {"two"}
        assert run["broken_rules"] == []
