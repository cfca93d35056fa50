"""A hundred thousand requests on one hard budget that is enough for part of them: what is overspent.

The provider's own count of requests, all at one price, is held against the amount and against what
Holdfast says that it has counted.
"""

import collections
import json
import pathlib
import subprocess
import time
import urllib.request

import contenders
import dialects
from contenders import LOAD_CORE, PROXY_CORE, free_port, pinned
from failover import Upstream

FIRST_MS, CHUNKS, GAP_MS = 20, 1, 0  # of an answer
TOKENS_IN = 9  # that the upstream tells
NANO = 1_000_000_000
PRICE = {"input": 100, "output": 1000}  # USD per million tokens
COST_NANO = TOKENS_IN * PRICE["input"] * 1000 + CHUNKS * PRICE["output"] * 1000
PAYS_FOR = 0.6  # of the requests
SETTLED_S = 30


def config(upstream: int, app: int, admin: int, requests: int) -> str:
    price = f"{{ input: {PRICE['input']}, output: {PRICE['output']} }}"
    amount = requests * PAYS_FOR * COST_NANO / NANO
    return f"""
server: {{ listen: 127.0.0.1:{app}, threads: 2 }}
admin: {{ listen: 127.0.0.1:{admin} }}
providers:
  one: {{ kind: openai_compatible, base_url: http://127.0.0.1:{upstream}/v1, key: env:BENCH_KEY }}
models:
  chat: {{ targets: [ {{ provider: one, model: m, price: {price} }} ] }}
budgets:
  all: {{ amount: {amount}, period: month, hard: yes }}
"""


def counted(admin: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/api/v1/budgets", timeout=10) as answer:
        return json.loads(answer.read())["data"][0]


def measure(binary: str, programs: pathlib.Path, rate: int, seconds: int, folder, say) -> dict:
    say(f"budget: {rate * seconds} requests at {rate} a second on one budget")
    upstream = Upstream(programs / "failing_upstream", FIRST_MS, CHUNKS, GAP_MS)
    proxy = None
    try:
        app, admin = free_port(), free_port()
        file = folder / "budget.yaml"
        file.write_text(config(upstream.port, app, admin, rate * seconds))
        command = [binary, "serve", "--config", str(file), "--state", str(folder / "budget-state")]
        proxy = contenders.spawn("holdfast", app, PROXY_CORE, command, folder)
        questions = dialects.asked_by("openai", dialects.KINDS, folder)
        clients = [str(programs / "paced_clients"), str(app), str(rate), str(seconds), *questions]
        clients = pinned(LOAD_CORE, clients)
        begins = time.monotonic()
        lines = subprocess.run(clients, capture_output=True, text=True, check=True).stdout
        took = time.monotonic() - begins
        asked = upstream.ask_count()
        deadline = time.monotonic() + SETTLED_S
        while counted(admin)["used_nano_usd"] != asked * COST_NANO and time.monotonic() < deadline:
            time.sleep(0.1)
        found = counted(admin)
    finally:
        if proxy is not None:
            proxy.stop()
        upstream.stop()
    amount = round(rate * seconds * PAYS_FOR * COST_NANO)
    return {
        "requests": rate * seconds,
        "seconds": took,
        "outcomes": dict(collections.Counter(line.split()[-1] for line in lines.splitlines()[1:])),
        "at_the_provider": asked,
        "spent_nano_usd": asked * COST_NANO,
        "counted_nano_usd": found["used_nano_usd"],
        "amount_nano_usd": amount,
        "overspent_nano_usd": max(0, asked * COST_NANO - amount),
    }
