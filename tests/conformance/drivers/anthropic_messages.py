"""Anthropic's SDK."""

import base64

import anthropic

from .driver import BELOW, GO_ON, KEY, Call, Driver, Fault, Outcome, Usage


def source_of(citation):
    if citation.type == "page_location":
        place = f"document {citation.document_index}, page {citation.start_page_number}"
        return place, citation.document_title
    return citation.url, citation.title


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
                cited = {"citations": {"enabled": True}} if request.cited else {}
                content.append({"type": kind, "source": source} | cited)
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
                    out.sources.append((*source_of(one), block.text))
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
