"""The first of three targets fails under load: Holdfast, nginx and HAProxy in turns, and what
`holdfast simulate` says beforehand.

Requests come at a steady rate, every other one a stream, whatever becomes of those before. nginx
has `proxy_next_upstream`, HAProxy health checks and retries; the second and third target are
backups for all. What a client sees is counted: errors, and streams that began and broke. "detected"
is when the proxy itself says that the target is out.
"""

import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.request

import contenders
import dialects
from contenders import LOAD_CORE, PROXY_CORE, Running, free_port, pinned

FIRST_MS, CHUNKS, GAP_MS = 200, 10, 5  # of an answer
WARM_UP_S, FAULT_S, AFTER_S = 3, 6, 3
STEP_S = 1  # as long as the simulation's windows at this rate
LOOK_S = 0.02
SLOWER = 10
PERIOD_S = 2  # of flapping
NAMES = ["one", "two", "three"]
# What happens, and what the simulation calls it.
SCENARIOS = {
    "outage": {"kind": "outage"},
    "brown-out": {"kind": "slow", "factor": SLOWER},
    "flapping": {"kind": "flapping", "period": f"{PERIOD_S}s"},
}

NGINX = """
  upstream pool {{
    server 127.0.0.1:{one}; server 127.0.0.1:{two} backup; server 127.0.0.1:{three} backup;
    keepalive 1024;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_connect_timeout 1s;
      proxy_next_upstream error timeout http_502 http_503 http_504 non_idempotent;
    }}
  }}"""
HAPROXY = """
global
  nbthread 1
  maxconn 8192
  stats socket {folder}/haproxy.sock level user
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch 1
  retry-on all-retryable-errors
  http-reuse always
frontend clients
  bind 127.0.0.1:{port}
  default_backend pool
backend pool
  option httpchk GET /health
  default-server check inter 1s fall 2 rise 2
  server one 127.0.0.1:{one}
  server two 127.0.0.1:{two} backup
  server three 127.0.0.1:{three} backup
"""


class Upstream:
    """One target, which fails when it is told to."""

    def __init__(self, program: pathlib.Path, first_ms=FIRST_MS, chunks=CHUNKS, gap_ms=GAP_MS):
        self.port = free_port()
        command = [str(program), *map(str, (self.port, first_ms, chunks, gap_ms))]
        self.process = subprocess.Popen(
            pinned(LOAD_CORE, command),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        if not self.process.stdout.readline().startswith("listening"):
            raise SystemExit("bench: an upstream did not start")

    def tell(self, command: str):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask_count(self) -> int:
        """How many have asked it."""
        self.tell("count")
        return int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def holdfast_config(ports: dict, app: int, admin: int, keyed: bool = False) -> str:
    """`keyed`: clients need a key, dialects.KEY_NAME, which is BENCH_CLIENT_KEY."""
    providers = "\n".join(
        f"  {name}: {{ kind: openai_compatible, base_url: http://127.0.0.1:{port}/v1, "
        "key: env:BENCH_KEY }"
        for name, port in ports.items()
    )
    targets = ", ".join(f"{{ provider: {name}, model: m }}" for name in ports)
    keys = f"keys: {{ {dialects.KEY_NAME}: {{ key: env:BENCH_CLIENT_KEY }} }}" if keyed else ""
    return f"""
server: {{ listen: 127.0.0.1:{app}, threads: 1 }}
admin: {{ listen: 127.0.0.1:{admin} }}
providers:
{providers}
models:
  chat: {{ policy: failover, targets: [ {targets} ] }}
{keys}
"""


def start_holdfast(binary: str, ports: dict, folder: pathlib.Path, keyed: bool = False):
    app, admin = free_port(), free_port()
    config = folder / "holdfast.yaml"
    config.write_text(holdfast_config(ports, app, admin, keyed))
    command = [binary, "serve", "--config", str(config), "--state", str(folder / "state")]
    running = contenders.spawn("holdfast", app, PROXY_CORE, command, folder)

    def is_out() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("holdfast_breaker_state{") and 'provider="one"' in line:
                    return float(line.split()[-1]) != 0
        return False

    return running, is_out


def start_nginx(ports: dict, folder: pathlib.Path):
    port = free_port()
    running = contenders.start_nginx(
        "nginx", PROXY_CORE, NGINX.format(port=port, **ports), port, folder, "warn"
    )
    log = folder / "nginx.log"
    return running, lambda: "temporarily disabled" in log.read_text(errors="replace")


def start_haproxy(ports: dict, folder: pathlib.Path):
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(folder=folder, port=port, **ports))
    binary = os.environ.get("HOLDFAST_HAPROXY", "haproxy")
    running = contenders.spawn("haproxy", port, PROXY_CORE, [binary, "-db", "-f", str(config)],
                               folder)  # fmt: skip

    def is_out() -> bool:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(folder / "haproxy.sock"))
            asked.sendall(b"show stat\n")
            text = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
        rows = [line.split(",") for line in text.splitlines() if line.startswith("pool,one,")]
        return bool(rows) and rows[0][17].startswith("DOWN")

    return running, is_out


class Watch(threading.Thread):
    """Looks until the proxy says that the target is out."""

    def __init__(self, is_out):
        super().__init__(daemon=True)
        self.is_out, self.seen_at, self.over = is_out, None, threading.Event()

    def run(self):
        while self.seen_at is None and not self.over.wait(LOOK_S):
            if self.is_out():
                self.seen_at = time.monotonic()


def sleep_until(when: float):
    time.sleep(max(0, when - time.monotonic()))


def break_it(scenario: str, first: Upstream, begins: float):
    """The fault, from `begins` until it is over. Blocks."""
    sleep_until(begins)
    if scenario == "outage":
        first.tell("away")
    elif scenario == "brown-out":
        first.tell(f"factor {SLOWER}")
    else:
        for half in range(2 * FAULT_S // PERIOD_S):
            sleep_until(begins + half * PERIOD_S / 2)
            first.tell("back" if half % 2 else "away")
    sleep_until(begins + FAULT_S)
    first.tell({"outage": "back", "brown-out": "factor 1", "flapping": "back"}[scenario])


def run(scenario: str, start, programs: pathlib.Path, rate: int, questions: list[str], folder):
    """One proxy, one fault; `questions`: what its clients send, by dialects.asked_by()."""
    upstreams = [Upstream(programs / "failing_upstream") for _ in NAMES]
    proxy: Running | None = None
    try:
        ports = {name: one.port for name, one in zip(NAMES, upstreams, strict=True)}
        proxy, is_out = start(ports, folder)
        seconds = WARM_UP_S + FAULT_S + AFTER_S
        command = [str(programs / "paced_clients"), str(proxy.port), str(rate), str(seconds)]
        command += questions
        clients = subprocess.Popen(pinned(LOAD_CORE, command), stdout=subprocess.PIPE, text=True)
        began = int(clients.stdout.readline().split()[1]) / 1e9
        watch = Watch(is_out)
        sleep_until(began + WARM_UP_S - LOOK_S)
        watch.start()
        break_it(scenario, upstreams[0], began + WARM_UP_S)
        text, _ = clients.communicate(timeout=60)
        watch.over.set()
        watch.join()
        if clients.returncode != 0:
            raise SystemExit(f"bench: the clients of {proxy.name} failed")
    finally:
        if proxy is not None:
            proxy.stop()
        for one in upstreams:
            one.stop()
    seen = watch.seen_at
    return figures(text, None if seen is None else seen - began - WARM_UP_S)


def p99(times: list[float]) -> float:
    return sorted(times)[(len(times) - 1) * 99 // 100]


def figures(text: str, detected: float | None) -> dict:
    """What holdfast simulate tells too, by the same rules, from a line for each request."""
    rows = []
    for line in text.splitlines():
        sent, stream, first, _, outcome = line.split()
        rows.append((int(sent) / 1e6, stream == "1", int(first) / 1e6, outcome))

    def times(since: float, until: float) -> list[float] | None:
        """Until the first content; nothing where one got an error."""
        part = [row for row in rows if since <= row[0] < until]
        if any(outcome != "whole" for *_, outcome in part):
            return None
        return [first - sent for sent, _, first, _ in part]

    # Those that the fault cannot have met on their way.
    usual = p99([first - sent for sent, _, first, outcome in rows
                 if sent < WARM_UP_S - 1 and outcome == "whole"])  # fmt: skip
    normal = None
    for step in range(FAULT_S // STEP_S):
        at = WARM_UP_S + step * STEP_S
        taken = times(at, at + STEP_S)
        fine = taken is not None and (not taken or p99(taken) <= 1.5 * usual)
        normal = (normal if normal is not None else step * STEP_S) if fine else None
    failed = [row for row in rows if row[3] != "whole"]
    broken = [row for row in failed if row[2] >= 0]
    kinds: dict[str, int] = {}
    for *_, outcome in failed:
        kinds[outcome] = kinds.get(outcome, 0) + 1
    return {
        "requests": len(rows),
        "errors": len(failed) - len(broken),
        "errors_whole": sum(not row[1] for row in failed if row not in broken),
        "broken": len(broken),
        "kinds": kinds,
        "detected_s": detected,
        "normal_s": normal,
        "usual_p99_s": usual,
    }


def predicted(
    scenario: str, binary: str, rate: int, folder: pathlib.Path, stream_percent: int = 50
) -> dict:
    config, file = folder / "holdfast.yaml", folder / f"{scenario}.yaml"
    config.write_text(holdfast_config(dict.fromkeys(NAMES, 1), 2, 3))  # nobody is asked
    fault = SCENARIOS[scenario] | {"at": f"{WARM_UP_S}s", "lasts": f"{FAULT_S}s"}
    file.write_text(json.dumps({
        "name": scenario,
        "lasts": f"{WARM_UP_S + FAULT_S + AFTER_S}s",
        "traffic": {"requests_per_second": rate, "streams": stream_percent, "tokens": CHUNKS},
        "service": {"first_content": f"{FIRST_MS}ms", "between_tokens": f"{GAP_MS}ms",
                    "latency": "0ms"},
        "faults": [fault],
    }))  # fmt: skip
    ran = subprocess.run(
        [binary, "simulate", "--config", str(config), "--scenario", str(file), "--json"],
        env={**os.environ, "BENCH_KEY": "sk-bench"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise SystemExit(f"bench: holdfast simulate failed:\n{ran.stdout}{ran.stderr}")
    one = json.loads(ran.stdout)["runs"][0]

    def in_seconds(ms):
        return None if ms is None else ms / 1000

    return {
        "requests": one["requests"],
        "errors": one["errors"],
        "errors_whole": None,
        "broken": one["broken"],
        "kinds": one["kinds"],
        "detected_s": in_seconds(one["faults"][0]["detected_ms"]),
        "normal_s": in_seconds(one["faults"][0]["p99_normal_ms"]),
        "usual_p99_s": in_seconds(one["usual_p99_ms"]),
    }


def measure(binary: str, programs: pathlib.Path, rate: int, folder: pathlib.Path, say) -> dict:
    starts = {
        "holdfast": lambda ports, inner: start_holdfast(binary, ports, inner),
        "nginx": start_nginx,
        "haproxy": start_haproxy,
    }
    out: dict = {"rate": rate}
    for scenario in SCENARIOS:
        say(f"failover: {scenario} of the first of three at {rate} requests a second")
        found = {}
        for name, start in starts.items():
            inner = folder / f"{scenario}-{name}"
            inner.mkdir()
            questions = dialects.asked_by("openai", dialects.KINDS, inner)
            found[name] = run(scenario, start, programs, rate, questions, inner)
        inner = folder / f"{scenario}-simulated"
        inner.mkdir()
        found["simulated"] = predicted(scenario, binary, rate, inner)
        out[scenario] = found
    return out
