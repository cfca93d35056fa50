// The official JavaScript SDKs behind the same face as drivers/: one JSON line in, one out.
//   in:  {client, url, model, request, stream}     out: {outcome} or {fault}
import { webcrypto } from "node:crypto";
import readline from "node:readline";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, Output, streamText, tool } from "ai";
import OpenAI from "openai";

globalThis.AI_SDK_LOG_WARNINGS = false;
globalThis.crypto ??= webcrypto; // Node 18 keeps it behind a flag
const apiKey = process.env.KEY;
const budget = { type: "enabled", budgetTokens: 1024 };

// How each provider package is made, and asked to think.
const packages = {
  ai_openai: {
    make: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat,
    thinking: { openai: { reasoningEffort: "low", forceReasoning: true } },
    serial: { openai: { parallelToolCalls: false } },
  },
  ai_responses: {
    make: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses,
    always: { openai: { store: false } },
    thinking: {
      openai: {
        store: false,
        forceReasoning: true,
        reasoningEffort: "low",
        reasoningSummary: "auto",
        include: ["reasoning.encrypted_content"],
      },
    },
    serial: { openai: { store: false, parallelToolCalls: false } },
  },
  ai_anthropic: {
    make: (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey }),
    thinking: { anthropic: { thinking: budget } },
    serial: { anthropic: { disableParallelToolUse: true } },
  },
  ai_google: {
    make: (url) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey }),
    thinking: { google: { thinkingConfig: { includeThoughts: true } } },
  },
  ai_bedrock: {
    make: (url) =>
      createAmazonBedrock({
        baseURL: url,
        region: process.env.REGION,
        accessKeyId: process.env.ACCESS_KEY,
        secretAccessKey: process.env.SECRET_KEY,
      }),
    thinking: { bedrock: { reasoningConfig: budget } },
  },
};

const stops = { stop: "end", length: "length", "tool-calls": "calls", "content-filter": "filtered" };

function settings(name, url, model, request) {
  const made = packages[name];
  const content = [{ type: "text", text: request.text }];
  for (const data of request.images)
    content.push({ type: "image", image: Buffer.from(data, "base64"), mediaType: "image/png" });
  for (const data of request.documents) {
    const file = { data: Buffer.from(data, "base64"), filename: "a.pdf" };
    content.push({ type: "file", mediaType: "application/pdf", ...file });
  }
  const messages = [{ role: "user", content }];
  for (const [native, results] of request.rounds) {
    messages.push(...native);
    const parts = results.map(([call, text, bad]) => ({
      type: "tool-result",
      toolCallId: call.id,
      toolName: call.name,
      output: { type: bad ? "error-text" : "text", value: text },
    }));
    messages.push({ role: "tool", content: parts });
  }
  const out = { model: made.make(url)(model), messages, maxRetries: 0 };
  if (request.system) out.system = request.system;
  if (request.tools.length) {
    out.tools = {};
    for (const one of request.tools) {
      const inputSchema = jsonSchema(one.schema);
      out.tools[one.name] = tool({ description: one.description, inputSchema });
    }
    const plain = ["auto", "none", "required"].includes(request.choice);
    out.toolChoice = plain ? request.choice : { type: "tool", toolName: request.choice };
  }
  if (request.schema) out.output = Output.object({ schema: jsonSchema(request.schema) });
  if (request.stops.length) out.stopSequences = request.stops;
  if (request.limit) out.maxOutputTokens = request.limit;
  if (request.temperature !== null) out.temperature = request.temperature;
  out.providerOptions = request.thinking
    ? made.thinking
    : request.parallel
      ? made.always
      : made.serial;
  return out;
}

async function ask(name, url, model, request, stream) {
  const given = settings(name, url, model, request);
  let pieces = 0;
  let broken;
  const result = stream
    ? streamText({ ...given, onError: ({ error }) => (broken ??= error) })
    : await generateText(given);
  if (stream) {
    for await (const part of result.fullStream) {
      pieces += part.type.endsWith("-delta");
      if (part.type === "error") broken ??= part.error;
    }
    if (broken) throw broken;
  }
  const [text, sources, calls, finish, usage, thinking, response] = await Promise.all([
    result.text,
    result.sources,
    result.toolCalls,
    result.finishReason,
    result.usage,
    result.reasoningText,
    result.response,
  ]);
  if (!(finish in stops)) throw new Error(`finish reason: ${finish}`);
  return {
    text,
    // It leaves out which piece of the text they back.
    sources: sources.map(({ url, title }) => [url, title, null]),
    calls: calls.map((call) => ({ id: call.toolCallId, name: call.toolName, arguments: call.input })),
    stop: stops[finish],
    usage: {
      input: usage.inputTokens,
      output: usage.outputTokens,
      cached: usage.inputTokenDetails?.cacheReadTokens,
      reasoning: usage.outputTokenDetails?.reasoningTokens,
    },
    thinking: thinking ?? "",
    native: response.messages,
    pieces,
    model: response.modelId,
  };
}

// OpenAI's own package, with its helper for streams.
async function askOpenAi(url, model, request, stream) {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
  const messages = [{ role: "user", content: request.text }];
  if (request.system) messages.unshift({ role: "system", content: request.system });
  for (const [native, results] of request.rounds) {
    messages.push(native);
    for (const [call, text] of results)
      messages.push({ role: "tool", tool_call_id: call.id, content: text });
  }
  const body = { model, messages };
  if (request.tools.length)
    body.tools = request.tools.map(({ name, description, schema }) => ({
      type: "function",
      function: { name, description, parameters: schema },
    }));
  if (request.limit) body.max_completion_tokens = request.limit;
  if (request.stops.length) body.stop = request.stops;
  let pieces = 0;
  let answer;
  if (stream) {
    const running = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    for await (const _ of running) pieces += 1;
    answer = await running.finalChatCompletion();
  } else {
    answer = await client.chat.completions.create(body);
  }
  const { message, finish_reason: finish } = answer.choices[0];
  const { parsed, ...native } = message;
  const named = { tool_calls: "calls", content_filter: "filtered" };
  const points = Array.from(message.content ?? ""); // annotations count code points
  return {
    text: message.content ?? "",
    sources: (message.annotations ?? []).map(({ url_citation: one }) => [
      one.url,
      one.title,
      points.slice(one.start_index, one.end_index).join(""),
    ]),
    calls: (message.tool_calls ?? []).map((call) => ({
      id: call.id,
      name: call.function.name,
      arguments: JSON.parse(call.function.arguments || "{}"),
    })),
    stop: named[finish] ?? stops[finish],
    usage: answer.usage && {
      input: answer.usage.prompt_tokens,
      output: answer.usage.completion_tokens,
      cached: answer.usage.prompt_tokens_details?.cached_tokens,
    },
    refusal: message.refusal ?? "",
    native,
    pieces,
    model: answer.model,
  };
}

function fault(error) {
  const status = error?.statusCode ?? error?.status ?? null;
  const headers = error?.responseHeaders ?? Object.fromEntries(error?.headers ?? []);
  const message = error?.message ?? JSON.stringify(error) ?? String(error);
  return { status, headers, message, kind: error?.code ?? error?.name ?? "" };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { client, url, model, request, stream } = JSON.parse(line);
  const call =
    client === "js_openai"
      ? askOpenAi(url, model, request, stream)
      : ask(client, url, model, request, stream);
  const out = await call.then(
    (outcome) => ({ outcome }),
    (error) => ({ fault: fault(error) }),
  );
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
