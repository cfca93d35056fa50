"""Mistral: OpenAI's shape with its own mind: whole calls, contents as arrays, ids of nine."""

import functools
import re

from . import published, scenario
from .openai import OpenAi
from .server import Refusal, hint_headers, sse

STOPS = {"end": "stop", "calls": "tool_calls", "length": "length", "stop_string": "stop"}
STOPS |= {"filtered": "error", "refused": "stop"}


def make(kind: str, fake_name: str):
    del kind
    return Mistral(fake_name)


@functools.cache
def mistral_types():
    return published.Annotations("mistral/types.json")


class Mistral(OpenAi):
    name = "mistral"
    media = ("/audio/transcriptions",)
    root = "ChatCompletionRequest"

    def types(self):
        return mistral_types()

    def check(self, body, root=None):
        super().check(body, "EmbeddingRequest" if root == "EmbeddingCreateParams" else root)

    def usual_headers(self, x):
        return [
            ("mistral-correlation-id", scenario.digest("mistral", x.request.path)),
            ("x-ratelimit-limit-req-minute", "60"),
            ("x-ratelimit-remaining-req-minute", "59"),
            ("x-ratelimit-tokens-query-cost", "30"),
        ]

    def refuse(self, message, kind="invalid_request_error", param=None, code=None, status=400):
        fields = {"object": "error", "message": message, "type": kind, "param": param, "code": code}
        return Refusal(status, fields)

    def refuse_problem(self, problem):
        tag = {"unknown": "extra_forbidden", "missing": "missing"}.get(problem.kind, "value_error")
        detail = {"type": tag, "loc": ["body", *problem.where], "msg": problem.text}
        return Refusal(422, {"detail": [detail]})

    def error(self, kind, options):
        if kind == "auth":
            return Refusal(401, {"detail": "Unauthorized"})
        status, message, tag, code = {
            "bad_request": (400, "Invalid temperature", "invalid_request_error", "1700"),
            "context": (
                400,
                "Prompt contains 40001 tokens and 0 draft tokens, too large for model "
                "with 32768 maximum context length",
                "invalid_request_prompt",
                "3051",
            ),
            "forbidden": (403, "You do not have access to this model.", "forbidden", "3000"),
            "no_model": (400, "Invalid model: m", "invalid_model", "1500"),
            "filtered": (400, "The request was blocked by a guardrail.", "guardrail", "3900"),
            "rate_limit": (429, "Requests rate limit exceeded", "rate_limited", "1300"),
            "quota": (402, "You have reached your spending limit.", "payment_required", "1400"),
            "overloaded": (503, "Service unavailable.", "service_unavailable", "3700"),
            "fault": (500, "Internal server error", "internal_server_error", "1000"),
            "timeout": (504, "Request timed out", "timeout", "3800"),
        }[kind]
        found = self.refuse(message, tag, None, code, status)
        found.headers += hint_headers(options)
        return found

    def check_meaning(self, body):
        messages, order = body["messages"], "invalid_request_message_order"
        roles = [message.get("role", "assistant") for message in messages]
        for message in messages:
            names = [call.get("id") for call in message.get("tool_calls") or []]
            names += [message["tool_call_id"]] if message.get("tool_call_id") else []
            for name in names:
                if not re.fullmatch(r"[a-zA-Z0-9]{9}", name or ""):
                    text = f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9."
                    raise self.refuse(text, "invalid_function_call", code="3280")
        for before, after in zip(roles, roles[1:], strict=False):
            if before == "tool" and after in ("user", "system"):
                text = f"Unexpected role '{after}' after role 'tool'"
                raise self.refuse(text, order, code="3230")
        if roles[-1] not in ("user", "tool") and not messages[-1].get("prefix"):
            text = "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            raise self.refuse(text + roles[-1], order, code="3230")
        super().check_meaning(body)

    def read(self, body, options):
        ask = super().read(body, options)
        ask.choice = "required" if ask.choice == "any" else ask.choice
        ask.thinking = body.get("prompt_mode") == "reasoning" or body.get(
            "reasoning_effort"
        ) not in (None, "none")
        return ask

    def read_part(self, part, ask):
        if part["type"] == "document_url":
            ask.media.append(scenario.data_url(part["document_url"]))
        elif part["type"] == "input_audio" and isinstance(part["input_audio"], str):
            ask.media.append(("audio", scenario.unbase64(part["input_audio"])))
        elif part["type"] == "thinking" and part.get("signature"):
            text = "".join(inner.get("text", "") for inner in part["thinking"])
            if part["signature"] != scenario.sign(self.secret, text):
                raise ValueError("the signature of a thinking chunk is not valid")
        else:
            super().read_part(part, ask)

    def call_id(self, block):
        return scenario.alphanumeric(block.id, length=9)

    def finish(self, turn):
        return turn.options.get("finish") or STOPS[turn.stop]

    def choice_extras(self, turn):
        del turn
        return {}

    def usage(self, turn):
        counts = {"prompt_tokens": scenario.INPUT, "completion_tokens": turn.output}
        counts["total_tokens"] = scenario.INPUT + turn.output
        return counts | {"prompt_tokens_details": {"cached_tokens": scenario.CACHED}}

    def thought(self, text, signature=None, closed=True):
        chunk = {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": closed}
        return chunk | ({"signature": signature} if signature else {})

    def call(self, block):
        function = {"name": block.name, "arguments": block.text}
        return {"id": self.call_id(block), "function": function, "index": 0}

    def message(self, turn):
        text = turn.text or "".join(block.text for block in turn.of("refusal"))
        calls = [self.call(block) | {"index": i} for i, block in enumerate(turn.of("call"))]
        if turn.options.get("args") == "object":
            for call, block in zip(calls, turn.of("call"), strict=True):
                call["function"]["arguments"] = block.arguments
        content = text
        if turn.of("thinking") or turn.options.get("content") == "array":
            thoughts = [self.thought(block.text, block.signature) for block in turn.of("thinking")]
            content = thoughts + ([{"type": "text", "text": text}] if text else [])
        return {
            "role": "assistant",
            "content": content,
            "tool_calls": calls or None,
            "prefix": False,
        }

    def whole(self, head, ask, turn, body):
        return super().whole(self.head(head), ask, turn, body)

    def head(self, head):
        return {name: head[name] for name in ("id", "created", "model")}

    def events(self, head, ask, turn, body):
        """Calls come whole, in the chunk that ends the choice, with the usage."""
        head, out = self.head(head) | {"object": "chat.completion.chunk"}, []
        array = turn.of("thinking") or turn.options.get("content") == "array"

        def add(kind, delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            out.append((kind, sse(head | {"choices": [choice], "p": "abcdefgh"} | more)))

        add("start", {"role": "assistant", "content": ""})
        for step, _, block, piece in scenario.steps(turn):
            if block.kind == "thinking" and step != "start":
                last = step == "stop"
                chunk = self.thought(piece or "", block.signature if last else None, closed=last)
                add("content", {"content": [chunk]})
            elif block.kind in ("text", "refusal") and step == "delta":
                add("content", {"content": [{"type": "text", "text": piece}] if array else piece})
        final = {"content": ""}
        if turn.of("call"):
            final = {"tool_calls": self.message(turn)["tool_calls"]} | final
        usage = {"usage": self.usage(turn)} if turn.has_usage else {}
        add("content" if turn.of("call") else "finish", final, self.finish(turn), **usage)
        return [*out, ("done", sse("[DONE]"))]
