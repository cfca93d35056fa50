"""The processes of the benchmark: the proxies that are compared, and the upstream behind them."""

import dataclasses
import json
import os
import pathlib
import re
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
PROXY_CORE, LOAD_CORE = 0, 1
START_S = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen, log: pathlib.Path):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise SystemExit(f"bench: {process.args[0]} did not start:\n{log.read_text()[-2000:]}")


def pinned(core: int, command: list[str]) -> list[str]:
    """`command` bound to a core; unbound on a machine that has only one."""
    if len(os.sched_getaffinity(0)) < 2:
        return command
    return ["taskset", "-c", str(core), *command]


def load_share(before: list[int], after: list[int]) -> float:
    """How busy the load's core was between two readings of core_ticks()."""
    spent = [b - a for a, b in zip(before, after, strict=True)]
    return 1 - spent[3] / max(1, sum(spent[:8]))


def core_ticks(core: int) -> list[int]:
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return [int(field) for field in line.split()[1:]]
    return [0, 0, 0, 1] + [0] * 6


@dataclasses.dataclass
class Running:
    """A process, and those of its children that do the work."""

    name: str
    port: int
    process: subprocess.Popen

    def workers(self) -> list[int]:
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children] or [pid]

    def cpu_s(self) -> float:
        """utime and stime of all threads, in seconds."""
        total = 0
        for pid in self.workers():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def rss_kib(self) -> int:
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.workers()]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in texts)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def spawn(name: str, port: int, core: int, command: list[str], folder: pathlib.Path) -> Running:
    log = folder / f"{name}.log"
    process = subprocess.Popen(
        pinned(core, command),
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, "BENCH_KEY": "sk-bench"},
    )
    running = Running(name, port, process)
    wait_for_port(port, process, log)
    return running


def start_holdfast(
    name: str, binary: str, upstream: int, folder: pathlib.Path, price: str = "", more: str = ""
) -> Running:
    """`price`: what the target's tokens cost; `more`: further sections of the configuration."""
    priced = f", price: {price}" if price else ""
    port = free_port()
    config = folder / f"{name}.yaml"
    config.write_text(f"""
server: {{ listen: 127.0.0.1:{port}, threads: 1 }}
admin: {{ listen: 127.0.0.1:{free_port()} }}
providers:
  bench: {{ kind: openai_compatible, base_url: http://127.0.0.1:{upstream}/v1, key: env:BENCH_KEY }}
models:
  chat: {{ policy: failover, targets: [ {{ provider: bench, model: gpt-4o-mini{priced} }} ] }}
{more}""")
    state = folder / f"{name}-state-{port}"
    state.mkdir()
    command = [binary, "serve", "--config", str(config), "--state", str(state)]
    return spawn(name, port, PROXY_CORE, command, folder)


NGINX = """
daemon off; master_process on; worker_processes 1; worker_rlimit_nofile 16384;
error_log stderr {level}; pid {folder}/{name}.pid; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 64k;  # the larger body stays in memory: else nginx writes a file for it
  {body}
}}
"""
PROXY = """
  upstream bench {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location /unbuffered/ {{
      proxy_pass http://bench/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}"""
ORIGIN = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}"""


def start_nginx(
    name: str, core: int, body: str, port: int, folder: pathlib.Path, level: str = "error"
) -> Running:
    config = folder / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX.format(folder=folder, name=name, user=user, body=body, level=level))
    binary = os.environ.get("HOLDFAST_NGINX", "nginx")
    return spawn(name, port, core, [binary, "-p", str(folder), "-c", str(config)], folder)


def start_nginx_proxy(upstream: int, folder: pathlib.Path) -> Running:
    port = free_port()
    body = PROXY.format(upstream=upstream, port=port)
    return start_nginx("nginx", PROXY_CORE, body, port, folder)


def start_answering_upstream(folder: pathlib.Path) -> Running:
    """Answers every request with one chat completion of about 1.5 kB."""
    text = "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen. " * 12
    answer = {
        "id": "chatcmpl-9f8e7d6c5b4a39281706",
        "object": "chat.completion",
        "created": 1800000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text.strip(), "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 180,
            "completion_tokens": 156,
            "total_tokens": 336,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }
    port = free_port()
    body = ORIGIN.format(port=port, answer=json.dumps(answer, separators=(",", ":")))
    return start_nginx("upstream", LOAD_CORE, body, port, folder)


def start_streaming_upstream(program: pathlib.Path, rate: int, folder: pathlib.Path) -> Running:
    port = free_port()
    return spawn("streams", port, LOAD_CORE, [str(program), str(port), str(rate)], folder)
