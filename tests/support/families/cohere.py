"""Cohere v2: chat, embed, rerank."""

import functools
import json

from . import published, scenario
from .server import Family, Refusal, Stream, Whole, hint_headers, parsed, path_of, sse

STOPS = {
    "end": "COMPLETE",
    "calls": "TOOL_CALL",
    "length": "MAX_TOKENS",
    "stop_string": "STOP_SEQUENCE",
    "filtered": "ERROR",
    "refused": "COMPLETE",
}
# The types of a request's fields, whose names the data has.
CHAT = {
    "model": "str",
    "messages": "ChatMessages",
    "stream": "bool",
    "tools": "List[ToolV2]",
    "strict_tools": "bool",
    "documents": "List[V2ChatRequestDocumentsItem]",
    "citation_options": "CitationOptions",
    "response_format": "ResponseFormatV2",
    "safety_mode": "V2ChatRequestSafetyMode",
    "max_tokens": "int",
    "stop_sequences": "List[str]",
    "temperature": "float",
    "seed": "int",
    "frequency_penalty": "float",
    "presence_penalty": "float",
    "k": "int",
    "p": "float",
    "logprobs": "bool",
    "tool_choice": "enum['REQUIRED', 'NONE']",
    "thinking": "Thinking",
    "priority": "int",
}
EMBED = {
    "model": "str",
    "input_type": "enum['search_document', 'search_query', 'classification', 'clustering', 'image']",
    "texts": "List[str]",
    "images": "List[str]",
    "inputs": "List[EmbedInput]",
    "max_tokens": "int",
    "output_dimension": "int",
    "embedding_types": "List[EmbeddingType]",
    "truncate": "enum['NONE', 'START', 'END']",
    "priority": "int",
}
RERANK = {
    "model": "str",
    "query": "str",
    "documents": "List[str]",
    "top_n": "int",
    "max_tokens_per_doc": "int",
    "priority": "int",
}
NEEDED = {
    "Chat": ("model", "messages"),
    "Embed": ("model", "input_type"),
    "Rerank": ("model", "query", "documents"),
}
RANGES = {"p": (0.01, 0.99), "k": (0, 500), "frequency_penalty": (0, 1), "presence_penalty": (0, 1)}
RANGES |= {"temperature": (0, 1)}


def make(kind: str, fake_name: str):
    del kind
    return Cohere(fake_name)


@functools.cache
def cohere_types():
    types = published.Annotations("cohere/types.json")
    for name, fields in (("Chat", CHAT), ("Embed", EMBED), ("Rerank", RERANK)):
        entries = [
            {"name": key, "type": kind, "required": key in NEEDED[name]}
            for key, kind in fields.items()
        ]
        types.types[name] = {"kind": "object", "bases": [], "fields": entries}
    return types


class Cohere(Family):
    name = "cohere"

    def usual_headers(self, x):
        return [
            ("x-debug-trace-id", scenario.digest("cohere", x.request.path)),
            ("num_tokens", "30"),
            ("x-endpoint-monthly-call-limit", "1000"),
            ("x-trial-endpoint-call-limit", "20"),
            ("x-trial-endpoint-call-remaining", "19"),
        ]

    def refuse(self, message, status=400, headers=(), **more):
        body = {"id": scenario.digest(message, length=32), "message": message} | more
        return Refusal(status, body, headers)

    def error(self, kind, options):
        if kind == "context":
            text = "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5326."
            return self.refuse(text, error_type="TOO_MANY_TOKENS")
        status, message = {
            "bad_request": (
                400,
                "invalid request: temperature must be between 0 and 1.0 inclusive.",
            ),
            "auth": ((401, 498)[options.get("variant", 1) - 1], "invalid api token"),
            "forbidden": (403, "Your account does not have access to this model."),
            "no_model": (404, "model 'm' not found, make sure the correct model ID was used"),
            "filtered": (422, "The request was blocked by our content policy."),
            "rate_limit": (
                429,
                "You are using a Trial key, which is limited to 20 API calls / minute.",
            ),
            "quota": (402, "Please add or update your payment method."),
            "overloaded": (503, "The service is currently overloaded."),
            "fault": (500, "internal server error"),
            "timeout": (504, "upstream timed out"),
        }[kind]
        return self.refuse(message, status, hint_headers(options))

    def stream_error(self, kind, options):
        """An error ends the message: a message-end that says so."""
        text = json.loads(self.error(kind, options).body)["message"]
        delta = {"finish_reason": "ERROR", "error": text}
        return sse({"type": "message-end", "id": "m", "delta": delta}, "message-end")

    # Requests.

    def reply(self, request, options):
        if (
            request.header(
                "authorization",
            )
            != f"Bearer {self.bearer}"
        ):
            raise self.error("auth", {})
        path, _ = path_of(request)
        if path == "/v1/models":
            return Whole({"models": [{"name": "m1", "endpoints": ["chat"]}]})
        body = parsed(request, self.refuse)
        if path == "/v2/chat":
            self.check(body, "Chat")
            return self.chat(body, options)
        if path == "/v2/embed":
            self.check(body, "Embed")
            return Whole(self.embed(body))
        if path == "/v2/rerank":
            self.check(body, "Rerank")
            return Whole(self.rerank(body))
        raise self.refuse(f"page {path} not found", 404)

    def check(self, body, root):
        if published.available():
            for problem in cohere_types().check(body, root):
                where = problem.path()
                text = f"unknown field: parameter '{where}' is not a valid field"
                if problem.kind != "unknown":
                    text = f"{where}: {problem.text}"
                raise self.refuse(f"invalid request: {text}")
        for name, (least, most) in RANGES.items():
            if name in body and not least <= body[name] <= most:
                text = f"{name} must be between {least} and {most} inclusive."
                raise self.refuse(f"invalid request: {text}")
        if len(body.get("stop_sequences") or []) > 5:
            raise self.refuse("invalid request: too many stop_sequences")

    def read(self, body, options):
        ask = scenario.Ask(body["model"], options, stream=body.get("stream") is True)
        for tool in body.get("tools") or []:
            ask.tools.append((tool["function"]["name"], tool["function"]["parameters"]))
        ask.choice = {"REQUIRED": "required", "NONE": "none"}.get(body.get("tool_choice"), "auto")
        ask.limit, ask.stops = body.get("max_tokens"), body.get("stop_sequences") or []
        form = body.get("response_format") or {}
        if form.get("type") == "json_object":
            ask.schema = form.get("json_schema") or form.get("schema") or {}
        ask.thinking = (body.get("thinking") or {}).get("type") == "enabled"
        calls = []
        for i, message in enumerate(body["messages"]):
            calls += [call["id"] for call in message.get("tool_calls") or []]
            content = message.get("content")
            parts = content if isinstance(content, list) else []
            if message["role"] == "tool":
                if message["tool_call_id"] not in calls:
                    text = f"messages[{i}]: tool_call_id {message['tool_call_id']} has no call before it"
                    raise self.refuse(f"invalid request: {text}")
                ask.results.append((tool_text(content), False))
            else:
                ask.results = []
            for part in parts:
                if part["type"] == "image_url":
                    ask.media.append(scenario.data_url(part["image_url"]["url"]))
        return ask

    # Answers.

    def usage(self, turn):
        """What is billed has none of the marks that the model is shown besides."""
        billed = {"input_tokens": scenario.INPUT, "output_tokens": turn.output}
        tokens = {"input_tokens": scenario.INPUT + 7, "output_tokens": turn.output + 2}
        return {"billed_units": billed, "tokens": tokens, "cached_tokens": scenario.CACHED}

    def call(self, block):
        function = {"name": block.name, "arguments": block.text}
        return {"id": f"{block.name}_{block.id[:12]}", "type": "function", "function": function}

    def content(self, block):
        if block.kind == "thinking":
            return {"type": "thinking", "thinking": block.text}
        return {"type": "text", "text": block.text}

    def citation(self, index, block):
        source = {"type": "document", "id": "doc:0", "document": scenario.SOURCE}
        place = {"start": 0, "end": len(block.text), "text": block.text, "content_index": index}
        return place | {"sources": [source], "type": "TEXT_CONTENT"}

    def chat(self, body, options):
        ask = self.read(body, options)
        turn = self.speak(ask)
        seed = scenario.digest(scenario.compact(body), length=32)
        reason = options.get("finish") or STOPS[turn.stop]
        usage = {"usage": self.usage(turn)} if turn.has_usage else {}
        if ask.stream:
            return Stream(self.events(seed, turn, reason, usage))
        message = {"role": "assistant"}
        planned = ("text", "call") if turn.of("call") else ("call",)
        content = [self.content(block) for block in turn.blocks if block.kind not in planned]
        message |= {"content": content} if content else {}
        cited = [self.citation(i, block) for i, block in enumerate(turn.blocks) if block.cited]
        message |= {"citations": cited} if cited else {}
        if turn.of("call"):
            message["tool_plan"] = turn.text or "I will use the tools."
            message["tool_calls"] = [self.call(block) for block in turn.of("call")]
        return Whole({"id": seed, "finish_reason": reason, "message": message} | usage)

    def events(self, seed, turn, reason, usage):
        out = []

        def add(kind, name, /, **fields):
            out.append((kind, sse({"type": name} | fields, name)))

        empty = {
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        }
        add("start", "message-start", id=seed, delta={"message": empty})
        if turn.of("call"):
            said = [block.pieces for block in turn.of("text")] or [["I will", " use the tools."]]
            for piece in said[0]:
                add("content", "tool-plan-delta", delta={"message": {"tool_plan": piece}})
        for step, index, block, piece in scenario.steps(turn):
            if block.kind == "text" and turn.of("call"):
                continue  # the plan
            if block.cited and step == "stop":
                cited = {"message": {"citations": self.citation(index, block)}}
                add("content", "citation-start", index=0, delta=cited)
                add("content", "citation-end", index=0)
            if block.kind == "call":
                name = f"tool-call-{'end' if step == 'stop' else step}"
                calls = self.call(block) | {"function": {"name": block.name, "arguments": ""}}
                if step == "delta":
                    calls = {"function": {"arguments": piece}}
                delta = {} if step == "stop" else {"delta": {"message": {"tool_calls": calls}}}
            else:
                name = f"content-{'end' if step == 'stop' else step}"
                kind = "thinking" if block.kind == "thinking" else "text"
                content = {kind: piece} if step == "delta" else {"type": kind, kind: ""}
                delta = {} if step == "stop" else {"delta": {"message": {"content": content}}}
            add(
                {"start": "open", "delta": "content", "stop": "close"}[step],
                name,
                index=index,
                **delta,
            )
        add("finish", "message-end", id=seed, delta={"finish_reason": reason} | usage)
        return [*out, ("done", sse("[DONE]"))]

    def embed(self, body):
        texts = body.get("texts") or [
            scenario.compact(one) for one in body.get("inputs") or body.get("images") or []
        ]
        dimensions = body.get("output_dimension") or 8
        vectors = [scenario.vector_of(scenario.compact(text), dimensions) for text in texts]
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": scenario.INPUT}}
        answer = {"id": "e1", "embeddings": {"float": vectors}, "texts": texts, "meta": meta}
        return answer | {"response_type": "embeddings_by_type"}

    def rerank(self, body):
        """Documents that share more words with the query come first."""
        wanted = set(body["query"].lower().split())
        scores = [
            (len(wanted & set(text.lower().split())) / max(1, len(wanted)), -index)
            for index, text in enumerate(body["documents"])
        ]
        ranked = sorted(scores, reverse=True)[: body.get("top_n") or len(scores)]
        results = [{"index": -index, "relevance_score": score} for score, index in ranked]
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return {"id": "r1", "results": results, "meta": meta}


def tool_text(content) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        inner = part.get("text") or (part.get("document") or {}).get("data") or {}
        parts.append(inner if isinstance(inner, str) else scenario.compact(inner))
    return "".join(parts)
