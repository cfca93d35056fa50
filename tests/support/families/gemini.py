"""Google: the Gemini API and Vertex, one dialect in two houses."""

import functools
import json
import re

from . import published, scenario
from .server import SSE, Family, Refusal, Stream, Whole, parsed, path_of

VERTEX = r"(?:/projects/[^/]+/locations/[^/]+)?/publishers/google"
PATHS = {
    "gemini": re.compile(r"/v1(?:beta)?/models/(.+):(\w+)"),
    "vertex": re.compile(rf"/v1(?:beta1)?{VERTEX}/models/(.+):(\w+)"),
}
STOPS = {
    "end": "STOP",
    "calls": "STOP",
    "length": "MAX_TOKENS",
    "stop_string": "STOP",
    "filtered": "SAFETY",
    "refused": "STOP",
}
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
SENTINEL = "skip_thought_signature_validator"
# What stands at the top of a request; GenerateContentConfig holds the same flattened.
REQUEST = {
    "contents": "list[Content]",
    "systemInstruction": "Content",
    "tools": "list[Tool]",
    "toolConfig": "ToolConfig",
    "safetySettings": "list[SafetySetting]",
    "generationConfig": "GenerationConfig",
    "cachedContent": "str",
    "serviceTier": "ServiceTier",
    "store": "bool",
    "model": "str",
}
EMBED = {
    "model": "str",
    "content": "Content",
    "taskType": "str",
    "title": "str",
    "outputDimensionality": "int",
    "embedContentConfig": "EmbedContentConfig",
}


def make(kind: str, fake_name: str):
    return Gemini(kind, fake_name)


@functools.cache
def gemini_types():
    # A schema's own names on the wire are those of JSON schema.
    schema = {"$defs": "dict[str, Schema]", "$ref": "str"}
    extra = {"Schema": schema, "GenerationConfig": {"imageConfig": "Any"}}
    types = published.Annotations("google/genai-types.json", extra=extra, surface="gemini")
    for name, fields in (("Request", REQUEST), ("EmbedRequest", EMBED)):
        entries = [{"json": key, "type": kind} for key, kind in fields.items()]
        types.types[name] = {"kind": "message", "fields": entries}
    batch = [{"json": "requests", "type": "list[EmbedRequest]"}]
    types.types["BatchEmbedRequest"] = {"kind": "message", "fields": batch}
    count = [{"json": "contents", "type": "list[Content]"}]
    count.append({"json": "generateContentRequest", "type": "Request"})
    types.types["CountRequest"] = {"kind": "message", "fields": count}
    return types


@functools.cache
def vertex_types():
    return published.Discovery("google/aiplatform-v1-inference.discovery.json")


def camel(value, free=False):
    """Names in snake_case are taken as well; what is a value's own keys stays as it is."""
    if isinstance(value, list):
        return [camel(one, free) for one in value]
    if not isinstance(value, dict) or free:
        return value
    out = {}
    for key, inner in value.items():
        name = re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
        own = name in (
            "args",
            "response",
            "properties",
            "responseJsonSchema",
            "parametersJsonSchema",
        )
        out[name] = camel(inner, own or name == "labels")
    return out


class Gemini(Family):
    def __init__(self, kind: str, fake_name: str):
        self.name = kind
        super().__init__(fake_name)

    def model_of(self, request):
        found = PATHS[self.name].fullmatch(path_of(request)[0])
        return found[1] if found else ""

    def usual_headers(self, x):
        del x
        return [("vary", "Origin"), ("x-gemini-service-tier", "standard"), ("server", "ESF")]

    # Errors.

    def refuse(self, message, status=400, details=(), name=None):
        error = {"code": status, "message": message, "status": name or STATUS[status]}
        error |= {"details": list(details)} if details else {}
        return Refusal(status, json.dumps({"error": error}, indent=2).encode())

    def refuse_problem(self, problem):
        parent = ".".join(map(str, problem.where[:-1]))
        where = problem.path("brackets")
        if problem.kind == "unknown":
            at = f" at '{parent}'" if parent else ""
            text = f'Invalid JSON payload received. Unknown name "{problem.last}"{at}: Cannot find field.'
        else:
            text = f"Invalid value at '{where}': {problem.text}"
        violation = {"field": where, "description": text}
        detail = {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [violation],
        }
        return self.refuse(text, details=[detail])

    def error(self, kind, options):
        seconds, details = options.get("seconds", 2), []
        rpc = "type.googleapis.com/google.rpc."
        if kind == "auth" and self.name == "gemini":
            info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            details = [{"@type": rpc + "ErrorInfo"} | info]
            text = "API key not valid. Please pass a valid API key."
            return self.refuse(text, 400, details)
        if kind == "rate_limit":
            details.append(
                {"@type": rpc + "QuotaFailure", "violations": [{"quotaId": "PerMinute"}]}
            )
            if options.get("hint") != "none":
                details.append({"@type": rpc + "RetryInfo", "retryDelay": f"{seconds}s"})
        region = "User location is not supported for the API use."
        status, message, name = {
            "bad_request": (
                400,
                "* GenerateContentRequest.generation_config.top_k: must be positive",
                None,
            ),
            "context": (
                400,
                "The input token count (1250074) exceeds the maximum number of tokens "
                "allowed (1048576).",
                None,
            ),
            "auth": (401, "Request had invalid authentication credentials.", None),
            "forbidden": (400, region, "FAILED_PRECONDITION"),
            "no_model": (404, "models/m is not found for API version v1beta.", None),
            "filtered": (400, "The prompt was blocked.", None),
            "rate_limit": (
                429,
                f"You exceeded your current quota. Please retry in {seconds}.5s.",
                None,
            ),
            "quota": (402, "Your prepayment credits are depleted.", None),
            "overloaded": (503, "The model is overloaded. Please try again later.", None),
            "fault": (500, "An internal error has occurred.", None),
            "timeout": (504, "The request timed out.", None),
        }[kind]
        found = self.refuse(message, status, details, name)
        if options.get("form") == "array":
            found.body = b"[" + found.body + b"]\n"
        return found

    def stream_error(self, kind, options):
        return b"data: " + self.error(kind, options).body.replace(b"\n", b"") + b"\r\n\r\n"

    # Requests.

    def reply(self, request, options):
        path, query = path_of(request)
        key = request.header("x-goog-api-key") or query.get("key")
        bearer = request.header("authorization") == f"Bearer {self.bearer}"
        if key != "sk-upstream-secret" and not bearer:
            raise self.error("auth", {})
        if self.name == "gemini" and re.fullmatch(r"/v1(beta)?/models", path):
            models = [{"name": "models/m1", "displayName": "M1", "version": "1"}]
            return Whole({"models": models})
        found = PATHS[self.name].fullmatch(path)
        if not found:
            raise self.refuse(f"Unknown path {path}", 404)
        model, verb = found.groups()
        body = camel(parsed(request, self.refuse))
        if verb in ("generateContent", "streamGenerateContent"):
            self.check(body, "Request", "GenerateContentRequest")
            return self.generate(model, verb, query, body, options)
        if verb == "countTokens":
            self.check(body, "CountRequest", "CountTokensRequest")
            return Whole({"totalTokens": scenario.INPUT})
        if verb == "embedContent":
            self.check(body, "EmbedRequest", "EmbedContentRequest")
            return Whole({"embedding": self.embedding(body)})
        if verb == "batchEmbedContents":
            self.check(body, "BatchEmbedRequest", "BatchEmbedContentsRequest")
            return Whole({"embeddings": [self.embedding(one) for one in body["requests"]]})
        if verb == "predict" and self.name == "vertex":
            self.check(body, None, "PredictRequest")
            return Whole({"predictions": [self.prediction(one, body) for one in body["instances"]]})
        raise self.refuse(f"Method {verb} is not supported", 404)

    def check(self, body, root, schema):
        if not published.available():
            return
        if self.name == "vertex":
            found = vertex_types().check(body, f"GoogleCloudAiplatformV1{schema}")
        else:
            found = gemini_types().check(body, root)
        for problem in found:
            raise self.refuse_problem(problem)

    def embedding(self, body):
        settings = body | body.get("embedContentConfig", {})
        text = "".join(part.get("text", "") for part in body["content"]["parts"])
        values = scenario.vector_of(
            scenario.compact(text), settings.get("outputDimensionality") or 8
        )
        return {"values": values}

    def prediction(self, instance, body):
        dimensions = (body.get("parameters") or {}).get("outputDimensionality") or 8
        values = scenario.vector_of(scenario.compact(instance["content"]), dimensions)
        return {"embeddings": {"values": values, "statistics": {"token_count": scenario.INPUT}}}

    def generate(self, model, verb, query, body, options):
        self.check_contents(model, body.get("contents") or [])
        ask = self.read(model, body, options)
        turn = self.speak(ask)
        chunks = list(self.chunks(ask, turn, body))
        if verb == "generateContent":
            return Whole(scenario.compact(self.whole(chunks), indent=2, separators=None).encode())
        if query.get("alt") == "sse":
            frames = [
                (kind, b"data: " + scenario.compact(one).encode() + b"\r\n\r\n")
                for kind, one in chunks
            ]
            return Stream(frames, SSE.split(";")[0])
        marks = [b"["] + [b",\r\n"] * (len(chunks) - 1)
        frames = [
            (kind, mark + scenario.compact(one, indent=2, separators=None).encode())
            for mark, (kind, one) in zip(marks, chunks, strict=True)
        ]
        return Stream([*frames, ("done", b"]")], "application/json; charset=UTF-8")

    def check_contents(self, model, contents):
        if not contents:
            raise self.refuse("* GenerateContentRequest.contents: contents is not specified")
        for i, content in enumerate(contents):
            where = f"* GenerateContentRequest.contents[{i}]"
            if content.get("role") not in (None, "user", "model"):
                raise self.refuse("Please use a valid role: user, model.")
            if not content.get("parts"):
                raise self.refuse(f"{where}.parts: contents.parts must not be empty.")
            before = contents[i - 1].get("parts", []) if i else []
            calls = [part["functionCall"] for part in before if "functionCall" in part]
            results = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
            if len(calls) != len(results):
                raise self.refuse(
                    "Please ensure that the number of function response parts is equal to the number "
                    "of function call parts of the function call turn."
                )
            if sorted(c["name"] for c in calls) != sorted(r["name"] for r in results):
                raise self.refuse(f"{where}: a function response's name is not that of its call")
        if contents[-1].get("role") == "model":
            raise self.refuse("Please ensure that the last content is of the role user.")
        self.check_signatures(model, contents)

    def check_signatures(self, model, contents):
        """Of the current turn: all after the last content of the user's own."""
        own = [i for i, c in enumerate(contents) if c.get("role") != "model" and not has_results(c)]
        for i, content in enumerate(contents):
            calls = [part for part in content["parts"] if "functionCall" in part]
            for j, part in enumerate(calls):
                given = part.get("thoughtSignature")
                first = j == 0 and i > (own[-1] if own else -1)
                if given is None and first and model.startswith("gemini-3"):
                    name = part["functionCall"]["name"]
                    raise self.refuse(
                        "Function call is missing a thought_signature in functionCall parts. This is "
                        "required for tools to work correctly. Additional data, function call "
                        f"`default_api:{name}`, position {i + 1}."
                    )
                if given not in (None, SENTINEL) and not self.is_own(given, part["functionCall"]):
                    raise self.refuse("Thought signature is not valid.")

    def sign_call(self, call):
        return scenario.sign(self.secret, call["name"] + scenario.compact(call.get("args") or {}))

    def is_own(self, given, call) -> bool:
        return standard(given) == self.sign_call(call)

    def read(self, model, body, options):
        config = body.get("generationConfig") or {}
        ask = scenario.Ask(model, options)
        for tool in body.get("tools") or []:
            for one in tool.get("functionDeclarations") or []:
                ask.tools.append(
                    (one["name"], one.get("parametersJsonSchema") or one.get("parameters"))
                )
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        allowed = calling.get("allowedFunctionNames")
        ask.choice = {"NONE": "none", "ANY": "required"}.get(calling.get("mode"), "auto")
        if allowed:
            ask.tools = [tool for tool in ask.tools if tool[0] in allowed]
        if config.get("responseMimeType") == "application/json":
            ask.schema = config.get("responseJsonSchema") or config.get("responseSchema") or {}
        ask.stops, ask.limit = config.get("stopSequences") or [], config.get("maxOutputTokens")
        thinking = config.get("thinkingConfig") or {}
        level = thinking.get("thinkingLevel") or thinking.get("thinkingBudget")
        ask.thinking = bool(thinking.get("includeThoughts") or level)
        if not thinking.get("includeThoughts") and not options.get("think"):
            options["thoughts"] = "unseen"
        ask.count = config.get("candidateCount") or 1
        for content in body["contents"]:
            if content.get("role") != "model":
                ask.results = []
            for part in content["parts"]:
                self.read_part(part, ask)
        return ask

    def read_part(self, part, ask):
        if "functionResponse" in part:
            response = part["functionResponse"].get("response") or {}
            value = response.get("result", response.get("output", response.get("error", response)))
            text = value if isinstance(value, str) else scenario.compact(value)
            ask.results.append((text, "error" in response))
            for inner in part["functionResponse"].get("parts") or []:
                self.read_part(inner, ask)
        elif "inlineData" in part:
            data = scenario.unbase64(standard(part["inlineData"]["data"]))
            ask.media.append((part["inlineData"]["mimeType"], data))
        elif "fileData" in part:
            ask.media.append(("url", part["fileData"]["fileUri"]))

    # Answers.

    def usage(self, turn, candidates):
        counts = {
            "promptTokenCount": scenario.INPUT,
            "cachedContentTokenCount": scenario.CACHED,
            "candidatesTokenCount": candidates,
            "totalTokenCount": scenario.INPUT + candidates + turn.reasoning,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": scenario.INPUT}],
        }
        counts |= {"thoughtsTokenCount": turn.reasoning} if turn.reasoning else {}
        return counts | ({"trafficType": "ON_DEMAND"} if self.name == "vertex" else {})

    def parts(self, turn):
        """Every part that is said, in order."""
        signed = False
        for step, index, block, piece in scenario.steps(turn):
            if block.kind == "thinking" and turn.options.get("thoughts") == "unseen":
                continue
            if block.kind == "call":
                if step == "stop":
                    call = {"name": block.name, "args": block.arguments}
                    if turn.options.get("ids") != "none":
                        call["id"] = f"fc{index}{block.id[:12]}"
                    part = {"functionCall": call}
                    if not signed:
                        part["thoughtSignature"] = self.sign_call(call)
                        signed = True
                    yield part
            elif step == "delta":
                yield {"text": piece} | ({"thought": True} if block.kind == "thinking" else {})

    def chunks(self, ask, turn, body):
        tail = {
            "modelVersion": ask.answers_as,
            "responseId": scenario.digest(scenario.compact(body), length=22),
        }
        if turn.options.get("blocked"):
            blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
            yield "finish", blocked | {"usageMetadata": self.usage(turn, 0)} | tail
            return
        parts, said = list(self.parts(turn)), 0
        for at, part in enumerate(parts):
            said += 0 if part.get("thought") else 1
            usage = {"usageMetadata": self.usage(turn, said)} if turn.has_usage else {}
            content = {"parts": [part], "role": "model"}
            last = at == len(parts) - 1
            for index in range(ask.count):
                candidate = {"content": content, "index": index}
                if last:
                    candidate |= {"finishReason": turn.options.get("finish") or STOPS[turn.stop]}
                    candidate |= self.grounding(turn)
                    if turn.options.get("empty"):
                        candidate["content"] = {"role": "model"}
                kind = "finish" if last and "text" in part else "content"
                yield kind, {"candidates": [candidate]} | usage | tail

    def grounding(self, turn) -> dict:
        """Places count in bytes."""
        if not turn.cites:
            return {}
        start, end = turn.cited_range(lambda text: len(text.encode()))
        segment = {"startIndex": start, "endIndex": end, "text": "".join(scenario.CITED[1])}
        web = {"uri": scenario.SOURCE["url"], "title": scenario.SOURCE["title"]}
        supports = [{"segment": segment, "groundingChunkIndices": [0]}]
        found = {"groundingChunks": [{"web": web}], "groundingSupports": supports}
        return {"groundingMetadata": found}

    def whole(self, chunks):
        """All chunks in one: texts joined, the last one's counts."""
        out = dict(chunks[-1][1])
        found = {}
        for _, chunk in chunks:
            for candidate in chunk.get("candidates", []):
                whole = found.setdefault(candidate["index"], {"parts": [], "last": candidate})
                whole["last"] = candidate
                for part in candidate["content"].get("parts", []):
                    before = whole["parts"][-1] if whole["parts"] else {}
                    same = (
                        "text" in part
                        and "text" in before
                        and part.get("thought") == before.get("thought")
                    )
                    if same:
                        whole["parts"][-1] = before | {"text": before["text"] + part["text"]}
                    else:
                        whole["parts"].append(part)
        if found:
            out["candidates"] = []
        for whole in found.values():
            content = whole["last"]["content"]
            if "parts" in content:
                content = {"parts": whole["parts"], "role": "model"}
            out["candidates"].append(whole["last"] | {"content": content})
        return out


def standard(text: str) -> str:
    """Base64 in its usual letters: Google's SDKs send the URL-safe ones."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    return text + "=" * (-len(text) % 4)


def has_results(content) -> bool:
    return any("functionResponse" in part for part in content["parts"])
