"""OpenAI's Responses: create and stream. Used by the families openai and azure_openai."""

import functools

from . import published, scenario
from .server import Stream, Whole, sse

# The data says of some fields that they are required where the API takes them as they come.
OPTIONAL = (
    "FunctionToolParam.defer_loading",
    "ResponseFunctionToolCallParam.id",
    "ResponseFunctionToolCallParam.namespace",
    "ResponseFunctionToolCallParam.status",
    "ResponseOutputMessageParam.id",
    "ResponseOutputMessageParam.status",
    "ResponseInputImageParam.detail",
)
EXTRA = {
    "ResponseCreateParamsBase": {"stream": "Optional[bool]"},
    "Reasoning": {
        "summary": "Optional[enum['auto', 'concise', 'detailed']]",
        "mode": "Any",
        "context": "Any",
    },
    "ResponseReasoningItemParam": {"content": "Iterable[Dict[str, Any]]"},
}


@functools.cache
def types():
    return published.Annotations("openai/responses-types.json", OPTIONAL, EXTRA)


def reply(family, body, options):
    if published.available():
        for problem in types().check(body, "ResponseCreateParamsBase"):
            raise family.refuse_problem(problem)
    if "input" not in body or "model" not in body:
        missing = "model" if "model" not in body else "input"
        text = f"Missing required parameter: '{missing}'."
        raise family.refuse(text, param=missing, code="missing_required_parameter")
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    before = body.get("previous_response_id")
    if before:
        if before not in family.stored:
            text = f"Previous response with id '{before}' not found."
            raise family.refuse(
                text, param="previous_response_id", code="previous_response_not_found"
            )
        items = family.stored[before]["items"] + family.stored[before]["whole"]["output"] + items
    ask = read(family, body, items, options)
    turn = family.speak(ask)
    answer = Answer(family, body, ask, turn)
    if body.get("store", True):
        whole = answer.whole()
        family.stored[whole["id"]] = {"whole": whole, "items": items}
    return Stream(answer.events()) if ask.stream else Whole(answer.whole())


def stored(family, method: str, path: str):
    """Retrieve, delete, cancel, input items: /responses/ID..."""
    name, _, verb = path.removeprefix("/responses/").partition("/")
    if name not in family.stored:
        text = f"Response with id '{name}' not found."
        raise family.refuse(text, param="id", status=404)
    if method == "DELETE":
        del family.stored[name]
        return Whole({"id": name, "object": "response", "deleted": True})
    if verb == "cancel":
        text = "Only responses created with background=true can be cancelled."
        raise family.refuse(text, param="id")
    if verb == "input_items":
        data = [
            {"id": f"msg_{i}"} | listed(item) for i, item in enumerate(family.stored[name]["items"])
        ]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
        return Whole({"object": "list", "data": data, "has_more": False} | ends)
    return Whole(family.stored[name]["whole"])


def listed(item: dict) -> dict:
    if item.get("type", "message") == "message" and isinstance(item["content"], str):
        content = [{"type": "input_text", "text": item["content"]}]
        return item | {"type": "message", "status": "completed", "content": content}
    return {"type": "message"} | item


def read(family, body, items, options) -> scenario.Ask:
    ask = scenario.Ask(str(body["model"]), options, stream=body.get("stream") is True)
    ask.system = body.get("instructions") or ""
    for tool in body.get("tools") or []:
        if tool["type"] == "function":
            ask.tools.append((tool["name"], tool.get("parameters")))
    choice = body.get("tool_choice") or "auto"
    ask.choice = choice if isinstance(choice, str) else choice.get("name", "auto")
    ask.parallel = body.get("parallel_tool_calls") is not False
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") in ("json_schema", "json_object"):
        ask.schema = form.get("schema") or {}
    ask.limit = body.get("max_output_tokens")
    ask.thinking = bool((body.get("reasoning") or {}).get("summary"))
    calls = set()
    for i, item in enumerate(items):
        read_item(family, item, i, calls, ask)
    return ask


def read_item(family, item, i, calls, ask) -> None:
    kind = item.get("type", "message")
    if kind == "function_call":
        calls.add(item["call_id"])
    elif kind == "function_call_output":
        if item["call_id"] not in calls:
            text = f"No tool call found for function call output with call_id {item['call_id']}."
            raise family.refuse(text, param="input")
        output = item["output"]
        if not isinstance(output, str):
            output = "".join(part.get("text", "") for part in output)
        ask.results.append((output, False))
    elif kind == "reasoning" and item.get("encrypted_content"):
        if item["encrypted_content"] != scenario.sign(family.secret, "".join(scenario.THOUGHTS)):
            text = f"The encrypted content for item {item['id']} could not be verified."
            raise family.refuse(text, param=f"input[{i}]", code="invalid_encrypted_content")
    elif kind == "message":
        if item["role"] != "assistant":
            ask.results = []
        content = item["content"]
        for part in [] if isinstance(content, str) else content:
            try:
                read_part(part, ask)
            except ValueError as problem:
                text = f"Invalid 'input[{i}].content': {problem}"
                raise family.refuse(
                    text, param=f"input[{i}].content", code="invalid_value"
                ) from None


def read_part(part, ask) -> None:
    if part["type"] == "input_image" and part.get("image_url"):
        ask.media.append(scenario.data_url(part["image_url"]))
    elif part["type"] == "input_file" and part.get("file_data"):
        ask.media.append(scenario.data_url(part["file_data"]))


class Answer:
    def __init__(self, family, body, ask, turn):
        self.family, self.body, self.ask, self.turn = family, body, ask, turn
        self.seed = scenario.digest(scenario.compact(body), length=40)

    def frame(self, status: str, output: list, usage=None) -> dict:
        """The response object: the request's echo, and what there is so far."""
        echo = ("instructions", "max_output_tokens", "metadata", "previous_response_id")
        reason = {"length": "max_output_tokens", "filtered": "content_filter"}.get(self.turn.stop)
        incomplete = {"reason": reason} if status == "incomplete" else None
        return {
            "id": f"resp_{self.seed}",
            "object": "response",
            "created_at": scenario.CREATED,
            "status": status,
            "error": None,
            "incomplete_details": incomplete,
            **{name: self.body.get(name) for name in echo},
            "model": self.ask.answers_as,
            "output": output,
            "parallel_tool_calls": self.ask.parallel,
            "reasoning": {"effort": None, "summary": None} | (self.body.get("reasoning") or {}),
            "store": self.body.get("store", True),
            "temperature": self.body.get("temperature", 1.0),
            "text": self.body.get("text") or {"format": {"type": "text"}},
            "tool_choice": self.body.get("tool_choice") or "auto",
            "tools": self.body.get("tools") or [],
            "top_p": self.body.get("top_p", 1.0),
            "truncation": self.body.get("truncation") or "disabled",
            "usage": usage,
            "user": self.body.get("user"),
        }

    def usage(self) -> dict | None:
        if not self.turn.has_usage:
            return None
        return {
            "input_tokens": scenario.INPUT,
            "input_tokens_details": {"cached_tokens": scenario.CACHED, "cache_write_tokens": 0},
            "output_tokens": self.turn.output,
            "output_tokens_details": {"reasoning_tokens": self.turn.reasoning},
            "total_tokens": scenario.INPUT + self.turn.output,
        }

    def part(self, block, text: str) -> dict:
        if block.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        annotations = [self.annotation(block)] if block.cited and text else []
        return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}

    def annotation(self, block) -> dict:
        place = {"start_index": 0, "end_index": len(block.text)}
        return {"type": "url_citation"} | scenario.SOURCE | place

    def item(self, index: int, block, done: bool) -> dict:
        seed, status = f"{self.seed}{index}", "completed" if done else "in_progress"
        text = block.text if done else ""
        if block.kind == "thinking":
            summary = [{"type": "summary_text", "text": text}] if done else []
            item = {"id": f"rs_{seed}", "type": "reasoning", "summary": summary}
            if "reasoning.encrypted_content" in (self.body.get("include") or []):
                item["encrypted_content"] = block.signature if done else ""
            return item
        if block.kind == "call":
            call = {"call_id": self.family.call_id(block), "name": block.name, "arguments": text}
            return {"id": f"fc_{seed}", "type": "function_call", "status": status} | call
        content = [self.part(block, text)] if done else []
        message = {"id": f"msg_{seed}", "type": "message", "status": status}
        return message | {"role": "assistant", "content": content}

    def status(self) -> str:
        return "incomplete" if self.turn.stop in ("length", "filtered") else "completed"

    def items(self) -> list:
        return [self.item(i, block, True) for i, block in enumerate(self.turn.blocks)]

    def whole(self) -> dict:
        return self.frame(self.status(), self.items(), self.usage())

    def events(self) -> list:
        out = []

        def add(kind, name, /, **fields):
            event = {"type": name, "sequence_number": len(out)} | fields
            out.append((kind, sse(event, name)))

        add("start", "response.created", response=self.frame("in_progress", []))
        add("start", "response.in_progress", response=self.frame("in_progress", []))
        for step, index, block, piece in scenario.steps(self.turn):
            item = self.item(index, block, step == "stop")
            at = {"item_id": item["id"], "output_index": index}
            if step == "start":
                add("open", "response.output_item.added", output_index=index, item=item)
            getattr(self, block.kind)(add, step, at, block, piece)
            if step == "stop":
                add("close", "response.output_item.done", output_index=index, item=item)
        final = self.status()
        add("finish", f"response.{final}", response=self.whole())
        return out

    def message(self, add, step, at, block, piece) -> None:
        at = at | {"content_index": 0}
        name, field = ("refusal", "refusal") if block.kind == "refusal" else ("output_text", "text")
        extra = {"logprobs": []} if name == "output_text" else {}
        if step == "start":
            add("open", "response.content_part.added", **at, part=self.part(block, ""))
        elif step == "delta":
            padding = {"obfuscation": "Xq2"}
            add("content", f"response.{name}.delta", **at, delta=piece, **extra, **padding)
        else:
            if block.cited:
                added = {"annotation_index": 0, "annotation": self.annotation(block)}
                add("content", "response.output_text.annotation.added", **at, **added)
            add("close", f"response.{name}.done", **at, **{field: block.text}, **extra)
            add("close", "response.content_part.done", **at, part=self.part(block, block.text))

    text = refusal = message

    def call(self, add, step, at, block, piece) -> None:
        name = "response.function_call_arguments"
        if step == "delta" and piece:
            add("content", f"{name}.delta", **at, delta=piece, obfuscation="aB")
        elif step == "stop":
            add("close", f"{name}.done", **at, name=block.name, arguments=block.text)

    def thinking(self, add, step, at, block, piece) -> None:
        at = at | {"summary_index": 0}
        part = {"type": "summary_text", "text": block.text if step == "stop" else ""}
        if step == "start":
            add("open", "response.reasoning_summary_part.added", **at, part=part)
        elif step == "delta":
            add("content", "response.reasoning_summary_text.delta", **at, delta=piece)
        else:
            add("close", "response.reasoning_summary_text.done", **at, text=block.text)
            add("close", "response.reasoning_summary_part.done", **at, part=part)
