"""Whole answers through each proxy: requests a second, and CPU time for each of them."""

import json
import os
import pathlib
import re
import subprocess

from contenders import HERE, LOAD_CORE, Running, core_ticks, load_share, pinned

BODY_BYTES = (1024, 16 * 1024)
CONNECTIONS = (1, 16, 64)


def write_body(size: int, folder: pathlib.Path) -> pathlib.Path:
    """A conversation whose JSON is `size` bytes."""
    turn = "Explain photosynthesis to a curious ten-year-old, with one example from the garden. "
    messages = [{"role": "system", "content": "You are a helpful teacher. Answer briefly."}]
    body = {"model": "chat", "messages": messages, "temperature": 0.2, "max_tokens": 256}

    def text() -> str:
        return json.dumps(body, separators=(",", ":"))

    while len(text()) < size - 2 * len(turn):
        role = "user" if len(messages) % 2 else "assistant"
        messages.append({"role": role, "content": turn * 5 if size > 4096 else turn})
    messages.append({"role": "user", "content": ""})
    short = size - len(text())
    if short < 0:
        messages[-2]["content"] = messages[-2]["content"][:short]
    messages[-1]["content"] = "x" * max(0, size - len(text()))
    path = folder / f"body-{size}.json"
    path.write_text(text())
    return path


def load(proxy: Running, body: pathlib.Path, connections: int, seconds: int) -> dict:
    """One run of wrk against `proxy`."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "post.lua")]
    url = f"http://127.0.0.1:{proxy.port}/v1/chat/completions"
    before, cpu = core_ticks(LOAD_CORE), proxy.cpu_s()
    run = subprocess.run(
        pinned(LOAD_CORE, [*command, url]),
        capture_output=True,
        text=True,
        env={**os.environ, "BENCH_BODY": str(body)},
    )
    cpu = proxy.cpu_s() - cpu
    found = re.search(r"RESULT (\{.*\})", run.stdout)
    if not found:
        raise SystemExit(f"bench: wrk failed: {run.stdout}{run.stderr}")
    result = json.loads(found[1])
    if result["errors"] or not result["requests"]:
        raise SystemExit(f"bench: {proxy.name} answered with errors: {result}")
    wall = result["duration_us"] / 1e6
    return {
        "requests_per_second": result["requests"] / wall,
        "cpu_us": cpu * 1e6 / result["requests"],
        "busy": cpu / wall,
        "load_busy": load_share(before, core_ticks(LOAD_CORE)),
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    }


def measure(proxies: list[Running], runs: int, seconds: int, folder: pathlib.Path, say) -> list:
    """Every load on each proxy in turn, `runs` times over."""
    bodies = {size: write_body(size, folder) for size in BODY_BYTES}
    for proxy in proxies:
        load(proxy, bodies[BODY_BYTES[0]], CONNECTIONS[-1], 1)
    results = []
    for size, body in bodies.items():
        for connections in CONNECTIONS:
            say(f"pass-through: {size // 1024} KiB, {connections} connections")
            one: dict = {"body_bytes": size, "connections": connections}
            one |= {proxy.name: [] for proxy in proxies}
            for _ in range(runs):
                for proxy in proxies:
                    one[proxy.name].append(load(proxy, body, connections, seconds))
            results.append(one)
    return results
