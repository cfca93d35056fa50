"""Streams through each proxy: chunks a second, the delay that a proxy adds to each, its memory."""

import json
import pathlib
import subprocess

import contenders
from contenders import LOAD_CORE, Running, core_ticks, load_share, pinned

WARM_UP_S = 0.5
PATHS = {"direct": "/", "nginx": "/unbuffered/"}  # others: the gateway's own path


def clients(programs: pathlib.Path, via: Running, streams: int, seconds: int) -> dict:
    """One run of stream_clients through `via`."""
    path = PATHS.get(via.name, "/v1/chat/completions")
    command = [str(programs / "stream_clients"), str(via.port), str(streams), str(WARM_UP_S)]
    process = subprocess.Popen(
        pinned(LOAD_CORE, [*command, str(seconds), path]), stdout=subprocess.PIPE, text=True
    )
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
