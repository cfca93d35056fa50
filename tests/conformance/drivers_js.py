"""The JavaScript SDKs as drivers: a node process of our own that js/driver.mjs runs in."""

import base64
import dataclasses
import json
import pathlib
import shutil
import subprocess

import drivers
from drivers.driver import Call, Driver, Fault, Outcome, Usage

HERE = pathlib.Path(__file__).resolve().parent / "js"
# Each client, and whose dialect it speaks.
FAMILY = {
    "js_openai": "openai",
    "ai_openai": "openai",
    "ai_responses": "responses",
    "ai_anthropic": "anthropic",
    "ai_google": "gemini",
    "ai_bedrock": "bedrock",
}


def missing() -> str | None:
    """Why they cannot run here."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (HERE / "node_modules" / "ai").exists():
        return "tests/conformance/js/node_modules is missing: npm ci in tests/conformance/js"
    return None


class Node:
    """One process for all; it answers one line at a time."""

    def __init__(self):
        environment = {
            "KEY": drivers.KEY,
            "REGION": drivers.REGION,
            "ACCESS_KEY": drivers.ACCESS_KEY,
            "SECRET_KEY": drivers.SECRET_KEY,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        self.process = subprocess.Popen(
            [shutil.which("node"), "driver.mjs"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, question: dict) -> dict:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"node ended with {self.process.wait()}"
        return json.loads(line)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class JavaScript(Driver):
    def __init__(self, node: Node, name: str, root_url: str):
        super().__init__(root_url)
        self.node, self.name = node, name

    def ask(self, model, request, stream):
        given = dataclasses.asdict(dataclasses.replace(request, rounds=[]))
        given["images"] = [base64.b64encode(one).decode() for one in request.images]
        given["documents"] = [base64.b64encode(one).decode() for one in request.documents]
        given["rounds"] = [
            [out.native, [[dataclasses.asdict(call), text, bad] for call, text, bad in results]]
            for out, results in request.rounds
        ]
        question = {"client": self.name, "url": self.root_url, "model": model}
        answer = self.node.ask(question | {"request": given, "stream": stream})
        if "fault" in answer:
            found = answer["fault"]
            raise Fault(None, found["status"], found["message"], found["kind"], found["headers"])
        out = Outcome(**answer["outcome"])
        out.calls = [Call(**call) for call in out.calls]
        out.usage = Usage(**out.usage) if out.usage else None
        return out
