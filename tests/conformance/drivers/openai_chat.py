"""OpenAI's SDK: chat completions, media; Azure's deployments."""

import base64
import json

import openai

from .driver import BELOW, GO_ON, KEY, Call, Driver, Fault, Outcome, Usage, data_url


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
