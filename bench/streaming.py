"""Streams through each proxy: chunks a second, the delay that a proxy adds to each, its memory."""

import json
import subprocess

import contenders
from contenders import LOAD_CORE, Running, core_ticks, load_share, pinned

WARM_UP_S = 0.5
PATHS = {"direct": "/", "nginx": "/unbuffered/"}  # others: the gateway's own path
# Where clients of other dialects ask, and what; the upstream speaks OpenAI's chat completions.
TRANSLATED = {
    "responses": ("/v1/responses", {"model": "chat", "stream": True, "store": False}
                  | {"input": "Tell me more."}),
    "gemini": ("/v1beta/models/chat:streamGenerateContent?alt=sse",
               {"contents": [{"role": "user", "parts": [{"text": "Tell me more."}]}]}),
    "bedrock": ("/model/chat/converse-stream",
                {"messages": [{"role": "user", "content": [{"text": "Tell me more."}]}]}),
}  # fmt: skip


def clients(programs, via: Running, streams: int, seconds: int, path="", body=None) -> dict:
    """One run of stream_clients through `via`."""
    path = path or PATHS.get(via.name, "/v1/chat/completions")
    command = [str(programs / "stream_clients"), str(via.port), str(streams), str(WARM_UP_S)]
    command += [str(seconds), path, *([json.dumps(body)] if body else [])]
    process = subprocess.Popen(pinned(LOAD_CORE, command), stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "measuring\n":
        raise SystemExit(f"bench: the streams through {via.name} did not run")
    before, cpu, rss = core_ticks(LOAD_CORE), via.cpu_s(), via.rss_kib()
    line = process.stdout.readline()
    cpu, rss = via.cpu_s() - cpu, max(rss, via.rss_kib())
    busy = load_share(before, core_ticks(LOAD_CORE))
    if process.wait() != 0:
        raise SystemExit(f"bench: the streams through {via.name} broke")
    result = json.loads(line)
    return result | {
        "cpu_us": cpu * 1e6 / max(1, result["chunks"]),
        "busy": cpu / result["seconds"],
        "load_busy": busy,
        "rss_kib": rss,
    }


def measure(start, programs, streams, rate, runs, seconds, folder, say) -> dict:
    """Streams at `rate` chunks a second each (0: as fast as they go), to each proxy in turn.

    start(upstream_port)   starts the proxies
    """
    say(f"streaming: {streams} streams, {f'{rate} chunks a second each' if rate else 'unpaced'}")
    upstream = contenders.start_streaming_upstream(programs / "stream_upstream", rate, folder)
    proxies: list[Running] = []
    try:
        proxies = start(upstream.port)
        out: dict = {"streams": streams, "rate": rate}
        out["rest_kib"] = {proxy.name: proxy.rss_kib() for proxy in proxies}
        direct = Running("direct", upstream.port, upstream.process)
        out |= {via.name: [] for via in [direct, *proxies]}
        for _ in range(runs):
            for via in [direct, *proxies]:
                out[via.name].append(clients(programs, via, streams, seconds))
        return out
    finally:
        for process in [*proxies, upstream]:
            process.stop()


def translated(start, programs, streams, rate, runs, seconds, folder, say) -> dict:
    """The same streams passed through and translated, in turns, through one Holdfast.

    start(upstream_port)   starts the proxies; the first is used
    """
    say(f"translation: {streams} streams passed and translated, {rate} chunks a second each")
    upstream = contenders.start_streaming_upstream(programs / "stream_upstream", rate, folder)
    proxies: list[Running] = []
    try:
        proxies = start(upstream.port)
        out: dict = {"streams": streams, "rate": rate, "passed": []}
        out |= {name: [] for name in TRANSLATED}
        for _ in range(runs):
            out["passed"].append(clients(programs, proxies[0], streams, seconds))
            for name, (path, body) in TRANSLATED.items():
                out[name].append(clients(programs, proxies[0], streams, seconds, path, body))
        return out
    finally:
        for process in [*proxies, upstream]:
            process.stop()
