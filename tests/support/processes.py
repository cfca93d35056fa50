"""The processes of tests and examples: Holdfast itself and fake upstreams, started and watched."""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKE = pathlib.Path(__file__).with_name("fake_upstream.py")
FAMILY_FAKE = pathlib.Path(__file__).with_name("fake_provider.py")
BINARY = pathlib.Path(os.environ.get("HOLDFAST_BINARY", ROOT / "build/release/holdfast"))
# A sanitized build keeps freed memory and needs descriptors of its own.
SANITIZED = BINARY.parent.name.endswith(("asan", "tsan"))
SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|runtime error: |WARNING: ThreadSanitizer).*")
# Sanitized builds and busy machines are slower; nothing here depends on being fast.
PATIENCE_S = 20


def eventually(condition, what: str, timeout: float = PATIENCE_S):
    """Returns the first true value of `condition()`; fails, saying `what`, after `timeout`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true within {timeout} s: {what}; last: {value!r}")
        time.sleep(0.01)


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment without proxies and keys of the machine that the tests run on."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.search(r"(?i)(proxy|_key$|_token$|^openai|^ssl_cert)", name)
    }
    kept.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return kept | {"UPSTREAM_KEY": "sk-upstream-secret"} | (extra or {})


class Fake:
    """A fake upstream in a process of its own; `family`: one of families/server.py's."""

    def __init__(
        self,
        name="one",
        behave=None,
        receipts=None,
        tls=None,
        host="127.0.0.1",
        port=0,
        family=None,
    ):
        self.name, self.host, self.tls, self.family = name, host, tls, family
        script = [str(FAMILY_FAKE), "--family", family] if family else [str(FAKE)]
        command = [sys.executable, *script, "--name", name, "--host", host, "--port", str(port)]
        if behave:
            command += ["--behave", json.dumps(behave)]
        if receipts:
            command += ["--receipts", str(receipts)]
        if tls:
            command += ["--cert", tls["cert"], "--key", tls["key"]]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, f"the fake upstream {name} did not start"
        ready = json.loads(line)
        self.port, self.control_port = ready["port"], ready["control_port"]
        # Whether requests are held against the published types, which are not part of the project.
        self.checks_types = ready.get("checked", False)
        self._control = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=30)
        self._lock = threading.Lock()

    @property
    def root_url(self) -> str:
        scheme = "https" if self.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        return self.root_url + "/v1"

    def control(self, method: str, path: str, body=None):
        with self._lock:
            self._control.request(method, path, json.dumps(body) if body is not None else None)
            return json.loads(self._control.getresponse().read())

    def behave(self, name: str, **options) -> None:
        self.control("POST", "/behave", {"name": name, **options})

    def listen(self, is_open: bool) -> None:
        self.control("POST", "/listen", {"open": is_open})

    def release(self) -> None:
        self.control("POST", "/release")

    def clear(self) -> None:
        self.control("POST", "/clear")

    def state(self) -> dict:
        return self.control("GET", "/state")

    def receipts(self) -> list[dict]:
        found = self.control("GET", "/receipts")
        for receipt in found:
            receipt["body"] = base64.b64decode(receipt["body"])
            receipt["header"] = {name.lower(): value for name, value in receipt["headers"]}
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.stdout.close()


class Holdfast:
    """The real binary with a configuration of its own, ready when constructed.

    `config` is YAML text, a path, or a value that is written as JSON (which YAML reads) with the
    listeners on free ports of loopback unless it names them.
    """

    def __init__(self, folder, config, env=None, state=None, wait=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_file = self.folder / "holdfast.yaml"
        self.state = pathlib.Path(state or self.folder / "state")
        if isinstance(config, pathlib.Path):
            self.config_file = config  # a file or folder of the test's own
        else:
            self.write(config)
        self.log_file = self.folder / "stderr.log"
        self.expected_exit = False
        self.tls = None  # the ssl.SSLContext of a client, for listeners with TLS
        self._lines = []
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--config", self.config_file, "--state", self.state],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(env),
                text=True,
            )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()

    def write(self, config) -> None:
        if not isinstance(config, str):
            config = {"server": {}, "admin": {}} | config
            config["server"] = {"listen": "127.0.0.1:0", "drain_timeout": "2s"} | config["server"]
            config["admin"] = {"listen": "127.0.0.1:0"} | config["admin"]
            config = json.dumps(config, indent=2)
        self.config_file.write_text(config)

    def _collect(self) -> None:
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                self._lines.append(line.rstrip("\n"))

    def output(self) -> str:
        return "\n".join(list(self._lines))

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def _url(self, side: str) -> str | None:
        found = re.search(rf"listening on (https?://\S+) \({side}\)", self.output())
        return found[1] if found else None

    def wait_ready(self, timeout: float = PATIENCE_S) -> None:
        def ready():
            if self.process.poll() is not None:
                self.expected_exit = True
                raise AssertionError(
                    f"holdfast ended with {self.process.returncode} before it was ready\n"
                    f"{self.output()}\n{self.log()}"
                )
            return self._url("applications") and self._url("administration")

        eventually(ready, "the ready lines of holdfast", timeout)
        self.app_url, self.admin_url = self._url("applications"), self._url("administration")
        self.app_port = int(self.app_url.rsplit(":", 1)[1])
        self.admin_port = int(self.admin_url.rsplit(":", 1)[1])

    # Asking it.

    def token(self) -> str:
        """The machine's own, which administers it."""
        return (self.state / "admin.token").read_text().strip()

    def ask(self, method: str, path: str, body=None, headers=None, admin=False, timeout=30):
        """One request on a connection of its own; the answer as (status, headers, bytes).

        What changes something at the administration goes with the machine's token, unless `headers`
        say who asks: authorization, a cookie, or {"authorization": None} for nobody."""
        port = self.admin_port if admin else self.app_port
        if (self.admin_url if admin else self.app_url).startswith("https:"):
            connection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=timeout, context=self.tls
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            sent = dict(headers or {})
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            if body is not None:
                sent.setdefault("content-type", "application/json")
            if admin and method not in ("GET", "HEAD") and "cookie" not in sent:
                sent.setdefault("authorization", f"Bearer {self.token()}")
            sent = {name: value for name, value in sent.items() if value is not None}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def chat(self, model="chat", stream=False, timeout=30, headers=None, **fields):
        """A chat request; (status, headers, bytes)."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]} | fields
        if stream:
            body["stream"] = True
        return self.ask("POST", "/v1/chat/completions", body, headers, timeout=timeout)

    def admin(self, path: str):
        status, _, body = self.ask("GET", path, admin=True)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics: 'name{labels}' -> value."""
        _, _, body = self.ask("GET", "/metrics", admin=True)
        samples = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def attempts(self, query: str = "") -> list[dict]:
        """Every recorded attempt, newest first, through all pages."""
        found, cursor = [], ""
        while True:
            joined = "&".join(part for part in ("limit=500", query, cursor) if part)
            page = self.admin(f"/api/v1/requests?{joined}")
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = f"cursor={page['next_cursor']}"

    def attempts_of(self, request_id: str, count: int) -> list[dict]:
        """The settled attempts of one request in order, once they are in the store."""

        def found():
            records = self.attempts(f"request_id={request_id}")
            return (
                len(records) >= count and all(r["state"] == "settled" for r in records) and records
            )

        records = eventually(found, f"{count} records of {request_id}")
        assert len(records) == count, records
        return sorted(records, key=lambda record: record["attempt"])

    # What it costs.

    def rss_bytes(self) -> int:
        """Resident memory; a constant for a sanitized build, whose memory says nothing."""
        if SANITIZED:
            return 0
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    # Ending it.

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def reload(self, config) -> None:
        """Writes the configuration and asks for a reload; returns at once."""
        self.write(config)
        self.signal(signal.SIGHUP)

    def kill(self) -> None:
        self.expected_exit = True
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def stop(self, timeout: float = PATIENCE_S) -> int:
        """SIGTERM and the end; the exit status. What a sanitizer printed is a failure."""
        if self.process.poll() is None:
            self.expected_exit = True
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"holdfast did not end within {timeout} s of SIGTERM\n{self.log()}"
                ) from None
        self._reader.join()
        self.process.stdout.close()
        self.check()
        return self.process.returncode

    def check(self) -> None:
        """Fails when it crashed, ended unasked, or when a sanitizer found something."""
        log = self.log()
        found = SANITIZER.search(log)
        assert not found, f"{found[0]}\n{log[found.start() : found.start() + 6000]}"
        code = self.process.poll()
        if code is not None and not self.expected_exit:
            raise AssertionError(f"holdfast ended by itself with {code}\n{log[-4000:]}")
        if code is not None and code < 0 and code not in (-signal.SIGKILL, -signal.SIGTERM):
            raise AssertionError(f"holdfast died of signal {-code}\n{log[-4000:]}")
