"""OpenAI: chat completions, Responses (openai_responses.py), embeddings, models.

Azure and Mistral are this one with their deviations (azure_openai.py, mistral.py).
"""

import base64
import functools
import json
import struct

import misbehaviour
import openai_media

from . import openai_responses, published, scenario
from .server import Family, Refusal, Stream, Whole, hint_headers, parsed, path_of, sse

STOPS = {
    "end": "stop",
    "calls": "tool_calls",
    "length": "length",
    "stop_string": "stop",
    "filtered": "content_filter",
    "refused": "stop",
}


def make(kind: str, fake_name: str) -> Family:
    del kind
    return OpenAi(fake_name)


@functools.cache
def chat_types():
    extra = {
        "CompletionCreateParamsBase": {"stream": "Optional[bool]"},
        "ChatCompletionNamedToolChoiceParam": {"function": "Dict[str, str]"},
        # Applications send back the message that they got, and the API takes it.
        "ChatCompletionAssistantMessageParam": {"annotations": "Any"},
    }
    return published.Annotations("openai/chat-completions-types.json", extra=extra)


class OpenAi(Family):
    name = "openai"
    root = "CompletionCreateParamsBase"
    prefix = "/v1"
    media = tuple(openai_media.ENDPOINTS)

    def __init__(self, fake_name: str):
        super().__init__(fake_name)
        self.stored = {}  # responses by their id

    def types(self):
        return chat_types()

    def usual_headers(self, x):
        return misbehaviour.usual_headers(x)

    # Errors.

    def refuse(self, message, kind="invalid_request_error", param=None, code=None, status=400):
        error = {"message": message, "type": kind, "param": param, "code": code}
        return Refusal(status, {"error": error})

    def refuse_problem(self, problem: published.Problem) -> Refusal:
        where = problem.path("brackets")
        kind, text = {
            "unknown": ("unknown_parameter", f"Unknown parameter: '{where}'."),
            "missing": ("missing_required_parameter", f"Missing required parameter: '{where}'."),
            "type": ("invalid_type", f"Invalid type for '{where}': {problem.text}."),
            "value": ("invalid_value", f"Invalid value for '{where}': {problem.text}."),
        }[problem.kind]
        return self.refuse(text, param=where, code=kind)

    def error(self, kind, options):
        money, server = "insufficient_quota", "server_error"
        status, message, tag, param, code = {
            "bad_request": (
                400,
                "Invalid value for 'temperature'.",
                None,
                "temperature",
                "invalid_value",
            ),
            "context": (400, context_text(options), None, "messages", "context_length_exceeded"),
            "auth": (
                401,
                "Incorrect API key provided: sk-up****ret.",
                None,
                None,
                "invalid_api_key",
            ),
            "forbidden": (
                403,
                "Country, region, or territory not supported",
                "request_forbidden",
                None,
                "unsupported_country_region_territory",
            ),
            "no_model": (
                404,
                "The model `m` does not exist or you do not have access to it.",
                None,
                None,
                "model_not_found",
            ),
            "filtered": (
                400,
                "Your request was rejected as a result of our safety system.",
                None,
                None,
                "content_policy_violation",
            ),
            "rate_limit": (
                429,
                "Rate limit reached for m in organization org-x on requests per min "
                f"(RPM): Limit 3, Used 3. Please try again in {options.get('seconds', 2)}s.",
                "requests",
                None,
                "rate_limit_exceeded",
            ),
            "quota": (
                429,
                "You exceeded your current quota, please check your plan.",
                money,
                None,
                money,
            ),
            "overloaded": (
                503,
                "The server is currently overloaded with other requests.",
                "service_unavailable_error",
                None,
                "server_is_overloaded",
            ),
            "fault": (
                500,
                "The server had an error while processing your request.",
                server,
                None,
                None,
            ),
            "timeout": (408, "Request timed out.", "timeout", None, None),
        }[kind]
        found = self.refuse(message, tag or "invalid_request_error", param, code, status)
        found.headers += hint_headers(options, "durations" if kind == "rate_limit" else None)
        if kind == "quota":
            found.headers.append(("x-should-retry", "false"))
        return found

    def stream_error(self, kind, options):
        return sse(self.error(kind, options).body.decode())

    # Requests.

    def authenticate(self, request) -> None:
        if request.header("authorization") != f"Bearer {self.bearer}":
            raise self.error("auth", {})

    def locate(self, request) -> str:
        """The path below the version."""
        path, _ = path_of(request)
        if not path.startswith(self.prefix):
            raise self.refuse(f"Invalid URL ({request.method} {path})", status=404)
        return path[len(self.prefix) :]

    def reply(self, request, options):
        self.authenticate(request)
        path = self.locate(request)
        if path == "/models":
            return Whole({"object": "list", "data": [self.model("m1"), self.model("m2")]})
        if path.startswith("/models/"):
            return Whole(self.model(path[len("/models/") :]))
        if path.startswith("/responses/"):
            return openai_responses.stored(self, request.method, path)
        if path in self.media:
            return self.make_media(path, request, options)
        body = parsed(request, self.refuse)
        if path == "/chat/completions":
            return self.chat(body, options)
        if path == "/embeddings":
            return Whole(self.embeddings(body, options))
        if path == "/responses" and self.name in ("openai", "azure_openai"):
            return openai_responses.reply(self, body, options)
        raise self.refuse(f"Invalid URL ({request.method} {path})", status=404)

    def make_media(self, endpoint, request, options):
        try:
            openai_media.check(endpoint, request)
        except openai_media.Refusal as refusal:
            raise Refusal(400, refusal.body) from refusal
        if request.json.get("stream") in (True, "true"):
            events = openai_media.events(endpoint, request, options)
            named = endpoint.startswith("/images/")
            return Stream(
                [
                    (kind, sse(text, json.loads(text)["type"] if named else None))
                    for kind, text in events
                ]
            )
        content_type, content = openai_media.whole(endpoint, request, options)
        return Whole(content, content_type=content_type)

    def model(self, name):
        return {"id": name, "object": "model", "created": 1_686_935_002, "owned_by": self.name}

    def check(self, body, root=None) -> None:
        if published.available():
            for problem in self.types().check(body, root or self.root):
                raise self.refuse_problem(problem)

    def check_meaning(self, body) -> None:
        """What types cannot say: calls and their results pair up, limits hold."""
        if not body["messages"]:
            raise self.refuse(
                "Invalid 'messages': empty array.", param="messages", code="empty_array"
            )
        open_calls = []
        for i, message in enumerate(body["messages"]):
            where = f"messages.[{i}]"
            if message["role"] == "tool":
                if message["tool_call_id"] not in open_calls:
                    text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                    raise self.refuse(f"Invalid parameter: {text}", param=f"{where}.role")
                open_calls.remove(message["tool_call_id"])
                continue
            if open_calls:
                break
            open_calls = [call["id"] for call in message.get("tool_calls") or []]
        if open_calls:
            text = (
                "An assistant message with 'tool_calls' must be followed by tool messages responding "
                "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            )
            raise self.refuse(text + ", ".join(open_calls), param="messages")
        if body.get("top_logprobs") and not body.get("logprobs"):
            raise self.refuse("'top_logprobs' needs 'logprobs'.", param="top_logprobs")

    def read(self, body, options) -> scenario.Ask:
        ask = scenario.Ask(str(body["model"]), options, stream=body.get("stream") is True)
        for tool in body.get("tools") or []:
            inner = tool.get("function") or {}
            ask.tools.append((inner.get("name"), inner.get("parameters")))
        choice = body.get("tool_choice") or "auto"
        ask.choice = choice if isinstance(choice, str) else choice["function"]["name"]
        ask.parallel = body.get("parallel_tool_calls") is not False
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema":
            ask.schema = form["json_schema"].get("schema") or {}
        elif form.get("type") == "json_object":
            ask.schema = {}
        stop = body.get("stop") or []
        ask.stops = [stop] if isinstance(stop, str) else stop
        ask.limit = body.get("max_completion_tokens") or body.get("max_tokens")
        ask.count = body.get("n") or 1
        for message in body["messages"]:
            self.read_message(message, ask)
        return ask

    def read_message(self, message, ask) -> None:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        text = "".join(part.get("text", "") for part in parts if part["type"] == "text")
        if message["role"] in ("system", "developer"):
            ask.system += text
        elif message["role"] == "tool":
            ask.results.append((text, False))
        else:
            ask.results = []
        try:
            for part in parts:
                self.read_part(part, ask)
        except ValueError as problem:
            raise self.refuse(f"Invalid image data: {problem}", code="invalid_image_url") from None

    def read_part(self, part, ask) -> None:
        if part["type"] == "image_url":
            url = part["image_url"]
            ask.media.append(scenario.data_url(url if isinstance(url, str) else url["url"]))
        elif part["type"] == "input_audio":
            audio = part["input_audio"]
            ask.media.append((f"audio/{audio['format']}", scenario.unbase64(audio["data"])))
        elif part["type"] == "file" and "file_data" in part["file"]:
            ask.media.append(scenario.data_url(part["file"]["file_data"]))

    # Answers.

    def chat(self, body, options):
        self.check(body)
        self.check_meaning(body)
        ask = self.read(body, options)
        turn = self.speak(ask)
        head = {
            "id": f"chatcmpl-{scenario.digest(scenario.compact(body), length=29)}",
            "created": scenario.CREATED,
            "model": ask.answers_as,
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
        }
        if not ask.stream:
            return Whole(self.whole(head, ask, turn, body))
        return Stream(self.events(head, ask, turn, body))

    def call_id(self, block) -> str:
        return f"call_{block.id}"

    def call(self, block) -> dict:
        function = {"name": block.name, "arguments": block.text}
        return {"id": self.call_id(block), "type": "function", "function": function}

    def usage(self, turn) -> dict:
        return {
            "prompt_tokens": scenario.INPUT,
            "completion_tokens": turn.output,
            "total_tokens": scenario.INPUT + turn.output,
            "prompt_tokens_details": {"cached_tokens": scenario.CACHED, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": turn.reasoning, "audio_tokens": 0},
        }

    def finish(self, turn) -> str:
        return turn.options.get("finish") or STOPS[turn.stop]

    def message(self, turn) -> dict:
        calls, refusals = turn.of("call"), turn.of("refusal")
        message = {
            "role": "assistant",
            "content": turn.text if turn.of("text") else None,
            "refusal": refusals[0].text if refusals else None,
            "annotations": self.annotations(turn),
        }
        return message | ({"tool_calls": [self.call(block) for block in calls]} if calls else {})

    def annotations(self, turn) -> list:
        if not turn.cites:
            return []
        start, end = turn.cited_range()
        place = {"start_index": start, "end_index": end}
        return [{"type": "url_citation", "url_citation": scenario.SOURCE | place}]

    def choice_extras(self, turn) -> dict:
        """What a deviation puts beside each choice."""
        del turn
        return {"logprobs": None}

    def logprobs(self, body, pieces) -> dict | None:
        if not body.get("logprobs"):
            return None
        content = []
        for piece in pieces:
            entry = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
            content.append(entry | {"top_logprobs": [entry] * (body.get("top_logprobs") or 0)})
        return {"content": content, "refusal": None}

    def whole(self, head, ask, turn, body) -> dict:
        pieces = [piece for block in turn.of("text") for piece in block.pieces]
        choice = {"message": self.message(turn), "finish_reason": self.finish(turn)}
        choice |= self.choice_extras(turn)
        if body.get("logprobs"):
            choice["logprobs"] = self.logprobs(body, pieces)
        choices = [{"index": index} | choice for index in range(ask.count)]
        answer = head | {"object": "chat.completion", "choices": choices}
        return answer | ({"usage": self.usage(turn)} if turn.has_usage else {})

    def deltas(self, turn):
        """(kind, delta) of one choice."""
        first = {"role": "assistant", "content": None if turn.of("call") else "", "refusal": None}
        yield "start", first
        number = -1
        numbers = {}
        for step, index, block, piece in scenario.steps(turn):
            if block.kind == "call":
                if step == "start":
                    number += 1
                    numbers[index] = number
                    function = {"name": block.name, "arguments": ""}
                    opening = {"index": number, "id": self.call_id(block), "type": "function"}
                    yield "open", {"tool_calls": [opening | {"function": function}]}
                elif step == "delta" and piece:
                    piece = {"index": numbers[index], "function": {"arguments": piece}}
                    yield "content", {"tool_calls": [piece]}
            elif step == "delta" and block.kind in ("text", "refusal"):
                yield "content", {"content" if block.kind == "text" else "refusal": piece}
        if turn.cites:
            yield "content", {"annotations": self.annotations(turn)}

    def frame(self, chunk) -> bytes:
        return sse(chunk | {"obfuscation": "kJ3xWq"} if chunk.get("choices") else chunk)

    def events(self, head, ask, turn, body) -> list:
        head = head | {"object": "chat.completion.chunk"}
        asked = (body.get("stream_options") or {}).get("include_usage") and turn.has_usage
        tail = {"usage": None} if asked else {}
        if turn.options.get("usage") == "each":
            tail = {"usage": self.usage(turn)}
        out = []
        for kind, delta in self.deltas(turn):
            for index in range(ask.count):
                choice = {"index": index, "delta": delta, "finish_reason": None}
                choice |= self.choice_extras(turn)
                if delta.get("content"):
                    choice["logprobs"] = self.logprobs(body, [delta["content"]])
                out.append((kind, self.frame(head | {"choices": [choice]} | tail)))
        for index in range(ask.count):
            choice = {"index": index, "delta": {}, "finish_reason": self.finish(turn)}
            choice |= self.choice_extras(turn)
            out.append(("finish", self.frame(head | {"choices": [choice]} | tail)))
        if turn.options.get("finish_twice"):
            out.append(out[-1])
        if asked:
            out.append(("usage", self.frame(head | {"choices": [], "usage": self.usage(turn)})))
        return [*out, ("done", sse("[DONE]"))]

    def embeddings(self, body, options) -> dict:
        self.check(body, "EmbeddingCreateParams")
        given = body["input"]
        inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
        dimensions, data = body.get("dimensions") or 8, []
        for index, item in enumerate(inputs):
            vector = scenario.vector_of(scenario.compact(item), dimensions)
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": scenario.INPUT, "total_tokens": scenario.INPUT}
        model = options.get("answers_as") or body["model"]
        return {"object": "list", "data": data, "model": model, "usage": usage}


def context_text(options) -> str:
    return {
        1: "This model's maximum context length is 8192 tokens. However, your messages resulted in "
        "9001 tokens. Please reduce the length of the messages.",
        2: "Your input exceeds the context window of this model. Please adjust your input and try again.",
    }[options.get("variant", 1)]
