"""boto3, before Bedrock."""

import json

import boto3
import botocore.config
import botocore.exceptions

from .driver import (
    ACCESS_KEY,
    BELOW,
    GO_ON,
    REGION,
    SECRET_KEY,
    Call,
    Driver,
    Fault,
    Outcome,
    Usage,
)


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
        cited = {"citations": {"enabled": True}} if request.cited else {}
        content += [
            {
                "document": {"format": "pdf", "name": f"document {i}", "source": {"bytes": one}}
                | cited
            }
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
                out.sources.append((*source_of(one), text))
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


def source_of(citation):
    if page := citation["location"].get("documentPage"):
        return f"document {page['documentIndex']}, page {page['start']}", citation.get("title")
    return citation["location"]["web"]["url"], citation["title"]


def merge(block: dict, delta: dict) -> None:
    for key, value in delta.items():
        if isinstance(value, dict):
            merge(block.setdefault(key, {}), value)
        else:
            block[key] = block.get(key, "") + value
