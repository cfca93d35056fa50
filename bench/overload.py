"""Three times the load that a target can carry: what is answered, for whom, and what it costs.

    python bench/overload.py [--holdfast build/release/holdfast] [--slots 20] [--service-ms 200]
                             [--times 3] [--seconds 10] [--steady]

A fake provider serves `slots` requests at a time, each for `service-ms`. Clients of three classes ask
again as soon as they are answered, `times` as many as there are slots; one in six is critical. First
without a limit, then with `concurrency` as configured, in turns on the same machine. Prints goodput
as part of the capacity, time to the answer by class, who was shed, the limit that was found, memory,
and the time to the first answer after the load has ended.

With --steady, `times` as many requests a second come as the provider can carry, whatever becomes of
those before; memory is then told at the beginning, after each third and when all have ended, and the
time until a request is served as usual.
"""

import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import dialects

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
CLASSES = ["critical_revenue", "internal_productivity", "experimental"]


class Client:
    """One that keeps its connection and asks as fast as it is answered."""

    def __init__(self, port, service_class):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {
            "authorization": f"Bearer key-of-{service_class}",
            "content-type": "application/json",
        }

    def ask(self):
        body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
        start = time.monotonic()
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - start, answer.headers.get("retry-after-ms")


def start_both(options, folder, concurrency):
    from support.processes import Fake, Holdfast

    fake = Fake("one")
    fake.behave("busy", slots=options.slots, service_ms=options.service_ms)
    provider = {"kind": "openai_compatible", "base_url": fake.base_url}
    if concurrency:
        provider["concurrency"] = concurrency
    keys = {name: {"key": f"env:{name.upper()}", "class": name} for name in CLASSES}
    models = {"chat": {"targets": [{"provider": "one", "model": "m1"}]}}
    config = {"providers": {"one": provider}, "models": models, "keys": keys}
    env = {name.upper(): f"key-of-{name}" for name in CLASSES}
    return fake, Holdfast(folder, config, env=env)


def capacity(options) -> float:
    """Requests a second that the provider can carry."""
    return options.slots * 1000 / options.service_ms


def run_asking_again(options, folder, concurrency):
    """As many clients as `times` the slots, each of which asks again when it is answered."""
    fake, gateway = start_both(options, folder, concurrency)
    took, statuses = collections.defaultdict(list), collections.Counter()
    lock = threading.Lock()

    def load(count, seconds):
        ends = time.monotonic() + seconds

        def one_client(number):
            service_class = CLASSES[0 if number % 6 == 0 else 1 + number % 2]
            client = Client(gateway.app_port, service_class)
            while time.monotonic() < ends:
                status, seconds_taken, retry_ms = client.ask()
                with lock:
                    statuses[service_class, status] += 1
                    if status == 200:
                        took[service_class].append(seconds_taken)
                if retry_ms:
                    time.sleep(min(int(retry_ms) / 1000, 0.5))

        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(one_client, range(count)))

    load(options.slots // 2, 2)  # what is usual
    before = gateway.rss_bytes()
    took.clear()
    statuses.clear()
    start = time.monotonic()
    load(options.slots * options.times, options.seconds)
    seconds = time.monotonic() - start
    after = gateway.rss_bytes()
    _, recovery, _ = Client(gateway.app_port, CLASSES[2]).ask()
    limit = next((v for k, v in gateway.metrics().items() if "concurrency_limit{" in k), None)
    most = fake.state()["most_open"]
    gateway.stop()
    fake.stop()
    good = sum(count for (_, status), count in statuses.items() if status == 200)
    return {
        "goodput": good / seconds / capacity(options),
        "median_s": {c: round(statistics.median(took[c]), 3) for c in CLASSES if took[c]},
        "slowest_s": {c: round(max(took[c]), 3) for c in CLASSES if took[c]},
        "answers": {f"{c} {s}": n for (c, s), n in sorted(statuses.items())},
        "limit_found": limit,
        "most_at_the_provider": most,
        "rss_mib": [round(before / 2**20, 1), round(after / 2**20, 1)],
        "first_answer_after_s": round(recovery, 3),
    }


def run_steady(options, folder, concurrency):
    """`times` the capacity a second, whatever becomes of those before."""
    fake, gateway = start_both(options, folder, concurrency)
    programs = pathlib.Path(options.holdfast).parent / "bench"
    questions = {}
    for name in CLASSES:
        inner = folder / f"clients-{name}"
        inner.mkdir()
        questions[name] = dialects.asked_by("openai", dialects.KINDS, inner, f"key-of-{name}")

    def load(rate, seconds):
        """Runs the clients of every class; their lines by class, and the memory meanwhile."""
        shares = {name: rate / 6 if name == CLASSES[0] else rate * 5 / 12 for name in CLASSES}
        running = {
            name: subprocess.Popen(
                [str(programs / "paced_clients"), str(gateway.app_port), str(round(share)),
                 str(seconds), *questions[name]],
                stdout=subprocess.PIPE, text=True,
            )
            for name, share in shares.items()
        }  # fmt: skip
        readers = {name: concurrent.futures.Future() for name in CLASSES}
        for name, process in running.items():
            threading.Thread(
                target=lambda name=name, process=process: readers[name].set_result(
                    process.communicate()[0].splitlines()[1:]
                )
            ).start()
        begins, memory = time.monotonic(), []
        for third in (1, 2, 3):
            time.sleep(max(0, begins + third * seconds / 3 - time.monotonic()))
            memory.append(gateway.rss_bytes())
        return {name: one.result() for name, one in readers.items()}, memory

    load(capacity(options) / 2, 2)  # what is usual
    before = gateway.rss_bytes()
    lines, memory = load(capacity(options) * options.times, options.seconds)
    after = gateway.rss_bytes()
    client, ends = Client(gateway.app_port, CLASSES[2]), time.monotonic()
    while client.ask()[1] > 2 * options.service_ms / 1000:  # until one is served as usual
        pass
    recovery = time.monotonic() - ends
    gateway.stop()
    fake.stop()
    good, took, outcomes = 0, collections.defaultdict(list), collections.Counter()
    for name, rows in lines.items():
        for row in rows:
            sent, _, _, end, outcome = row.split()
            outcomes[f"{name} {outcome}"] += 1
            if outcome == "whole":
                took[name].append((int(end) - int(sent)) / 1e6)
                good += int(end) <= options.seconds * 1e6
    return {
        "goodput": round(good / options.seconds / capacity(options), 3),
        "median_s": {c: round(statistics.median(took[c]), 3) for c in CLASSES if took[c]},
        "slowest_s": {c: round(max(took[c]), 3) for c in CLASSES if took[c]},
        "answers": dict(sorted(outcomes.items())),
        "rss_mib": [round(value / 2**20, 1) for value in (before, *memory, after)],
        "usual_again_after_s": round(recovery, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--holdfast", default=str(ROOT / "build/release/holdfast"))
    parser.add_argument("--slots", type=int, default=20)
    parser.add_argument("--service-ms", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--steady", action="store_true", help="a rate, not clients that ask again")
    options = parser.parse_args()
    os.environ["HOLDFAST_BINARY"] = options.holdfast
    contenders = {
        "no limit": None,
        "adapted": {"most": 1000, "least": 4},
        "fixed": {"most": options.slots, "adapt": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, concurrency in contenders.items():
            found = (run_steady if options.steady else run_asking_again)(
                options, pathlib.Path(folder) / name.replace(" ", "-"), concurrency
            )
            print(name, json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
