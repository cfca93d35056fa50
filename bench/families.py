"""The first of three targets fails under load, as in failover.py, for clients of each of the four
families, whole answers and streams apart: what they see, and what `holdfast simulate` said of it.

Every client has a key, in its own dialect's place; Bedrock's sign. The targets speak OpenAI's
dialect, so that answers of the other three are translated, events of streams as they come. The
simulation's clients speak OpenAI's dialect: what it decides does not depend on the client's.
"""

import os
import pathlib

import dialects
import failover

CLIENT_KEY = "sk-bench-client-0123456789"


def measure(binary: str, programs: pathlib.Path, rate: int, folder: pathlib.Path, say) -> dict:
    """By family, kind and scenario: {"measured": figures, "simulated": figures}."""
    os.environ["BENCH_CLIENT_KEY"] = CLIENT_KEY  # of the gateway that is started

    def start(ports, inner):
        return failover.start_holdfast(binary, ports, inner, keyed=True)

    simulated = {}
    for kind in dialects.KINDS:
        for scenario in failover.SCENARIOS:
            inner = folder / f"simulated-{kind}-{scenario}"
            inner.mkdir()
            streams = 100 if kind == "stream" else 0
            simulated[kind, scenario] = failover.predicted(scenario, binary, rate, inner, streams)
    rows = []
    for family in dialects.FAMILIES:
        for kind in dialects.KINDS:
            for scenario in failover.SCENARIOS:
                say(f"families: {scenario}, {family}, {kind}, {rate} requests a second")
                inner = folder / f"{family}-{kind}-{scenario}"
                inner.mkdir()
                questions = dialects.asked_by(family, [kind], inner, CLIENT_KEY)
                found = failover.run(scenario, start, programs, rate, questions, inner)
                rows.append(
                    {
                        "family": family,
                        "kind": kind,
                        "scenario": scenario,
                        "measured": found,
                        "simulated": simulated[kind, scenario],
                    }
                )
    return {"rate": rate, "rows": rows}
