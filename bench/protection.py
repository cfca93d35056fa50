"""What authentication, limits and budgets cost: the same whole answers through Holdfasts that have
them and one that has none, in turns."""

import os
import pathlib

import contenders
import pass_through

BODY_BYTES, CONNECTIONS = 1024, 16
OTHER_KEYS = 200  # that are not the client's
# More than a run can use, so that nothing is refused: what is measured is the counting.
LIMITS = "requests_per_minute: 100000000, tokens_per_minute: 2000000000"
OPEN = "open"
PRICE = "{ input: 0.15, output: 0.6 }"


def keys(limits: str = "") -> str:
    inner = f", limits: {{ {limits} }}" if limits else ""
    lines = ["keys:", f"  client: {{ key: env:BENCH_KEY, team: web{inner} }}"]
    lines += [f"  other{i}: {{ key: env:BENCH_OTHER_{i} }}" for i in range(OTHER_KEYS)]
    return "\n".join(lines) + "\n"


BUDGETS = """budgets:
  all: { amount: 1000000, period: month, hard: yes }
  web: { amount: 1000000, period: month, hard: yes, team: web }
"""
# By name: further sections of the configuration.
PROTECTIONS = {
    OPEN: "",
    "keys": keys(),
    "limits": keys(LIMITS),
    "budgets": keys(LIMITS) + BUDGETS,
}


def measure(binary: str, runs: int, seconds: int, folder: pathlib.Path, say) -> dict:
    """By name: a run after another of each."""
    os.environ.update({f"BENCH_OTHER_{i}": f"sk-other-{i:032}" for i in range(OTHER_KEYS)})
    upstream = contenders.start_answering_upstream(folder)
    proxies = []
    try:
        for name, more in PROTECTIONS.items():
            given = (name, binary, upstream.port, folder, PRICE, more)
            proxies.append(contenders.start_holdfast(*given))
        body = pass_through.write_body(BODY_BYTES, folder)
        for proxy in proxies:
            pass_through.load(proxy, body, CONNECTIONS, 1)
        results: dict = {proxy.name: [] for proxy in proxies}
        for turn in range(runs):
            say(f"protection: turn {turn + 1} of {runs}")
            for proxy in proxies:
                results[proxy.name].append(pass_through.load(proxy, body, CONNECTIONS, seconds))
        return results
    finally:
        for process in [*proxies, upstream]:
            process.stop()
