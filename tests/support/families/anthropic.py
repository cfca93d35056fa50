"""Anthropic: Messages in both API versions, count_tokens, models."""

import functools

from . import published, scenario
from .server import Family, Refusal, Stream, Whole, hint_headers, parsed, path_of, sse

VERSIONS = ("2023-06-01", "2026-10-21")
SAMPLING = {"temperature": "Optional[float]", "top_p": "Optional[float]", "top_k": "Optional[int]"}
STOPS = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "stop_string": "stop_sequence",
    "filtered": "refusal",
    "refused": "refusal",
}
IMAGES = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}


def make(kind: str, fake_name: str):
    del kind
    return Anthropic(fake_name)


# Methods of SDKs that are in beta come with flags or ?beta=true and may say more.
BETA = (
    "context_management",
    "billing_policy",
    "thread",
    "fallbacks",
    "mcp_servers",
    "fallback_credit_token",
    "compaction",
)
# Inner types that the data has under a short name which others share.
IMAGE = "Union[Base64Image, UrlSource, FileSource]"
DOCUMENT = "Union[Base64PDFSource, PlainTextSource, ContentSource, UrlSource, FileSource]"
RESULT = (
    "Union[str, Iterable[Union[TextBlockParam, ImageBlockParam, DocumentBlockParam, "
    "SearchResultBlockParam, ToolReference]]]"
)
OWN = {
    "Base64Image": {
        "type": "enum['base64']",
        "media_type": "enum['image/png', 'image/jpeg', 'image/gif', 'image/webp']",
        "data": "str",
    },
    "UrlSource": {"type": "enum['url']", "url": "str"},
    "FileSource": {"type": "enum['file']", "file_id": "str"},
    "ContentSource": {"type": "enum['content']", "content": "Any"},
    "ToolReference": {"type": "enum['tool_reference']", "tool_name": "str"},
}


@functools.cache
def message_types(version: str):
    sampling = SAMPLING if version == VERSIONS[0] else {}
    extra = {
        "MessageCreateParamsBase": {"stream": "Optional[bool]"} | sampling,
        "ImageBlockParam": {"source": IMAGE},
        "DocumentBlockParam": {"source": DOCUMENT},
        "ToolResultBlockParam": {"content": RESULT},
    }
    types = published.Annotations("anthropic/messages-api-types.json", extra=extra)
    for name, fields in OWN.items():
        entries = [{"name": key, "type": kind, "required": True} for key, kind in fields.items()]
        types.types[name] = {"kind": "object", "bases": [], "fields": entries}
    return types


class Anthropic(Family):
    name = "anthropic"

    def usual_headers(self, x):
        return [
            ("request-id", "req_" + scenario.digest("anthropic", x.request.path)),
            ("anthropic-organization-id", "the-operators-organization"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
            ("cf-ray", "upstreams-own"),
        ]

    def refuse(self, message, kind="invalid_request_error", status=400, headers=(), **more):
        error = {"type": kind, "message": message} | more
        body = {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}
        return Refusal(status, body, headers)

    def error(self, kind, options):
        code = {"details": {"error_code": "enforced_spend_limit_reached"}}
        if kind == "quota" and options.get("variant") == 2:
            return self.refuse("Spend limit reached.", "rate_limit_error", 429, **code)
        status, tag, message = {
            "bad_request": (
                400,
                "invalid_request_error",
                "max_tokens: 99999999 > 64000, which is the "
                "maximum allowed number of output tokens",
            ),
            "context": (400, "invalid_request_error", context_text(options)),
            "auth": (401, "authentication_error", "invalid x-api-key"),
            "forbidden": (
                403,
                "permission_error",
                "Your API key does not have permission to use this.",
            ),
            "no_model": (404, "not_found_error", "model: m"),
            "filtered": (
                400,
                "invalid_request_error",
                "Output blocked by content filtering policy",
            ),
            "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
            "rate_limit": (
                429,
                "rate_limit_error",
                "This request would exceed your organization's "
                "rate limit of 50 requests per minute.",
            ),
            "quota": (402, "billing_error", "Your credit balance is too low to access the API."),
            "overloaded": (529, "overloaded_error", "Overloaded"),
            "fault": (500, "api_error", "Internal server error"),
            "timeout": (504, "timeout_error", "Request timed out."),
        }[kind]
        headers = hint_headers(options, "seconds" if kind == "rate_limit" else None)
        headers.append(("x-should-retry", "true" if status in (429, 500, 529) else "false"))
        return self.refuse(message, tag, status, headers)

    def stream_error(self, kind, options):
        return sse(self.error(kind, options).body.decode(), "error")

    # Requests.

    def reply(self, request, options):
        bearer = request.header("authorization") == f"Bearer {self.bearer}"
        if not bearer and request.header("x-api-key") != "sk-upstream-secret":
            raise self.error("auth", {})
        version = request.header("anthropic-version")
        if version is None:
            raise self.refuse("anthropic-version: header is required")
        if version not in VERSIONS:
            raise self.refuse(f'"{version}" is not a valid version')
        path, query = path_of(request)
        if path == "/v1/models":
            models = [self.model("m1"), self.model("m2")]
            page = {"data": models, "has_more": False, "first_id": "m1", "last_id": "m2"}
            return Whole(page | {"next_page": None})
        if path.startswith("/v1/models/"):
            return Whole(self.model(path.rsplit("/", 1)[1]))
        if path not in ("/v1/messages", "/v1/messages/count_tokens"):
            raise self.refuse("Not Found", "not_found_error", 404)
        body = parsed(request, self.refuse)
        if query.get("beta") == "true" or request.header("anthropic-beta"):
            if "thread" in body:
                # This server keeps no threads. The SDK's tool runner asks for one, and on exactly
                # this answer goes on with the whole history.
                details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
                raise self.refuse("thread: not available for this request", details=details)
            body = {name: value for name, value in body.items() if name not in BETA}
        if path.endswith("/count_tokens"):
            self.check(body, "MessageCountTokensParams", version)
            return Whole({"input_tokens": scenario.INPUT})
        self.check(body, "MessageCreateParamsBase", version)
        ask = self.read(body, options)
        turn = self.speak(ask)
        if body["max_tokens"] == 0:
            turn = scenario.Turn([], "length", None, 0, 0, 0, options)
        return (
            Stream(self.events(ask, turn, body))
            if ask.stream
            else Whole(self.whole(ask, turn, body))
        )

    def model(self, name):
        return {
            "type": "model",
            "id": name,
            "display_name": name.upper(),
            "created_at": "2026-02-04T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200000,
            "max_tokens": 64000,
            "capabilities": None,
        }

    def check(self, body, root, version):
        if version == VERSIONS[1]:
            for name in SAMPLING:
                if name in body:
                    raise self.refuse(f"{name}: Extra inputs are not permitted")
        if published.available():
            for problem in message_types(version).check(body, root):
                raise self.refuse(f"{problem.path()}: {problem.text}")
        if not 0 <= body.get("temperature", 1) <= 1:
            raise self.refuse("temperature: Input should be less than or equal to 1")
        thinking = body.get("thinking") or {}
        if thinking.get("type") == "enabled":
            if thinking["budget_tokens"] < 1024:
                text = (
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
                )
                raise self.refuse(text)
            if thinking["budget_tokens"] >= body.get("max_tokens", 1 << 30):
                raise self.refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if thinking.get("type") in ("enabled", "adaptive"):
            if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
                raise self.refuse("Thinking may not be enabled when tool_choice forces tool use.")
        self.check_messages(body["messages"], version)

    def check_messages(self, messages, version):
        if not messages:
            raise self.refuse("messages: at least one message is required")
        if messages[0]["role"] != "user":
            raise self.refuse('messages: first message must use the "user" role')
        wanted = []
        for i, message in enumerate(messages):
            blocks = blocks_of(message)
            kinds = [block["type"] for block in blocks]
            answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            missing = [name for name in wanted if name not in answered]
            if missing:
                raise self.refuse(
                    f"messages.{i - 1}: `tool_use` ids were found without `tool_result` blocks "
                    f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                    "corresponding `tool_result` block in the next message."
                )
            if [name for name in answered if name not in wanted]:
                text = "unexpected `tool_use_id` found in `tool_result` blocks"
                raise self.refuse(f"messages.{i}.content.0: {text}: {answered[0]}")
            if "text" in kinds and "tool_result" in kinds[kinds.index("text") :]:
                raise self.refuse(f"messages.{i}.content: `tool_result` blocks must come first")
            wanted = [block["id"] for block in blocks if block["type"] == "tool_use"]
            for j, block in enumerate(blocks):
                self.check_block(block, f"messages.{i}.content.{j}", message["role"], version)
        if wanted:
            raise self.refuse(f"messages.{len(messages) - 1}: `tool_use` ids without `tool_result`")
        if messages[-1]["role"] == "assistant" and version == VERSIONS[1]:
            raise self.refuse(
                "This model does not support assistant message prefill. The conversation must end "
                "with a user message."
            )

    def check_block(self, block, where, role, version):
        if block["type"] == "text" and not block["text"]:
            raise self.refuse(f"{where}: text content blocks must be non-empty")
        if block["type"] == "thinking":
            if block["signature"] != scenario.sign(self.secret, block["thinking"]):
                raise self.refuse(f"{where}: Invalid `signature` in `thinking` block")
        if block["type"] == "document" and role == "assistant" and version == VERSIONS[1]:
            raise self.refuse(f"{where}: document blocks are not permitted in assistant messages")
        source = block.get("source") or {}
        if block["type"] == "image" and source.get("type") == "base64":
            try:
                data = scenario.unbase64(source["data"])
            except ValueError:
                raise self.refuse(f"{where}.image.source.base64: invalid base64 data") from None
            if not data.startswith(IMAGES[source["media_type"]]):
                kind = source["media_type"]
                text = f"The image was specified using the {kind} media type, but does not appear to be one"
                raise self.refuse(f"{where}.image.source.base64.data: {text}")

    def read(self, body, options):
        ask = scenario.Ask(body["model"], options, stream=body.get("stream") is True)
        ask.tools = [
            (tool["name"], tool["input_schema"])
            for tool in body.get("tools") or []
            if "input_schema" in tool
        ]
        choice = body.get("tool_choice") or {}
        kind = choice.get("type", "auto")
        ask.choice = choice["name"] if kind == "tool" else {"any": "required"}.get(kind, kind)
        ask.parallel = not choice.get("disable_parallel_tool_use")
        ask.limit, ask.stops = body["max_tokens"], body.get("stop_sequences") or []
        ask.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        ask.thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        for message in body["messages"]:
            blocks = blocks_of(message)
            if message["role"] == "user":
                ask.results = [
                    (text_of(block.get("content")), block.get("is_error") or False)
                    for block in blocks
                    if block["type"] == "tool_result"
                ]
            for block in blocks:
                self.read_media(block, ask)
                inner = block.get("content") if block["type"] == "tool_result" else None
                for part in inner if isinstance(inner, list) else []:
                    self.read_media(part, ask)
        return ask

    def read_media(self, block, ask):
        source = block.get("source") if block["type"] in ("image", "document") else None
        if block["type"] == "document":
            ask.cites = ask.cites or bool((block.get("citations") or {}).get("enabled"))
        if source and source["type"] == "base64":
            ask.media.append((source["media_type"], scenario.unbase64(source["data"])))
        elif source and source["type"] == "url":
            ask.media.append(("url", source["url"]))
        elif source and source["type"] == "text":
            ask.media.append(("text/plain", source["data"].encode()))

    # Answers.

    def usage(self, turn, output=None):
        written = turn.cache_write
        if not turn.has_usage:
            return {"input_tokens": 0, "output_tokens": 0}
        return {
            "input_tokens": scenario.INPUT - scenario.CACHED - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": scenario.CACHED,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": turn.output if output is None else output,
            "output_tokens_details": {"thinking_tokens": turn.reasoning},
            "service_tier": "standard",
        }

    def block(self, block, done=True, shown=True):
        if block.kind == "thinking":
            text = block.text if done and shown else ""
            return {
                "type": "thinking",
                "thinking": text,
                "signature": block.signature if done else "",
            }
        if block.kind == "call":
            value = block.arguments if done else {}
            return {
                "type": "tool_use",
                "id": f"toolu_{block.id}",
                "name": block.name,
                "input": value,
            }
        text = {"type": "text", "text": block.text if done else ""}
        return text | ({"citations": [citation(block)] if done else []} if block.cited else {})

    def end(self, turn):
        reason = turn.options.get("finish") or STOPS[turn.stop]
        details = None
        if reason == "refusal":
            details = {"type": "refusal", "category": "cyber", "explanation": "declined"}
        return {"stop_reason": reason, "stop_sequence": turn.stop_string, "stop_details": details}

    def shown(self, body):
        return (body.get("thinking") or {}).get("display") != "omitted"

    def head(self, ask, body):
        seed = scenario.digest(scenario.compact(body))
        head = {
            "id": f"msg_{seed}",
            "type": "message",
            "role": "assistant",
            "model": ask.answers_as,
        }
        return head | {"content": [], "container": None}

    def whole(self, ask, turn, body):
        content = [self.block(block, shown=self.shown(body)) for block in turn.blocks]
        if not self.shown(body):
            for block in content:
                block |= {"thinking": ""} if block["type"] == "thinking" else {}
        return (
            self.head(ask, body) | {"content": content, "usage": self.usage(turn)} | self.end(turn)
        )

    def events(self, ask, turn, body):
        out = []

        def add(kind, name, /, **fields):
            text = scenario.compact({"type": name} | fields)
            out.append((kind, sse(text[:-1] + " " * (len(text) % 5) + "}", name)))

        nothing = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
        message = self.head(ask, body) | nothing | {"usage": self.usage(turn, output=1)}
        add("start", "message_start", message=message)
        turn.options["order"] = None  # its blocks never overlap
        for step, index, block, piece in scenario.steps(turn):
            if step == "start":
                started = self.block(block, done=False)
                add("open", "content_block_start", index=index, content_block=started)
                if index == 0:
                    add("open", "ping")
                if block.kind == "call":
                    delta = {"type": "input_json_delta", "partial_json": ""}
                    add("open", "content_block_delta", index=index, delta=delta)
            elif step == "delta":
                for delta in self.deltas(block, piece, self.shown(body)):
                    add("content", "content_block_delta", index=index, delta=delta)
            else:
                if block.cited:
                    delta = {"type": "citations_delta", "citation": citation(block)}
                    add("content", "content_block_delta", index=index, delta=delta)
                if block.kind == "thinking":
                    delta = {"type": "signature_delta", "signature": block.signature}
                    add("content", "content_block_delta", index=index, delta=delta)
                add("close", "content_block_stop", index=index)
        counts = {"output_tokens": 0}
        if turn.has_usage:
            names = ("cache_creation", "service_tier")  # in message_start only
            counts = {key: n for key, n in self.usage(turn).items() if key not in names}
        add("finish", "message_delta", delta=self.end(turn), usage=counts)
        add("done", "message_stop")
        return out

    def deltas(self, block, piece, shown):
        if block.kind == "thinking":
            return [{"type": "thinking_delta", "thinking": piece}] if shown else []
        if block.kind == "call":
            return [{"type": "input_json_delta", "partial_json": piece}]
        return [{"type": "text_delta", "text": piece}]


def citation(block) -> dict:
    if block.in_document:
        place = {"document_index": 0, "start_page_number": 1, "end_page_number": 2}
        return {
            "type": "page_location",
            "cited_text": "It says so.",
            "document_title": None,
        } | place
    found = {"type": "web_search_result_location", "cited_text": "It says so."}
    return found | scenario.SOURCE | {"encrypted_index": "Eo8BCioIAhgB"}


def blocks_of(message) -> list:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def text_of(content) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def context_text(options) -> str:
    return {
        1: "prompt is too long: 3333404 tokens > 200000 maximum",
        2: "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000, decrease "
        "input length or `max_tokens` and try again",
    }[options.get("variant", 1)]
