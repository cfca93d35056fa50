"""OpenAI's SDK: Responses."""

import json

from .driver import GO_ON, Call, Fault, Outcome, Usage, data_url
from .openai_chat import OpenAiChat


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
