#!/usr/bin/env python3
"""The day that both providers go away: two upstreams, a local model, 200 clients.

    .venv/bin/python examples/story.py [--clients 200] [--answers N] [--json FILE]

Two fake providers and the real gateway with its real local model run on this machine; 200 clients
stream chat answers without pause. Then provider one dies (kill -9), and provider two starts
answering 401. What the clients saw is counted and printed: nobody who was still waiting may see an
error, and whose answer broke off must be told so, once. Takes about two minutes on two cores.
"""

import argparse
import asyncio
import collections
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.processes import BINARY, Fake, Holdfast, eventually  # noqa: E402

TOKENS = 16  # of each answer
PACE_MS = 100  # between two tokens of a fake provider: 1.6 s for an answer
PATIENCE_S = 170  # for one answer; longer is a hang
QUESTIONS = ("Italy", "France", "Japan", "Egypt", "Peru", "Kenya", "Norway", "India")


def say(text=""):
    print(text, flush=True)


# One client's view.


@dataclasses.dataclass
class Answer:
    provider: str = "?"  # told by the answer's own `model`, since heads may come before content
    asked: float = 0.0
    first_content: float | None = None
    ended: float = 0.0
    outcome: str = "silent"  # good | cut | error | silent | hung
    error_events: int = 0
    detail: str = ""


async def read_stream(reader, answer: Answer) -> None:
    """Reads one answer off a connection and says what became of it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    if "transfer-encoding: chunked" not in head:
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        answer.outcome, answer.detail = "error", f"{status} {body[:200]!r}"
        return
    pending, done, malformed = b"", False, False
    while True:
        size = int((await reader.readuntil(b"\r\n"))[:-2], 16)
        pending += (await reader.readexactly(size + 2))[:-2]
        *events, pending = pending.split(b"\n\n")
        for event in events:
            if not event.startswith(b"data: "):
                continue  # a comment that keeps the connection open
            if event == b"data: [DONE]":
                done = True
                continue
            chunk = json.loads(event[6:])
            if "error" in chunk:
                answer.error_events += 1
                malformed |= not isinstance(chunk["error"].get("message"), str)
                answer.detail = chunk["error"]["message"]
                continue
            answer.provider = chunk["model"]
            choices = chunk.get("choices") or [{}]
            if choices[0].get("delta", {}).get("content") and answer.first_content is None:
                answer.first_content = time.monotonic()
        if size == 0:
            break
    if answer.error_events == 0 and done and not pending:
        answer.outcome = "good"
    elif answer.error_events == 1 and not done and not pending and not malformed:
        answer.outcome = "cut" if answer.first_content else "error"


class Crowd:
    """Clients that ask again as soon as they are answered."""

    def __init__(self, port: int, count: int):
        self.port, self.count = port, count
        self.answers: list[Answer] = []
        self.leaving = False
        self.changed = asyncio.Condition()

    async def client(self, number: int) -> None:
        reader = writer = None
        # Spread over the time of one answer, so that every moment finds them at all stages.
        await asyncio.sleep(number / self.count * TOKENS * PACE_MS / 1000)
        while not self.leaving:
            place = QUESTIONS[number % len(QUESTIONS)]
            question = {"role": "user", "content": f"What is the capital of {place}?"}
            body = {"model": "chat", "stream": True, "max_tokens": TOKENS, "messages": [question]}
            data = json.dumps(body).encode()
            head = (
                "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
            )
            answer = Answer(asked=time.monotonic())
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(head.encode() + data)
                async with asyncio.timeout(PATIENCE_S):
                    await read_stream(reader, answer)
            except TimeoutError:
                answer.outcome = "hung"
            except (OSError, asyncio.IncompleteReadError) as problem:
                answer.outcome, answer.detail = "silent", repr(problem)
                writer = None
                if isinstance(problem, ConnectionRefusedError):
                    self.leaving = True  # the gateway itself is gone
            answer.ended = time.monotonic()
            async with self.changed:
                self.answers.append(answer)
                self.changed.notify_all()

    async def until(self, provider: str, count: int, since: float) -> None:
        """Waits for `count` good answers of a provider."""

        def enough():
            good = [a for a in self.answers if a.outcome == "good" and a.ended > since]
            return sum(a.provider == provider for a in good) >= count

        async with self.changed:
            async with asyncio.timeout(PATIENCE_S):
                await self.changed.wait_for(enough)


# The play.


def engine_paths() -> tuple[str, str]:
    """The local engine and its model: from the environment, or from ./dev."""
    found = {name: os.environ.get(name) for name in ("HOLDFAST_ENGINE", "HOLDFAST_MODEL")}
    if not all(found.values()):
        printed = subprocess.run(
            [str(ROOT / "dev"), "env"], capture_output=True, text=True, check=True
        ).stdout
        for line in printed.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            found[name] = value
    for name, path in [("holdfast", BINARY), *found.items()]:
        if (name in ("holdfast", "HOLDFAST_ENGINE", "HOLDFAST_MODEL")) and not os.path.exists(path):
            sys.exit(f"story: {path} is missing; run ./dev up once, it makes everything")
    return found["HOLDFAST_ENGINE"], found["HOLDFAST_MODEL"]


def configuration(one: Fake, two: Fake, engine: str, model: str) -> dict:
    patient = {name: "120s" for name in ("headers", "first_content", "idle")}
    return {
        "server": {"drain_timeout": "5s"},
        "providers": {
            "one": {"kind": "openai_compatible", "base_url": one.base_url},
            "two": {"kind": "openai_compatible", "base_url": two.base_url},
            "local": {
                "kind": "llama_cpp",
                "binary": engine,
                "model": model,
                "standby": "warm",
                "parallel": 16,
                "frame": "user_assistant",
                "timeouts": patient | {"total": "150s"},
            },
        },
        "models": {
            "chat": {
                "policy": "failover",
                "deadline": "160s",
                "hold_keepalive": "5s",
                "targets": [
                    {"provider": "one", "model": "one"},
                    {"provider": "two", "model": "two"},
                    {"provider": "local", "model": "standby"},
                ],
            }
        },
    }


@dataclasses.dataclass
class Loss:
    what: str
    at: float
    next_provider: str


async def play(holdfast: Holdfast, one: Fake, two: Fake, options) -> dict:
    crowd = Crowd(holdfast.app_port, options.clients)
    start = time.monotonic()
    clients = [asyncio.ensure_future(crowd.client(i)) for i in range(options.clients)]
    say(f"{options.clients} clients stream; each asks again as soon as it is answered.")
    await crowd.until("one", 2 * options.clients, start)
    say(f"{time.monotonic() - start:6.1f} s  provider one has answered everybody twice")

    losses = [Loss("one is killed (-9)", time.monotonic(), "two")]
    one.process.send_signal(signal.SIGKILL)
    say(f"{losses[0].at - start:6.1f} s  kill -9 of provider one")
    await crowd.until("two", options.clients, losses[0].at)
    say(f"{time.monotonic() - start:6.1f} s  provider two has answered as many")

    losses.append(Loss("two answers 401", time.monotonic(), "local"))
    await asyncio.to_thread(two.behave, "status_401")
    say(f"{losses[1].at - start:6.1f} s  provider two answers 401 from now on")
    # The local engine names its model as it likes: whoever is neither one nor two.
    for answer in crowd.answers:
        assert answer.provider in ("one", "two", "?"), answer.provider
    names = {"one", "two", "?"}

    def from_local():
        for answer in crowd.answers:
            if answer.provider not in names:
                answer.provider = "local"
        good = [a for a in crowd.answers if a.outcome == "good" and a.provider == "local"]
        return len(good) >= options.answers

    names.add("local")
    async with crowd.changed:
        async with asyncio.timeout(PATIENCE_S):
            await crowd.changed.wait_for(from_local)
    say(f"{time.monotonic() - start:6.1f} s  the local model has answered {options.answers} times")
    crowd.leaving = True
    say("          the clients leave after the answer that each still waits for")
    await asyncio.gather(*clients)
    from_local()
    end = time.monotonic()
    say(f"{end - start:6.1f} s  all have left")

    answers = crowd.answers
    count = collections.Counter(a.outcome for a in answers)
    good_by = collections.Counter(a.provider for a in answers if a.outcome == "good")
    recoveries = []
    for loss in losses:
        good = [
            a.ended
            for a in answers
            if a.outcome == "good" and a.provider == loss.next_provider and a.ended > loss.at
        ]
        recoveries.append({"loss": loss.what, "seconds": min(good) - loss.at})
    last = [a for a in answers if a.asked > losses[1].at + 1]
    metrics = await asyncio.to_thread(holdfast.metrics)
    return {
        "clients": options.clients,
        "answers": len(answers),
        "good": count["good"],
        "good_by_provider": dict(good_by),
        "cut": count["cut"],
        "errors_before_content": count["error"],
        "silent": count["silent"],
        "hung": count["hung"],
        "details": sorted({a.detail for a in answers if a.outcome in ("error", "silent")})[:5],
        "recoveries": recoveries,
        "last_providers": sorted({a.provider for a in last}),
        "counted_cut_streams": metrics["holdfast_cut_streams_total"],
        "counted_error_events": metrics["holdfast_error_events_total"],
        "longest_wait_s": max(a.ended - a.asked for a in answers),
        "seconds": end - start,
    }


def tell(result: dict) -> None:
    say()
    say("What the clients saw")
    by = result["good_by_provider"]
    say(f"  {result['good']:6d}  good answers: {by.get('one', 0)} of one, {by.get('two', 0)} of two,"
        f" {by.get('local', 0)} of the local model")  # fmt: skip
    say(f"  {result['cut']:6d}  cut in mid-answer, each told so by one error event")
    say(f"  {result['errors_before_content']:6d}  errors before content")
    say(f"  {result['silent']:6d}  ended in silence")
    say(f"  {result['hung']:6d}  hung")
    say()
    say("From each loss to the first good answer of the next")
    for recovery in result["recoveries"]:
        say(f"  {recovery['seconds']:6.2f} s  {recovery['loss']}")
    say()
    say("What the gateway counted")
    say(f"  {result['counted_cut_streams']:6.0f}  streams cut after content")
    say(f"  {result['counted_error_events']:6.0f}  error events sent")
    for detail in result["details"]:
        say(f"  unexpected: {detail[:66]}")


def problems(result: dict) -> list[str]:
    """What went against the promise."""
    found = []
    if result["errors_before_content"]:
        found.append("somebody who was still waiting saw an error")
    if result["silent"]:
        found.append("an answer ended in silence")
    if result["hung"]:
        found.append("a client was left hanging")
    if result["last_providers"] != ["local"]:
        found.append(f"the last answers came from {result['last_providers']}")
    if result["cut"] != result["counted_cut_streams"]:
        found.append("the gateway and the clients count different cuts")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--answers", type=int, default=20, help="good ones of the local model")
    parser.add_argument("--json", help="write the numbers to this file")
    options = parser.parse_args()
    engine, model = engine_paths()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-story-"))
    behave = {"name": "good", "tokens": TOKENS, "delay_ms": PACE_MS}
    one, two = Fake("one", behave=behave), Fake("two", behave=behave)
    holdfast = None
    try:
        holdfast = Holdfast(folder, configuration(one, two, engine, model))
        say("Two providers, a local model, and Holdfast in front of them are up.")
        eventually(
            lambda: holdfast.metrics().get('holdfast_engine_ready{provider="local"}') == 1,
            "the local engine is ready",
            120,
        )
        result = asyncio.run(play(holdfast, one, two, options))
        if holdfast.stop() != 0:
            raise AssertionError("the gateway did not stop well")
    finally:
        for fake in (one, two):
            fake.stop()
        if holdfast is not None and holdfast.process.poll() is None:
            holdfast.kill()
    tell(result)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    wrong = problems(result)
    say()
    if wrong:
        say("Not as promised:")
        for one_wrong in wrong:
            say(f"  {one_wrong}")
        say(f"Logs and records are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    say("As promised.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
