"""Google's SDK, before Gemini and Vertex."""

import google.genai
import google.genai.errors
import google.oauth2.credentials
from google.genai import types

from .driver import BELOW, GO_ON, KEY, Call, Driver, Fault, Outcome, Usage


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
