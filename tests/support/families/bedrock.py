"""AWS Bedrock: Converse and ConverseStream, Titan embeddings through invoke; SigV4 by botocore."""

import datetime
import functools
import json
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from fake_tokens import KEYS
from misbehaviour import http_date

from . import eventstream, published, scenario
from .server import Family, Refusal, Stream, Whole, parsed, path_of

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "upstream-secret-access-key", "eu-central-1"
# Whose signatures it takes: (secret key, session token) by name.
TAKEN = {ACCESS_KEY: (SECRET_KEY, None), KEYS["id"]: (KEYS["secret"], KEYS["token"])}
PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|count-tokens)")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
STOPS = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "stop_string": "stop_sequence",
    "filtered": "content_filtered",
    "refused": "content_filtered",
}
# Classes that have a frame of their own within a stream.
FRAMES = {
    "fault": "internalServerException",
    "rate_limit": "throttlingException",
    "overloaded": "serviceUnavailableException",
    "bad_request": "validationException",
    "context": "validationException",
    "timeout": "modelStreamErrorException",
}


def make(kind: str, fake_name: str):
    del kind
    return Bedrock(fake_name)


@functools.cache
def service():
    return published.ServiceModel("bedrock/bedrock-runtime.service-2.json")


class Bedrock(Family):
    name = "bedrock"
    binary_stream = True

    def model_of(self, request):
        path, _ = path_of(request)
        found = re.fullmatch(r"/model/(.+)/[a-z-]+", path)
        return found[1] if found else ""

    def usual_headers(self, x):
        return [("x-amzn-requestid", scenario.digest("aws", x.request.path, length=32))]

    def refuse(self, message, name="ValidationException", status=400):
        headers = [
            ("x-amzn-errortype", f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/")
        ]
        return Refusal(status, {"message": message}, headers)

    def error(self, kind, options):
        status, name, message = {
            "bad_request": (400, "ValidationException", "The value of temperature is not valid."),
            "context": (400, "ValidationException", context_text(options)),
            "auth": (
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            "expired": (
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            "forbidden": (
                403,
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
            ),
            "no_model": (404, "ResourceNotFoundException", "Model not found."),
            "filtered": (400, "ValidationException", "The request was blocked by a guardrail."),
            "rate_limit": (
                429,
                "ThrottlingException",
                "Too many requests, please wait before trying again.",
            ),
            "quota": (400, "ServiceQuotaExceededException", "Your account has exceeded its quota."),
            "overloaded": (
                503,
                "ServiceUnavailableException",
                "Bedrock is unable to process your request.",
            ),
            "not_ready": (429, "ModelNotReadyException", "The model is not ready for inference."),
            "fault": (
                500,
                "InternalServerException",
                "The system encountered an unexpected error.",
            ),
            "model_error": (424, "ModelErrorException", "The model failed."),
            "timeout": (408, "ModelTimeoutException", "The model timed out."),
        }[kind]
        return self.refuse(message, name, status)

    def stream_error(self, kind, options):
        refusal = self.error(kind, options)
        return eventstream.exception(FRAMES[kind], refusal.body)

    # Who asks.

    def authenticate(self, request, clock=0):
        given = request.header("authorization") or ""
        if given == f"Bearer {self.bearer}":
            return
        found = AUTHORIZATION.fullmatch(given)
        if not found:
            text = "Missing Authentication Token"
            raise self.refuse(text, "MissingAuthenticationTokenException", 403)
        access_key, day, region, name, signed, signature = found.groups()
        if access_key not in TAKEN:
            raise self.error("auth", {})
        secret, session = TAKEN[access_key]
        if request.header("x-amz-security-token") != session:
            raise self.error("auth", {})
        if (region, name) != (REGION, "bedrock"):
            text = (
                f"Credential should be scoped to a valid region and service, not {region}/{name}."
            )
            raise self.refuse(text, "InvalidSignatureException", 403)
        stamp = request.header("x-amz-date") or ""
        then = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        apart = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=clock) - then
        if abs(apart.total_seconds()) > 300 or not stamp.startswith(day):
            text = f"Signature expired: {stamp} is now earlier than five minutes ago."
            refusal = self.refuse(text, "InvalidSignatureException", 403)
            refusal.headers.append(("date", http_date(clock)))
            raise refusal
        if signature != self.signature(request, signed.split(";"), stamp, secret):
            text = "The request signature we calculated does not match the signature you provided."
            raise self.refuse(text, "InvalidSignatureException", 403)

    def signature(self, request, signed, stamp, secret) -> str:
        """What botocore makes of the request as it arrived."""
        missing = {"host", "x-amz-date"} - set(signed)
        if missing:
            raise self.refuse(f"{missing} must be signed", "InvalidSignatureException", 403)
        headers = {name: request.header(name) for name in signed}
        url = f"http://{request.header('host')}{request.path}"
        again = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
        again.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(ACCESS_KEY, secret), "bedrock", REGION)
        signer.headers_to_sign = lambda request: only(request, signed)
        text = signer.string_to_sign(again, signer.canonical_request(again))
        return signer.signature(text, again)

    # Requests.

    def reply(self, request, options):
        self.authenticate(request, options.get("clock", 0))
        path, _ = path_of(request)
        found = re.fullmatch(r"/model/(.+)/(converse|converse-stream|invoke|count-tokens)", path)
        if not found or not PATH.fullmatch(request.path.partition("?")[0]):
            # A model's name is one segment of the path: its colons and slashes are escaped.
            raise self.refuse(
                "Unable to determine service/operation name to be authorized",
                "AccessDeniedException",
                403,
            )
        model, verb = found.groups()
        body = parsed(request, self.refuse)
        if verb == "invoke":
            return self.invoke(model, body)
        if verb == "count-tokens":
            self.check(body, "CountTokensRequest")
            return Whole({"inputTokens": scenario.INPUT})
        self.check(body, "ConverseRequest" if verb == "converse" else "ConverseStreamRequest")
        self.check_messages(body)
        ask = self.read(model, body, options)
        turn = self.speak(ask)
        if verb == "converse":
            return Whole(self.whole(turn))
        return Stream(self.events(turn), "application/vnd.amazon.eventstream")

    def invoke(self, model, body):
        if "cohere.embed" in model:
            return self.invoke_cohere(body)
        if (
            set(body) - {"inputText", "dimensions", "normalize", "embeddingTypes"}
            or "inputText" not in body
        ):
            text = "Malformed input request: #: extraneous key is not permitted, please reformat your input and try again."
            raise self.refuse(text)
        vector = scenario.vector_of(
            scenario.compact(body["inputText"]), body.get("dimensions") or 8
        )
        return Whole({"embedding": vector, "inputTextTokenCount": scenario.INPUT})

    def invoke_cohere(self, body):
        """The count of tokens is in a header alone."""
        known = {"texts", "input_type", "embedding_types", "output_dimension", "truncate"}
        if set(body) - known or not {"texts", "input_type"} <= set(body):
            raise self.refuse("Malformed input request, please reformat your input and try again.")
        vectors = [
            scenario.vector_of(scenario.compact(text), body.get("output_dimension") or 8)
            for text in body["texts"]
        ]
        return Whole(
            {"id": "e1", "texts": body["texts"], "embeddings": {"float": vectors}},
            headers=[("x-amzn-bedrock-input-token-count", str(scenario.INPUT))],
        )

    def check(self, body, shape):
        if not published.available():
            return
        for problem in service().check(body, shape):
            where = problem.path("dots")
            if problem.kind == "unknown":
                text = f"Malformed input request: #/{where}: extraneous key [{problem.last}] is not permitted"
            else:
                text = f"1 validation error detected: Value at '{where}' failed to satisfy constraint: {problem.text}"
            raise self.refuse(text)

    def check_messages(self, body):
        messages = body.get("messages") or []
        start = "A conversation must start with a user message."
        if not messages or messages[0]["role"] != "user":
            raise self.refuse(
                f"{start} Try again with a conversation that starts with a user message."
            )
        if messages[-1]["role"] != "user":
            raise self.refuse("This model does not support assistant message prefill.")
        wanted, used = [], False
        for i, message in enumerate(messages):
            if i and message["role"] == messages[i - 1]["role"]:
                raise self.refuse("A conversation must alternate between user and assistant roles.")
            results = [
                c["toolResult"]["toolUseId"] for c in message["content"] if "toolResult" in c
            ]
            if sorted(results) != sorted(wanted):
                text = f"Expected toolResult blocks at messages.{i}.content for the following Ids: {wanted}"
                raise self.refuse(text)
            wanted = [c["toolUse"]["toolUseId"] for c in message["content"] if "toolUse" in c]
            used = used or bool(results or wanted)
            for block in message["content"]:
                self.check_block(block, f"messages.{i}.content")
            if any("document" in c for c in message["content"]):
                if not any("text" in c for c in message["content"]):
                    raise self.refuse("A document needs a text block beside it.")
        if used and "toolConfig" not in body:
            raise self.refuse(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )

    def check_block(self, block, where):
        if "text" in block and not block["text"].strip():
            raise self.refuse(f"The text field in the ContentBlock object at {where} is blank.")
        thought = (block.get("reasoningContent") or {}).get("reasoningText")
        if thought and thought.get("signature") != scenario.sign(self.secret, thought["text"]):
            raise self.refuse(f"{where}: Invalid `signature` in `thinking` block")

    def read(self, model, body, options):
        inference, config = body.get("inferenceConfig") or {}, body.get("toolConfig") or {}
        ask = scenario.Ask(model, options)
        for tool in config.get("tools") or []:
            if "toolSpec" in tool:
                ask.tools.append(
                    (tool["toolSpec"]["name"], tool["toolSpec"]["inputSchema"].get("json"))
                )
        choice = config.get("toolChoice") or {}
        ask.choice = (
            choice["tool"]["name"]
            if "tool" in choice
            else "required"
            if "any" in choice
            else "auto"
        )
        ask.stops, ask.limit = inference.get("stopSequences") or [], inference.get("maxTokens")
        form = (body.get("outputConfig") or {}).get("textFormat") or {}
        if form.get("type") == "json_schema":
            ask.schema = json.loads(form["structure"]["jsonSchema"]["schema"])
        more = body.get("additionalModelRequestFields") or {}
        # As Claude takes it; Converse itself has no word for it.
        ask.parallel = not (more.get("tool_choice") or {}).get("disable_parallel_tool_use")
        ask.thinking = (more.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        for message in body["messages"]:
            if message["role"] == "user":
                ask.results = []
            for block in message["content"]:
                self.read_block(block, ask)
        return ask

    def read_block(self, block, ask):
        if "toolResult" in block:
            result, text = block["toolResult"], ""
            for part in result["content"]:
                text += part.get("text", "") or (
                    scenario.compact(part["json"]) if "json" in part else ""
                )
                self.read_block(part, ask)
            ask.results.append((text, result.get("status") == "error"))
        for kind, root in (("image", "image"), ("document", "application")):
            if kind in block and "bytes" in block[kind].get("source", {}):
                name = f"{root}/{block[kind]['format']}"
                ask.media.append((name, scenario.unbase64(block[kind]["source"]["bytes"])))
                ask.cites = ask.cites or block[kind].get("citations", {}).get("enabled", False)

    # Answers.

    def usage(self, turn):
        written = turn.cache_write
        fresh = scenario.INPUT - scenario.CACHED - written
        counts = {"inputTokens": fresh, "outputTokens": turn.output}
        counts["totalTokens"] = scenario.INPUT + turn.output
        return counts | {"cacheReadInputTokens": scenario.CACHED, "cacheWriteInputTokens": written}

    def block(self, block):
        if block.kind == "thinking":
            return {
                "reasoningContent": {
                    "reasoningText": {"text": block.text, "signature": block.signature}
                }
            }
        if block.kind == "call":
            call = {
                "toolUseId": f"tooluse_{block.id}",
                "name": block.name,
                "input": block.arguments,
            }
            return {"toolUse": call}
        if block.cited:
            return {
                "citationsContent": {
                    "content": [{"text": block.text}],
                    "citations": [citation(block)],
                }
            }
        return {"text": block.text}

    def stop(self, turn):
        return turn.options.get("finish") or STOPS[turn.stop]

    def whole(self, turn):
        message = {"role": "assistant", "content": [self.block(block) for block in turn.blocks]}
        answer = {"output": {"message": message}, "stopReason": self.stop(turn)}
        return answer | {"usage": self.usage(turn), "metrics": {"latencyMs": 12}}

    def events(self, turn):
        out = []

        def add(kind, name, /, **fields):
            payload = scenario.compact(fields | {"p": "abcdefghijk"})
            out.append((kind, eventstream.event(name, payload.encode())))

        add("start", "messageStart", role="assistant")
        for step, index, block, piece in scenario.steps(turn):
            if step == "start":
                if block.kind == "call":
                    start = {"toolUse": {"toolUseId": f"tooluse_{block.id}", "name": block.name}}
                    add("open", "contentBlockStart", contentBlockIndex=index, start=start)
            elif step == "delta":
                delta = {"text": piece}
                if block.kind == "thinking":
                    delta = {"reasoningContent": {"text": piece}}
                elif block.kind == "call":
                    delta = {"toolUse": {"input": piece}}
                add("content", "contentBlockDelta", contentBlockIndex=index, delta=delta)
            else:
                if block.cited:
                    delta = {"citation": citation(block)}
                    add("content", "contentBlockDelta", contentBlockIndex=index, delta=delta)
                if block.kind == "thinking":
                    delta = {"reasoningContent": {"signature": block.signature}}
                    add("content", "contentBlockDelta", contentBlockIndex=index, delta=delta)
                add("close", "contentBlockStop", contentBlockIndex=index)
        add("finish", "messageStop", stopReason=self.stop(turn))
        if turn.has_usage:
            add("usage", "metadata", usage=self.usage(turn), metrics={"latencyMs": 12})
        return out


def citation(block) -> dict:
    if block.in_document:
        place = {"documentPage": {"documentIndex": 0, "start": 1, "end": 1}}
        return {"sourceContent": [{"text": "It says so."}], "location": place}
    web = {"url": scenario.SOURCE["url"], "domain": "example.com"}
    said = {"title": scenario.SOURCE["title"], "sourceContent": [{"text": "It says so."}]}
    return said | {"location": {"web": web}}


def only(request, signed):
    """The headers that the client signed, as botocore wants them: each by its lower-case name."""
    out = HTTPHeaders()
    for name in signed:
        out[name] = request.headers[name]
    return out


def context_text(options) -> str:
    return {
        1: "Input is too long for requested model.",
        2: "The model returned the following errors: Input Tokens Exceeded: Number of input tokens "
        "exceeds maximum length.",
        3: "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
    }[options.get("variant", 1)]
