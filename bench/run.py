#!/usr/bin/env python3
"""Measures Holdfast against nginx as a plain proxy: the same core, the same load, in turns.

The proxy has the first core for itself; the load and the upstream share the second one. Where the
load's core is the busier one, requests a second say more of the load than of the proxy: then CPU
time a request is the figure to read.

  HOLDFAST_BINARY   the binary (build/release/holdfast), its load programs in bench/ beside it
  HOLDFAST_NGINX    nginx (else the one in PATH)
  HOLDFAST_HAPROXY  haproxy (likewise), for --only failover
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

import budget
import contenders
import failover
import families
import pass_through
import protection
import report
import streaming

ROOT = pathlib.Path(__file__).resolve().parents[1]
# The last four are run only when they are asked for.
ONLY = ["pass-through", "streaming", "translation", "failover", "families", "budget", "protection"]


def say(text: str):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, help="write every run's figures to this file")
    parser.add_argument("--runs", type=int, default=3, help="times that each load is run (3)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a run (3)")
    parser.add_argument("--streams", type=int, default=1000, help="streams at once (1000)")
    parser.add_argument("--rate", type=int, default=20, help="chunks a second and stream (20)")
    parser.add_argument(
        "--requests",
        type=int,
        default=500,
        help="a second, at failover and families; ten times as many at budget (500)",
    )
    parser.add_argument("--only", choices=ONLY)
    parser.add_argument("--against", metavar="BINARY", help="another holdfast in nginx's place")
    return parser.parse_args()


def raise_descriptor_limit(streams: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = 4 * streams + 256
    if hard != resource.RLIM_INFINITY and hard < need:
        raise SystemExit(f"bench: {need} open files are needed and {hard} allowed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def main() -> int:
    asked = arguments()
    raise_descriptor_limit(asked.streams)
    binary = os.environ.get("HOLDFAST_BINARY", str(ROOT / "build/release/holdfast"))
    programs = pathlib.Path(binary).parent / "bench"
    binaries = {"holdfast": binary} | ({"other": asked.against} if asked.against else {})
    names = [*binaries] if asked.against else ["holdfast", "nginx"]
    out: dict = {"conditions": report.conditions(binaries)}
    texts = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        folder = pathlib.Path(name)

        def start(upstream: int):
            proxies = [
                contenders.start_holdfast(each, path, upstream, folder)
                for each, path in binaries.items()
            ]
            if not asked.against:
                proxies.append(contenders.start_nginx_proxy(upstream, folder))
            return proxies

        if asked.only in (None, "pass-through"):
            upstream = contenders.start_answering_upstream(folder)
            proxies = []
            try:
                proxies = start(upstream.port)
                results = pass_through.measure(proxies, asked.runs, asked.seconds, folder, say)
            finally:
                for process in [*proxies, upstream]:
                    process.stop()
            out["pass_through"] = results
            texts.append(report.pass_through(results, *names))
        if asked.only in (None, "streaming"):
            given = (start, programs, asked.streams)
            paced = streaming.measure(*given, asked.rate, asked.runs, asked.seconds, folder, say)
            flood = streaming.measure(*given, 0, asked.runs, asked.seconds, folder, say)
            out |= {"paced": paced, "unpaced": flood}
            texts += [report.streaming(paced, names), report.streaming(flood, names)]
            texts.append(report.memory(paced, names))
        if asked.only in (None, "translation"):

            def start_one(upstream: int):
                return [contenders.start_holdfast("holdfast", binary, upstream, folder)]

            given = (start_one, programs, asked.streams)
            found = streaming.translated(*given, asked.rate, asked.runs, asked.seconds, folder, say)
            out["translated"] = found
            texts.append(report.translated(found))
        if asked.only == "failover":
            found = failover.measure(binary, programs, asked.requests, folder, say)
            out["failover"] = found
            texts.append(report.failover(found))
        if asked.only == "families":
            found = families.measure(binary, programs, asked.requests, folder, say)
            out["families"] = found
            texts.append(report.families(found))
        if asked.only == "budget":
            found = budget.measure(binary, programs, 10 * asked.requests, 20, folder, say)
            out["budget"] = found
            texts.append(report.budget(found))
        if asked.only == "protection":
            found = protection.measure(binary, asked.runs, asked.seconds, folder, say)
            out["protection"] = found
            texts.append(report.protection(found, protection.OPEN))
    out["seconds"] = round(time.monotonic() - began)
    print("\n".join(f"{key + ':':<13} {value}" for key, value in out["conditions"].items()))
    print("\n" + "\n\n".join(texts))
    runs = (
        ""
        if asked.only in ("failover", "families", "budget")
        else f"{asked.runs} runs each, {asked.seconds} s a run, "
    )
    print(f"\n{runs}{out['seconds']} s in all")
    if asked.json:
        asked.json.write_text(json.dumps(out, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
