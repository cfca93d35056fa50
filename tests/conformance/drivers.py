"""The official SDKs behind one face: what is asked and what came, so that one test judges them all.

A driver does with its SDK what an application does, streams included, and says it in no dialect.
"""

import base64
import dataclasses
import json

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import google.genai
import google.genai.errors
import google.oauth2.credentials
import httpx
import httpx2
import openai
import urllib3.exceptions
from google.genai import types

KEY = "sk-upstream-secret"
ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "upstream-secret-access-key", "eu-central-1"


GO_ON = "Go on."

# What breaks below the SDKs; some let it through as it is.
BELOW = (httpx.HTTPError, httpx2.HTTPError, urllib3.exceptions.HTTPError, ValueError)


@dataclasses.dataclass
class Tool:
    name: str
    schema: dict
    description: str = "A tool"


@dataclasses.dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclasses.dataclass
class Usage:
    """input has the cached in it, output the reasoning; None: the dialect does not say."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclasses.dataclass
class Request:
    """`rounds`: what was said after the text: (the outcome, [(call, result, is_error)]); without
    a result the user says GO_ON."""

    text: str = "Hello"
    system: str | None = None
    tools: list[Tool] = dataclasses.field(default_factory=list)
    choice: str = "auto"
    parallel: bool = True
    schema: dict | None = None
    images: list[bytes] = dataclasses.field(default_factory=list)
    documents: list[bytes] = dataclasses.field(default_factory=list)
    thinking: bool = False
    stops: list[str] = dataclasses.field(default_factory=list)
    limit: int | None = None
    temperature: float | None = None
    rounds: list = dataclasses.field(default_factory=list)
    extra: dict = dataclasses.field(default_factory=dict)  # in the SDK's own words


@dataclasses.dataclass
class Outcome:
    """stop: end, calls, length, stop_string, filtered. `native` goes back in a later round."""

    text: str = ""
    calls: list[Call] = dataclasses.field(default_factory=list)
    stop: str = ""
    usage: Usage | None = None
    thinking: str = ""
    refusal: str = ""
    native: object = None
    pieces: int = 0
    model: str = ""
    sources: list = dataclasses.field(default_factory=list)  # (url, title, the text it backs)


class Fault(Exception):
    """What the SDK raised, in one shape. `status` is None where a stream or connection broke."""

    def __init__(self, raised, status, message, kind="", headers=None):
        super().__init__(f"{type(raised).__name__} {status} {kind}: {message}")
        self.raised, self.status, self.message, self.kind = raised, status, message, kind
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}


def data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


class Driver:
    name = ""
    root = "/v1"

    def __init__(self, root_url: str):
        self.root_url = root_url

    def ask(self, model: str, request: Request, stream: bool) -> Outcome:
        return (self.stream if stream else self.whole)(model, request)

    def close(self) -> None:
        pass


# OpenAI: chat completions.


class OpenAiChat(Driver):
    name = "openai"
    stops = {"stop": "end", "tool_calls": "calls", "length": "length", "content_filter": "filtered"}

    def __init__(self, root_url):
        super().__init__(root_url)
        self.sdk = self.make()

    def make(self):
        return openai.OpenAI(base_url=self.root_url + "/v1", api_key=KEY, max_retries=0, timeout=30)

    def close(self):
        self.sdk.close()

    def guarded(self, run):
        try:
            return run()
        except openai.APIStatusError as raised:
            headers = raised.response.headers
            raise Fault(
                raised, raised.status_code, raised.message, raised.code or raised.type, headers
            ) from raised
        except openai.APIError as raised:
            raise Fault(raised, None, raised.message, raised.code or raised.type) from raised
        except BELOW as raised:
            raise Fault(raised, None, str(raised)) from raised

    def arguments(self, model, request):
        content = [{"type": "text", "text": request.text}]
        content += [
            {"type": "image_url", "image_url": {"url": data_url("image/png", one)}}
            for one in request.images
        ]
        content += [
            {
                "type": "file",
                "file": {"file_data": data_url("application/pdf", one), "filename": "a.pdf"},
            }
            for one in request.documents
        ]
        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": content if len(content) > 1 else request.text})
        for outcome, results in request.rounds:
            messages.append(outcome.native)
            for call, text, _ in results:
                messages.append({"role": "tool", "tool_call_id": call.id, "content": text})
            if not results:
                messages.append({"role": "user", "content": GO_ON})
        out = {"model": model, "messages": messages}
        if request.tools:
            out["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.schema,
                    },
                }
                for tool in request.tools
            ]
            named = {"type": "function", "function": {"name": request.choice}}
            plain = request.choice in ("auto", "none", "required")
            out["tool_choice"] = request.choice if plain else named
            if not request.parallel:
                out["parallel_tool_calls"] = False
        if request.schema:
            form = {"name": "answer", "schema": request.schema, "strict": True}
            out["response_format"] = {"type": "json_schema", "json_schema": form}
        if request.stops:
            out["stop"] = request.stops
        if request.limit:
            out["max_completion_tokens"] = request.limit
        if request.temperature is not None:
            out["temperature"] = request.temperature
        if request.thinking:
            out["reasoning_effort"] = "low"
        return out | request.extra

    def whole(self, model, request):
        return self.guarded(
            lambda: self.outcome(self.sdk.chat.completions.create(**self.arguments(model, request)))
        )

    def outcome(self, answer):
        choice = answer.choices[0]
        message = choice.message
        calls = [
            Call(call.id, call.function.name, json.loads(call.function.arguments or "{}"))
            for call in message.tool_calls or []
        ]
        return Outcome(
            text=message.content or "",
            calls=calls,
            stop=self.stops.get(choice.finish_reason, choice.finish_reason),
            usage=self.usage(answer.usage),
            thinking=getattr(message, "reasoning_content", None) or "",
            refusal=message.refusal or "",
            native=message.to_dict(),
            model=answer.model,
            sources=self.sources(message.to_dict().get("annotations"), message.content),
        )

    def sources(self, annotations, text):
        found = [one["url_citation"] for one in annotations or []]
        return [
            (one["url"], one["title"], text[one["start_index"] : one["end_index"]]) for one in found
        ]

    def usage(self, given):
        if given is None:
            return None
        cached = given.prompt_tokens_details and given.prompt_tokens_details.cached_tokens
        details = given.completion_tokens_details
        return Usage(
            given.prompt_tokens,
            given.completion_tokens,
            cached,
            details and details.reasoning_tokens,
        )

    def stream(self, model, request):
        arguments = self.arguments(model, request) | {"stream_options": {"include_usage": True}}
        arguments["stream"] = True

        def run():
            seen, found = Assembled(), self.sdk.chat.completions.create(**arguments)
            for chunk in found:
                seen.add(chunk)
            if seen.finish is None:
                raise Fault(None, None, "the stream ended without a finish reason", "cut")
            return self.outcome_of(seen)

        return self.guarded(run)

    def outcome_of(self, seen):
        calls = [
            Call(call["id"], call["name"], json.loads(call["arguments"] or "{}"))
            for _, call in sorted(seen.calls.items())
        ]
        native = {"role": "assistant", "content": seen.text or None}
        if calls:
            native["tool_calls"] = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"] or "{}"},
                }
                for _, call in sorted(seen.calls.items())
            ]
        return Outcome(
            text=seen.text,
            calls=calls,
            stop=self.stops.get(seen.finish, seen.finish),
            usage=self.usage(seen.usage),
            thinking=seen.thinking,
            refusal=seen.refusal,
            native=native | seen.more,
            pieces=seen.pieces,
            model=seen.model,
            sources=self.sources(seen.more.get("annotations"), seen.text),
        )

    def embed(self, model, texts):
        answer = self.guarded(lambda: self.sdk.embeddings.create(model=model, input=texts))
        return [item.embedding for item in answer.data]

    def models(self):
        return [model.id for model in self.guarded(lambda: list(self.sdk.models.list()))]

    # Images, sound and moderation.

    def is_flagged(self, model, text) -> bool:
        create = self.sdk.moderations.create
        return self.guarded(lambda: create(model=model, input=text)).results[0].flagged

    def draw(self, model, prompt, stream=False, image=None, fresh=True) -> bytes:
        """A new image, or `image` changed as `prompt` says; not `fresh`: a variation of it."""
        images = self.sdk.images
        file = {"image": ("a.png", image, "image/png")} if image else {}
        if not fresh:
            answer = self.guarded(lambda: images.create_variation(model=model, **file))
            return base64.b64decode(answer.data[0].b64_json)
        make, said = images.edit if image else images.generate, {"model": model, "prompt": prompt}
        if not stream:
            answer = self.guarded(lambda: make(**said, **file))
            return base64.b64decode(answer.data[0].b64_json)
        events = self.guarded(lambda: list(make(**said, **file, stream=True, partial_images=1)))
        assert [event.type.split(".")[1] for event in events] == ["partial_image", "completed"]
        return base64.b64decode(events[-1].b64_json)

    def speak(self, model, text) -> bytes:
        create = self.sdk.audio.speech.create
        return self.guarded(lambda: create(model=model, input=text, voice="alloy").read())

    def hear(self, model, sound, stream=False, translate=False) -> str:
        audio = self.sdk.audio.translations if translate else self.sdk.audio.transcriptions
        said = {"model": model, "file": ("a.wav", sound, "audio/wav")}
        if not stream:
            return self.guarded(lambda: audio.create(**said)).text
        events = self.guarded(lambda: list(audio.create(**said, stream=True)))
        pieces = "".join(event.delta for event in events if event.type == "transcript.text.delta")
        assert pieces == events[-1].text and len(events) > 2
        return pieces


class Assembled:
    """A stream of chat completion chunks, put together."""

    def __init__(self):
        self.text = self.thinking = self.refusal = self.model = ""
        self.calls, self.more, self.pieces = {}, {}, 0
        self.finish = self.usage = None

    def add(self, chunk):
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model
        for choice in chunk.choices:
            self.finish = choice.finish_reason or self.finish
            delta = choice.delta
            if delta is None:
                continue
            self.pieces += bool(delta.content or delta.tool_calls)
            self.text += delta.content if isinstance(delta.content, str) else ""
            self.thinking += getattr(delta, "reasoning_content", None) or ""
            self.refusal += delta.refusal or ""
            for name, value in (delta.model_extra or {}).items():
                if isinstance(value, str):
                    self.more[name] = self.more.get(name, "") + value
                elif isinstance(value, list):
                    self.more[name] = self.more.get(name, []) + value
                elif value is not None:
                    self.more[name] = value
            for call in delta.tool_calls or []:
                kept = self.calls.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
                kept["id"] = call.id or kept["id"]
                kept["name"] += call.function.name or ""
                kept["arguments"] += call.function.arguments or ""


class Azure(OpenAiChat):
    """Deployments in the path."""

    name = "azure"

    def make(self):
        return openai.AzureOpenAI(
            azure_endpoint=self.root_url,
            api_key=KEY,
            api_version="2024-10-21",
            max_retries=0,
            timeout=30,
        )


# OpenAI: Responses.


class OpenAiResponses(OpenAiChat):
    name = "responses"

    def arguments(self, model, request):
        content = [{"type": "input_text", "text": request.text}]
        content += [
            {"type": "input_image", "image_url": data_url("image/png", one), "detail": "auto"}
            for one in request.images
        ]
        content += [
            {
                "type": "input_file",
                "file_data": data_url("application/pdf", one),
                "filename": "a.pdf",
            }
            for one in request.documents
        ]
        items = [{"role": "user", "content": content}]
        for outcome, results in request.rounds:
            items += outcome.native
            for call, text, _ in results:
                items.append({"type": "function_call_output", "call_id": call.id, "output": text})
            if not results:
                items.append({"role": "user", "content": GO_ON})
        out = {
            "model": model,
            "input": items if len(content) > 1 or request.rounds else request.text,
        }
        out["store"] = False
        if request.system:
            out["instructions"] = request.system
        if request.tools:
            out["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                    "strict": False,
                }
                for tool in request.tools
            ]
            plain = request.choice in ("auto", "none", "required")
            named = {"type": "function", "name": request.choice}
            out["tool_choice"] = request.choice if plain else named
            if not request.parallel:
                out["parallel_tool_calls"] = False
        if request.schema:
            form = {"type": "json_schema", "name": "answer", "schema": request.schema}
            out["text"] = {"format": form | {"strict": True}}
        if request.limit:
            out["max_output_tokens"] = request.limit
        if request.temperature is not None:
            out["temperature"] = request.temperature
        if request.thinking:
            out["reasoning"] = {"effort": "low", "summary": "auto"}
            out["include"] = ["reasoning.encrypted_content"]
        return out | request.extra

    def whole(self, model, request):
        arguments = self.arguments(model, request)
        return self.guarded(lambda: self.outcome(self.sdk.responses.create(**arguments)))

    def outcome(self, answer, pieces=0):
        out = Outcome(pieces=pieces, model=answer.model, stop="end", native=[])
        if answer.status == "failed":
            raise Fault(answer, None, answer.error.message, answer.error.code)
        if answer.status == "incomplete":
            reason = answer.incomplete_details.reason
            out.stop = {"max_output_tokens": "length", "content_filter": "filtered"}[reason]
        for item in answer.output:
            kept = item.to_dict()
            for part in (kept, *(kept.get("content") or [])):  # the streaming helper's own
                part.pop("parsed_arguments", None)
                part.pop("parsed", None)
            out.native.append(kept)
            if item.type == "function_call":
                call = Call(item.call_id, item.name, json.loads(item.arguments or "{}"))
                out.calls.append(call)
                out.stop = "calls"
            elif item.type == "reasoning":
                out.thinking += "".join(part.text for part in item.summary)
            elif item.type == "message":
                for part in item.content:
                    out.text += getattr(part, "text", "")
                    for one in getattr(part, "annotations", None) or []:
                        piece = part.text[one.start_index : one.end_index]
                        out.sources.append((one.url, one.title, piece))
                    out.refusal += getattr(part, "refusal", "")
        if answer.usage:
            given = answer.usage
            out.usage = Usage(
                given.input_tokens,
                given.output_tokens,
                given.input_tokens_details.cached_tokens,
                given.output_tokens_details.reasoning_tokens,
            )
        return out

    def stream(self, model, request):
        """The SDK's own helper puts the events together, and fails on an order it does not expect."""
        arguments = self.arguments(model, request)

        def run():
            pieces, final, before = 0, None, -1
            with self.sdk.responses.stream(**arguments) as stream:
                for event in stream:
                    assert event.sequence_number > before, (event.sequence_number, before)
                    before = event.sequence_number
                    pieces += event.type.endswith(".delta")
                    if event.type in (
                        "response.completed",
                        "response.incomplete",
                        "response.failed",
                    ):
                        final = event.response
                    if event.type == "error":
                        raise Fault(event, None, event.message, event.code)
            if final is None:
                raise Fault(None, None, "the stream ended without a terminal event", "cut")
            return self.outcome(final, pieces)

        try:
            return self.guarded(run)
        except RuntimeError as raised:
            raise Fault(raised, None, str(raised), "cut") from raised


# Anthropic.


class Anthropic(Driver):
    name = "anthropic"
    stops = {
        "end_turn": "end",
        "tool_use": "calls",
        "max_tokens": "length",
        "stop_sequence": "stop_string",
        "refusal": "filtered",
    }

    def __init__(self, root_url):
        super().__init__(root_url)
        self.sdk = anthropic.Anthropic(base_url=root_url, api_key=KEY, max_retries=0, timeout=30)

    def close(self):
        self.sdk.close()

    def guarded(self, run):
        try:
            return run()
        except anthropic.APIStatusError as raised:
            body = raised.body if isinstance(raised.body, dict) else {}
            error = body.get("error") or {}
            status = raised.status_code if raised.status_code >= 400 else None
            message = error.get("message", raised.message)
            headers = raised.response.headers
            raise Fault(raised, status, message, error.get("type"), headers) from raised
        except (anthropic.APIError, *BELOW) as raised:
            raise Fault(raised, None, str(raised)) from raised

    def arguments(self, model, request):
        content = [{"type": "text", "text": request.text}]
        for kind, mime, found in (
            ("image", "image/png", request.images),
            ("document", "application/pdf", request.documents),
        ):
            for one in found:
                data = base64.b64encode(one).decode()
                source = {"type": "base64", "media_type": mime, "data": data}
                content.append({"type": kind, "source": source})
        messages = [{"role": "user", "content": content if len(content) > 1 else request.text}]
        for outcome, results in request.rounds:
            messages.append({"role": "assistant", "content": outcome.native})
            blocks = [
                {"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": bad}
                for call, text, bad in results
            ]
            messages.append({"role": "user", "content": blocks or GO_ON})
        out = {"model": model, "messages": messages, "max_tokens": request.limit or 4096}
        if request.system:
            out["system"] = request.system
        if request.tools:
            out["tools"] = [
                {"name": one.name, "description": one.description, "input_schema": one.schema}
                for one in request.tools
            ]
            kind = {"auto": "auto", "none": "none", "required": "any"}.get(request.choice, "tool")
            choice = {"type": kind} | ({"name": request.choice} if kind == "tool" else {})
            if not request.parallel:
                choice["disable_parallel_tool_use"] = True
            out["tool_choice"] = choice
        if request.schema:
            out["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
        if request.stops:
            out["stop_sequences"] = request.stops
        if request.thinking:
            out["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return out | request.extra

    def whole(self, model, request):
        arguments = self.arguments(model, request)
        return self.guarded(lambda: self.outcome(self.sdk.messages.create(**arguments)))

    def stream(self, model, request):
        arguments = self.arguments(model, request)

        def run():
            pieces, ended = 0, False
            with self.sdk.messages.stream(**arguments) as stream:
                for event in stream:
                    pieces += event.type == "content_block_delta"
                    ended = ended or event.type == "message_stop"
                if not ended:
                    raise Fault(None, None, "the stream ended without message_stop", "cut")
                return self.outcome(stream.get_final_message(), pieces)

        return self.guarded(run)

    def outcome(self, answer, pieces=0):
        out = Outcome(pieces=pieces, model=answer.model)
        out.stop = self.stops.get(answer.stop_reason, answer.stop_reason)
        out.native = [block.to_dict(exclude_none=True) | {} for block in answer.content]
        for block in out.native:
            block.pop("parsed_output", None)
        for block in answer.content:
            if block.type == "text":
                out.text += block.text
                for one in block.citations or []:
                    out.sources.append((one.url, one.title, block.text))
            elif block.type == "thinking":
                out.thinking += block.thinking
            elif block.type == "tool_use":
                out.calls.append(Call(block.id, block.name, block.input))
        given = answer.usage
        if given and given.input_tokens:
            cached = given.cache_read_input_tokens or 0
            written = given.cache_creation_input_tokens or 0
            thought = given.output_tokens_details and given.output_tokens_details.thinking_tokens
            total = given.input_tokens + cached + written
            out.usage = Usage(total, given.output_tokens, cached, thought)
        return out

    def count(self, model, request):
        arguments = self.arguments(model, request)
        arguments.pop("max_tokens")
        return self.guarded(lambda: self.sdk.messages.count_tokens(**arguments)).input_tokens

    def models(self):
        return [model.id for model in self.guarded(lambda: list(self.sdk.models.list()))]


# Google.


class Gemini(Driver):
    name = "gemini"
    stops = {"STOP": "end", "MAX_TOKENS": "length", "SAFETY": "filtered"}

    def __init__(self, root_url):
        super().__init__(root_url)
        self.sdk = self.make()

    def options(self):
        retry = types.HttpRetryOptions(attempts=1)
        return types.HttpOptions(base_url=self.root_url, timeout=30_000, retry_options=retry)

    def make(self):
        return google.genai.Client(api_key=KEY, http_options=self.options())

    def close(self):
        self.sdk.close()

    def guarded(self, run):
        try:
            return run()
        except google.genai.errors.APIError as raised:
            headers = getattr(raised.response, "headers", None) or {}
            status = raised.code if isinstance(raised.code, int) else None
            raise Fault(raised, status, raised.message, raised.status, dict(headers)) from raised
        except (google.genai.errors.UnknownApiResponseError, *BELOW) as raised:
            raise Fault(raised, None, str(raised)) from raised

    def arguments(self, model, request):
        parts = [types.Part.from_text(text=request.text)]
        for mime, found in (("image/png", request.images), ("application/pdf", request.documents)):
            parts += [types.Part.from_bytes(data=one, mime_type=mime) for one in found]
        contents = [types.Content(role="user", parts=parts)]
        for outcome, results in request.rounds:
            contents.append(outcome.native)
            answers = []
            for call, text, bad in results:
                response = {"error" if bad else "result": text}
                given = types.FunctionResponse(id=call.id, name=call.name, response=response)
                answers.append(types.Part(function_response=given))
            answers = answers or [types.Part.from_text(text=GO_ON)]
            contents.append(types.Content(role="user", parts=answers))
        config = {"automatic_function_calling": {"disable": True}}
        if request.system:
            config["system_instruction"] = request.system
        if request.tools:
            declared = [
                types.FunctionDeclaration(
                    name=one.name,
                    description=one.description,
                    parameters_json_schema=one.schema,
                )
                for one in request.tools
            ]
            config["tools"] = [types.Tool(function_declarations=declared)]
            mode = {"auto": "AUTO", "none": "NONE"}.get(request.choice, "ANY")
            names = [] if request.choice in ("auto", "none", "required") else [request.choice]
            calling = {"mode": mode} | ({"allowed_function_names": names} if names else {})
            config["tool_config"] = {"function_calling_config": calling}
        if request.schema:
            config["response_mime_type"] = "application/json"
            config["response_json_schema"] = request.schema
        if request.stops:
            config["stop_sequences"] = request.stops
        if request.limit:
            config["max_output_tokens"] = request.limit
        if request.temperature is not None:
            config["temperature"] = request.temperature
        if request.thinking:
            config["thinking_config"] = {"include_thoughts": True}
        config |= request.extra
        return {"model": model, "contents": contents, "config": config}

    def whole(self, model, request):
        arguments = self.arguments(model, request)
        return self.guarded(lambda: self.outcome([self.sdk.models.generate_content(**arguments)]))

    def stream(self, model, request):
        arguments = self.arguments(model, request)
        return self.guarded(
            lambda: self.outcome(list(self.sdk.models.generate_content_stream(**arguments)))
        )

    def outcome(self, chunks):
        out = Outcome(pieces=len(chunks))
        kept, reason, grounding = [], None, None
        for chunk in chunks:
            out.model = chunk.model_version or out.model
            if chunk.usage_metadata and chunk.usage_metadata.prompt_token_count:
                out.usage = self.usage(chunk.usage_metadata)
            if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
                reason = "SAFETY"
            for candidate in (chunk.candidates or [])[:1]:
                if candidate.finish_reason:
                    reason = candidate.finish_reason.value
                grounding = candidate.grounding_metadata or grounding
                for part in (candidate.content and candidate.content.parts) or []:
                    kept.append(part)
                    if part.function_call:
                        call = part.function_call
                        out.calls.append(Call(call.id, call.name, call.args or {}))
                    elif part.thought:
                        out.thinking += part.text or ""
                    else:
                        out.text += part.text or ""
        if reason is None:
            raise Fault(None, None, "the stream ended without a finish reason", "cut")
        out.stop = "calls" if out.calls else self.stops.get(reason, reason)
        out.native = types.Content(role="model", parts=kept)
        for one in (grounding and grounding.grounding_supports) or []:
            # In a stream places count through all of the text.
            part = kept[one.segment.part_index or 0].text if len(chunks) == 1 else out.text
            piece = part.encode()[one.segment.start_index or 0 : one.segment.end_index].decode()
            for index in one.grounding_chunk_indices:
                chunk = grounding.grounding_chunks[index]
                web = chunk.web or chunk.retrieved_context
                out.sources.append((web.uri, web.title, piece))
        return out

    def usage(self, given):
        thought = given.thoughts_token_count  # None: nothing is said of them
        candidates = given.candidates_token_count or 0
        return Usage(
            given.prompt_token_count,
            candidates + (thought or 0),
            given.cached_content_token_count,
            thought,
        )

    def count(self, model, request):
        contents = self.arguments(model, request)["contents"]
        answer = self.guarded(lambda: self.sdk.models.count_tokens(model=model, contents=contents))
        return answer.total_tokens

    def embed(self, model, texts):
        answer = self.guarded(lambda: self.sdk.models.embed_content(model=model, contents=texts))
        return [one.values for one in answer.embeddings]


class Vertex(Gemini):
    """Vertex AI's paths, with an OAuth token."""

    name = "vertex"

    def make(self):
        return google.genai.Client(
            vertexai=True,
            credentials=google.oauth2.credentials.Credentials(token=KEY),
            project="p1",
            location="europe-west4",
            http_options=self.options(),
        )


# AWS.


class Bedrock(Driver):
    name = "bedrock"
    stops = {
        "end_turn": "end",
        "tool_use": "calls",
        "max_tokens": "length",
        "stop_sequence": "stop_string",
        "content_filtered": "filtered",
        "guardrail_intervened": "filtered",
    }

    def __init__(self, root_url):
        super().__init__(root_url)
        settings = botocore.config.Config(
            retries={"total_max_attempts": 1}, read_timeout=30, connect_timeout=5
        )
        self.sdk = boto3.client(
            "bedrock-runtime",
            region_name=REGION,
            endpoint_url=root_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=settings,
        )

    def close(self):
        self.sdk.close()

    def guarded(self, run):
        try:
            return run()
        except botocore.exceptions.EventStreamError as raised:
            error = raised.response["Error"]
            raise Fault(raised, None, error["Message"], error["Code"]) from raised
        except botocore.exceptions.ClientError as raised:
            error, meta = raised.response["Error"], raised.response["ResponseMetadata"]
            raise Fault(
                raised,
                meta["HTTPStatusCode"],
                error["Message"],
                error["Code"],
                meta["HTTPHeaders"],
            ) from raised
        except (botocore.exceptions.BotoCoreError, botocore.eventstream.ParserError) as raised:
            raise Fault(raised, None, str(raised), type(raised).__name__) from raised
        except BELOW as raised:
            raise Fault(raised, None, str(raised)) from raised

    def arguments(self, model, request):
        content = [{"text": request.text}]
        content += [
            {"image": {"format": "png", "source": {"bytes": one}}} for one in request.images
        ]
        content += [
            {"document": {"format": "pdf", "name": f"document {i}", "source": {"bytes": one}}}
            for i, one in enumerate(request.documents)
        ]
        messages = [{"role": "user", "content": content}]
        for outcome, results in request.rounds:
            messages.append({"role": "assistant", "content": outcome.native})
            blocks = [
                {
                    "toolResult": {
                        "toolUseId": call.id,
                        "content": [{"text": text}],
                        "status": "error" if bad else "success",
                    }
                }
                for call, text, bad in results
            ]
            messages.append({"role": "user", "content": blocks or [{"text": GO_ON}]})
        out = {"modelId": model, "messages": messages}
        if request.system:
            out["system"] = [{"text": request.system}]
        if request.tools:
            tools = [
                {
                    "toolSpec": {
                        "name": one.name,
                        "description": one.description,
                        "inputSchema": {"json": one.schema},
                    }
                }
                for one in request.tools
            ]
            choices = {"auto": {"auto": {}}, "required": {"any": {}}}
            choice = choices.get(request.choice, {"tool": {"name": request.choice}})
            out["toolConfig"] = {"tools": tools, "toolChoice": choice}
        inference = {}
        if request.stops:
            inference["stopSequences"] = request.stops
        if request.limit:
            inference["maxTokens"] = request.limit
        if request.temperature is not None:
            inference["temperature"] = request.temperature
        if inference:
            out["inferenceConfig"] = inference
        if request.schema:
            schema = {"schema": json.dumps(request.schema), "name": "answer"}
            form = {"type": "json_schema", "structure": {"jsonSchema": schema}}
            out["outputConfig"] = {"textFormat": form}
        if request.thinking:
            thinking = {"type": "enabled", "budget_tokens": 1024}
            out["additionalModelRequestFields"] = {"thinking": thinking}
        return out | request.extra

    def whole(self, model, request):
        arguments = self.arguments(model, request)

        def run():
            answer = self.sdk.converse(**arguments)
            blocks = answer["output"]["message"]["content"]
            return self.outcome(blocks, answer["stopReason"], answer.get("usage"))

        return self.guarded(run)

    def stream(self, model, request):
        arguments = self.arguments(model, request)
        return self.guarded(lambda: self.assemble(self.sdk.converse_stream(**arguments)["stream"]))

    def assemble(self, events):
        blocks, stop, usage, pieces = {}, None, None, 0
        for event in events:
            ((kind, value),) = event.items()
            at = value.get("contentBlockIndex")
            if kind == "contentBlockStart":
                blocks[at] = {"toolUse": dict(value["start"]["toolUse"]) | {"input": ""}}
            elif kind == "contentBlockDelta":
                pieces += 1
                if citation := value["delta"].get("citation"):
                    blocks.setdefault(at, {}).setdefault("citations", []).append(citation)
                else:
                    merge(blocks.setdefault(at, {}), value["delta"])
            elif kind == "messageStop":
                stop = value["stopReason"]
            elif kind == "metadata":
                usage = value.get("usage")
        if stop is None:
            raise Fault(None, None, "the stream ended without messageStop", "cut")
        found = [block for _, block in sorted(blocks.items())]
        for block in found:
            if "citations" in block:
                texts = [{"text": block.pop("text")}]
                block["citationsContent"] = {"content": texts, "citations": block.pop("citations")}
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
            if "reasoningContent" in block:
                block["reasoningContent"] = {"reasoningText": block["reasoningContent"]}
        return self.outcome(found, stop, usage, pieces)

    def outcome(self, blocks, stop, usage, pieces=0):
        out = Outcome(stop=self.stops.get(stop, stop), native=blocks, pieces=pieces)
        for block in blocks:
            cited = block.get("citationsContent", {"content": [], "citations": []})
            text = "".join(one["text"] for one in cited["content"])
            out.text += block.get("text", "") + text
            for one in cited["citations"]:
                out.sources.append((one["location"]["web"]["url"], one["title"], text))
            thought = block.get("reasoningContent", {}).get("reasoningText", {})
            out.thinking += thought.get("text", "")
            if "toolUse" in block:
                call = block["toolUse"]
                out.calls.append(Call(call["toolUseId"], call["name"], call["input"]))
        if usage:
            cached = usage.get("cacheReadInputTokens", 0)
            total = usage["inputTokens"] + cached + usage.get("cacheWriteInputTokens", 0)
            out.usage = Usage(total, usage["outputTokens"], cached)
        return out


def merge(block: dict, delta: dict) -> None:
    for key, value in delta.items():
        if isinstance(value, dict):
            merge(block.setdefault(key, {}), value)
        else:
            block[key] = block.get(key, "") + value


DRIVERS = {
    one.name: one
    for one in (OpenAiChat, Azure, OpenAiResponses, Anthropic, Gemini, Vertex, Bedrock)
}
# Those that speak another's dialect at paths of their own.
DIALECT = {"azure": "openai", "vertex": "gemini"}
