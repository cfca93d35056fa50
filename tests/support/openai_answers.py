"""What a provider of OpenAI's dialect says: answers and stream events made from a request.

Pure functions: the same request and options give the same bytes. `fake_upstream.py` sends them.
Shapes follow the published OpenAPI description and recorded traffic: compact stream chunks,
`usage: null` until the last one when usage was asked for, padding in `obfuscation`.
"""

import base64
import hashlib
import json
import struct

CREATED = 1_790_000_000
MODELS = ("m1", "m2", "gpt-4o-mini", "text-embedding-3-small")


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def error_body(message, kind, param=None, code=None) -> bytes:
    """OpenAI's error object, indented as OpenAI sends it."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return (json.dumps({"error": error}, indent=4) + "\n").encode()


def words(request, options) -> list[str]:
    """The pieces of the answer's text; max_tokens bounds them."""
    count = options.get("tokens", 5)
    text = options.get("text")
    pieces = text.split(" ") if text else ["Hello", "from", options.get("name", "fake")]
    pieces = pieces + [f"w{i}" for i in range(len(pieces), count)] if not text else pieces
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    pieces = pieces[: min(limit, len(pieces))] if limit else pieces
    return [piece if i == 0 else " " + piece for i, piece in enumerate(pieces)]


def finish_reason(request, options) -> str:
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    full = len(words({}, options))
    return "length" if limit and limit < full else options.get("finish_reason", "stop")


def usage_of(request, options, pieces: int) -> dict:
    prompt = max(1, len(compact(request.get("messages") or request.get("prompt") or "")) // 4)
    reasoning = 3 if options.get("reasoning") else 0
    choices = request.get("n") or 1
    completion = pieces * choices + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": min(2, prompt), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def example_of(schema) -> object:
    """A value that a JSON schema allows: enough of the language for tests."""
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema or "anyOf" in schema:
        return example_of(schema["anyOf"][0]) if "anyOf" in schema else {}
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example_of(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema.get("items", {"type": "string"}))]
    return {"string": "Rome", "integer": 7, "number": 1.5, "boolean": True, "null": None}[kind]


def tool_calls(request) -> list[dict]:
    """One call for each tool (one only when parallel calls are off); none after a tool's answer."""
    tools = request.get("tools") or []
    messages = request.get("messages") or [{}]
    if request.get("tool_choice") == "none" or messages[-1].get("role") == "tool":
        return []
    if request.get("parallel_tool_calls") is False:
        tools = tools[:1]
    calls = []
    for i, tool in enumerate(tools):
        function = tool.get("function", {})
        arguments = compact(example_of(function.get("parameters") or {}))
        calls.append(
            {
                "id": f"call_{i}{hashlib.sha256(arguments.encode()).hexdigest()[:22]}",
                "type": "function",
                "function": {"name": function.get("name", "f"), "arguments": arguments},
            }
        )
    return calls


def text_of(request, options) -> list[str]:
    form = request.get("response_format") or {}
    if form.get("type") == "json_schema":
        text = compact(example_of(form["json_schema"].get("schema", {})))
        return [text[i : i + 6] for i in range(0, len(text), 6)]
    if form.get("type") == "json_object":
        return ['{"city"', ':"Rome"}']
    return words(request, options)


def logprobs_of(request, pieces) -> dict | None:
    if not request.get("logprobs"):
        return None
    top = request.get("top_logprobs") or 0
    content = []
    for piece in pieces:
        entry = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
        content.append({**entry, "top_logprobs": [entry] * top})
    return {"content": content, "refusal": None}


def answer_head(request, options, kind, prefix) -> dict:
    digest = hashlib.sha256(compact(request).encode()).hexdigest()
    return {
        "id": f"{prefix}-{digest[:29]}",
        "object": kind,
        "created": CREATED,
        "model": options.get("answers_as") or str(request.get("model", "m1")),
    }


# Chat completions.


def chat_answer(request, options) -> dict:
    pieces = text_of(request, options)
    calls = tool_calls(request)
    refusal = "I cannot help with that." if options.get("refusal") else None
    message = {
        "role": "assistant",
        "content": None if calls or refusal else "".join(pieces),
        "refusal": refusal,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = calls
    if options.get("reasoning"):
        message["reasoning_content"] = "Let me think."
    reason = "tool_calls" if calls else finish_reason(request, options)
    choices = [
        {
            "index": index,
            "message": message,
            "logprobs": logprobs_of(request, pieces),
            "finish_reason": reason,
        }
        for index in range(request.get("n") or 1)
    ]
    answer = answer_head(request, options, "chat.completion", "chatcmpl")
    answer |= {"choices": choices, "usage": usage_of(request, options, len(pieces))}
    answer |= {"service_tier": "default", "system_fingerprint": "fp_44709d6fcb"}
    if options.get("usage") == "missing":
        del answer["usage"]
    return answer


def chat_deltas(request, options) -> list[tuple[str, dict]]:
    """(kind, delta) of one choice: role, reasoning, content or tool pieces."""
    calls = tool_calls(request)
    deltas = [("role", {"role": "assistant", "content": None if calls else "", "refusal": None})]
    if options.get("reasoning"):
        deltas += [("content", {"reasoning_content": part}) for part in ("Let ", "me ", "think.")]
    if options.get("refusal"):
        return deltas + [("content", {"refusal": part}) for part in ("I cannot", " help.")]
    for index, call in enumerate(calls):
        opening = {"name": call["function"]["name"], "arguments": ""}
        start = {"index": index, "id": call["id"], "type": "function", "function": opening}
        deltas.append(("content", {"tool_calls": [start]}))
        text = call["function"]["arguments"]
        for at in range(0, len(text), 7):
            piece = {"index": index, "function": {"arguments": text[at : at + 7]}}
            deltas.append(("content", {"tool_calls": [piece]}))
    if not calls and not options.get("empty"):
        deltas += [("content", {"content": piece}) for piece in text_of(request, options)]
    return deltas


def chat_events(request, options) -> list[tuple[str, str]]:
    """(kind, JSON text) of every event: azure, role, content, finish, usage, done."""
    head = answer_head(request, options, "chat.completion.chunk", "chatcmpl")
    head |= {"service_tier": "default", "system_fingerprint": "fp_44709d6fcb"}
    asked = (request.get("stream_options") or {}).get("include_usage")
    tail = {"usage": None} if asked and options.get("usage") != "missing" else {}
    tail |= {"obfuscation": "kJ3xWq"}
    events = []
    if options.get("azure"):
        filters = [{"prompt_index": 0, "content_filter_results": {}}]
        first = head | {"model": "", "id": "", "choices": [], "prompt_filter_results": filters}
        events.append(("azure", compact(first)))
    choices = range(request.get("n") or 1)
    for kind, delta in chat_deltas(request, options):
        for index in choices:
            logprobs = logprobs_of(request, [delta["content"]]) if delta.get("content") else None
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
            events.append((kind, compact(head | {"choices": [choice]} | tail)))
    reason = "tool_calls" if tool_calls(request) else finish_reason(request, options)
    for index in choices:
        choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": reason}
        events.append(("finish", compact(head | {"choices": [choice]} | tail)))
    if asked and options.get("usage") != "missing":
        usage = usage_of(request, options, len(text_of(request, options)))
        events.append(("usage", compact(head | {"choices": [], "usage": usage})))
    return events + [("done", "[DONE]")]


# Legacy completions.


def completion_answer(request, options) -> dict:
    pieces = words(request, options)
    answer = answer_head(request, options, "text_completion", "cmpl")
    text = "".join(pieces)
    answer["choices"] = [
        {
            "text": text,
            "index": index,
            "logprobs": None,
            "finish_reason": finish_reason(request, options),
        }
        for index in range(request.get("n") or 1)
    ]
    return answer | {"usage": usage_of(request, options, len(pieces))}


def completion_events(request, options) -> list[tuple[str, str]]:
    head = answer_head(request, options, "text_completion", "cmpl")
    asked = (request.get("stream_options") or {}).get("include_usage")
    tail = {"usage": None} if asked else {}
    pieces = words(request, options)
    events = []
    for piece in pieces:
        choice = {"text": piece, "index": 0, "logprobs": None, "finish_reason": None}
        events.append(("content", compact(head | {"choices": [choice]} | tail)))
    reason = finish_reason(request, options)
    choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": reason}
    events.append(("finish", compact(head | {"choices": [choice]} | tail)))
    if asked:
        usage = usage_of(request, options, len(pieces))
        events.append(("usage", compact(head | {"choices": [], "usage": usage})))
    return events + [("done", "[DONE]")]


# Embeddings and models.


def vector_of(text: str, dimensions: int) -> list[float]:
    """A vector that depends on the text alone; exact in float32, so both encodings agree."""
    out = []
    for i in range(dimensions):
        digest = hashlib.sha256(f"{i}:{text}".encode()).digest()
        out.append((digest[0] - 128) / 128)
    return out


def embeddings_answer(request, options) -> dict:
    given = request.get("input", "")
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    dimensions = request.get("dimensions") or 8
    data = []
    for index, item in enumerate(inputs):
        vector = vector_of(compact(item), dimensions)
        if request.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = max(1, len(compact(inputs)) // 4)
    return {
        "object": "list",
        "data": data,
        "model": options.get("answers_as") or request.get("model"),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def model_object(name: str) -> dict:
    return {"id": name, "object": "model", "created": 1_686_935_002, "owned_by": "openai"}


def models_answer() -> dict:
    return {"object": "list", "data": [model_object(name) for name in MODELS]}
