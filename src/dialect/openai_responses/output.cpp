#include "dialect/openai_responses/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/json_writer.h"
#include "dialect/openai_responses/items.h"
#include "dialect/openai_responses/tools.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;

std::string_view bare(std::string_view request_id) {
  if (request_id.starts_with("req_")) request_id.remove_prefix(4);
  return request_id;
}

void member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

// Extras that an answer repeats.
constexpr std::string_view echoed[] = {"max_tool_calls",         "prompt",
                                       "prompt_cache_key",       "prompt_cache_options",
                                       "prompt_cache_retention", "truncation"};

void echo_settings(JsonWriter& json, const Request& request) {
  const bool one = request.system.size() == 1 && request.system.front().kind == BlockKind::text;
  if (one)
    json.field("instructions", request.system.front().text);
  else
    json.key("instructions").null();
  const auto set = [&json](std::string_view name, const auto& value) {
    if (value)
      json.field(name, *value);
    else
      json.key(name).null();
  };
  set("max_output_tokens", request.max_tokens);
  set("temperature", request.temperature);
  set("top_p", request.top_p);
  json.optional_field("top_logprobs", request.top_logprobs);
  json.raw_field("metadata", request.metadata.empty() ? "{}" : request.metadata);
  json.key("reasoning").begin_object().key("effort");
  if (request.reasoning.effort == Effort::unset)
    json.null();
  else
    json.string(to_string(request.reasoning.effort));
  json.key("summary");
  if (request.reasoning.summary.empty())
    json.null();
  else
    json.string(request.reasoning.summary);
  json.end_object().key("text").begin_object().key("format").begin_object();
  write_format(json, request.format);
  json.end_object().text_field("verbosity", request.verbosity).end_object();
  json.text_field("safety_identifier", request.user);
  for (const Extra& extra : request.extras)
    if (extra.from == own && std::ranges::find(echoed, extra.name) != std::end(echoed))
      json.raw_field(extra.name, extra.raw);
}

void echo_tools(JsonWriter& json, const Request& request) {
  json.field("parallel_tool_calls", request.parallel_tools.value_or(true));
  const auto choice = std::ranges::find_if(request.extras, [](const Extra& extra) {
    return extra.from == own && extra.name == "tool_choice";
  });
  if (choice != request.extras.end())
    json.raw_field("tool_choice", choice->raw);
  else if (request.tool_choice.mode == ToolChoice::Mode::unset)
    json.field("tool_choice", "auto");
  else
    write_tool_choice(json, request.tool_choice);
  json.key("tools").begin_array();
  for (const Tool& tool : request.tools)
    if (!tool.native || tool.native->from == own)
      write_tool(json, tool, tool.strict.value_or(true));
  json.end_array();
}

void echo_state(JsonWriter& json, const StateFields& state) {
  json.field("background", state.background).field("store", state.store.value_or(true));
  json.key("previous_response_id");
  if (state.previous_response_id.empty())
    json.null();
  else
    json.string(state.previous_response_id);
  if (!state.conversation.empty())
    json.key("conversation").begin_object().field("id", state.conversation).end_object();
}

}  // namespace

ItemKind item_kind(BlockKind kind) {
  switch (kind) {
    case BlockKind::text:
    case BlockKind::refusal:
      return ItemKind::message;
    case BlockKind::tool_call:
      return ItemKind::function_call;
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
      return ItemKind::reasoning;
    case BlockKind::image:
      return ItemKind::image;
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::video:
    case BlockKind::tool_result:
    case BlockKind::native:
      return ItemKind::none;
  }
  return ItemKind::none;
}

std::string response_id(const AnswerContext& context, std::string_view upstream_id) {
  if (!context.answer_id.empty()) return std::string(context.answer_id);
  if (context.request_id.empty()) return std::string(upstream_id);
  return fmt::format("resp_{}", bare(context.request_id));
}

std::string item_id(ItemKind kind, const AnswerContext& context, std::size_t index) {
  constexpr std::string_view prefixes[] = {"msg_", "fc_", made_thought_id, "ig_", "item_"};
  return fmt::format("{}{}_{}", prefixes[static_cast<std::size_t>(kind)], bare(context.request_id),
                     index);
}

void append_part(std::string& out, BlockKind kind, std::string_view escaped,
                 std::string_view annotations, std::string_view logprobs) {
  if (kind == BlockKind::refusal) {
    out.append(R"({"type":"refusal","refusal":")").append(escaped).append("\"}");
    return;
  }
  out.append(R"({"type":"output_text","text":")").append(escaped);
  out.append(R"(","annotations":[)").append(annotations);
  out.append(R"(],"logprobs":[)").append(logprobs).append("]}");
}

void append_message(std::string& out, std::string_view id, std::string_view status,
                    std::string_view parts) {
  out.append(R"({"id":)");
  append_json_string(out, id);
  out.append(R"(,"type":"message","status":")").append(status);
  out.append(R"(","role":"assistant","content":[)").append(parts).append("]}");
}

void append_function_call(std::string& out, std::string_view id, std::string_view status,
                          std::string_view call_id, std::string_view name,
                          std::string_view escaped_arguments) {
  out.append(R"({"id":)");
  append_json_string(out, id);
  out.append(R"(,"type":"function_call","status":")").append(status).append("\"");
  member(out, "call_id", call_id);
  member(out, "name", name);
  out.append(R"(,"arguments":")").append(escaped_arguments).append("\"}");
}

void append_reasoning(std::string& out, std::string_view id, std::string_view escaped_summary,
                      std::string_view encrypted) {
  out.append(R"({"id":)");
  append_json_string(out, id);
  out.append(R"(,"type":"reasoning","summary":[)");
  if (!escaped_summary.empty())
    out.append(R"({"type":"summary_text","text":")").append(escaped_summary).append("\"}");
  out.append("]");
  if (!encrypted.empty()) member(out, "encrypted_content", encrypted);
  out.append("}");
}

void append_image(std::string& out, std::string_view id, std::string_view status,
                  std::string_view base64) {
  out.append(R"({"id":)");
  append_json_string(out, id);
  out.append(R"(,"type":"image_generation_call","status":")").append(status);
  out.append(R"(","result":)");
  if (base64.empty())
    out.append("null}");
  else
    out.append("\"").append(base64).append("\"}");
}

bool is_own_house(const Signature& signature) {
  return signature.house.empty() || signature.house == "openai";
}

std::string encrypted_of(BlockKind kind, const Signature& signature) {
  if (signature.value.empty() || is_own_house(signature)) return std::string(signature.value);
  Signature wrapped = signature;
  if (kind == BlockKind::redacted_thinking) wrapped.id = redacted_mark;
  return wrap_signature(wrapped);
}

std::string logprobs_of(std::string_view chat_shape) {
  JsonDocument document;
  if (chat_shape.empty() || !document.parse(chat_shape, {.allow_lone_surrogates = true})) return {};
  const JsonValue content = document.root()["content"];
  if (content.size() == 0 || !content.is_array()) return {};
  return std::string(content.raw().substr(1, content.raw().size() - 2));
}

Ending ending_of(FinishReason reason, std::string_view explanation) {
  switch (reason) {
    case FinishReason::none:
    case FinishReason::stop:
    case FinishReason::stop_sequence:
    case FinishReason::tool_calls:
      return {"completed", {}, {}, {}};
    case FinishReason::length:
    case FinishReason::context_full:
      return {"incomplete", "max_output_tokens", {}, {}};
    case FinishReason::content_filter:
      return {"incomplete", "content_filter", {}, {}};
    case FinishReason::paused:
      return {"in_progress", {}, {}, {}};
    case FinishReason::fault:
      return {"failed",
              {},
              "server_error",
              explanation.empty() ? "the model failed within its answer" : explanation};
  }
  return {"completed", {}, {}, {}};
}

ResponseHead head_of(const AnswerContext& context, const StateFields& state) {
  ResponseHead head;
  head.id = response_id(context, {});
  head.model = context.model;
  head.created_s = context.now_s;
  static const Request nothing_said;
  const Request& request = context.request ? *context.request : nothing_said;
  WireText text;
  JsonWriter json(text);
  json.begin_object();
  echo_settings(json, request);
  echo_tools(json, request);
  echo_state(json, state);
  head.echo = std::move(text.own());
  head.echo.front() = ',';
  return head;
}

void append_response(std::string& out, const ResponseHead& head, const Ending& ending,
                     std::string_view output, const Usage& usage) {
  out.append(R"({"id":)");
  append_json_string(out, head.id);
  fmt::format_to(std::back_inserter(out), R"(,"object":"response","created_at":{},"status":"{}")",
                 head.created_s, ending.status);
  if (head.completed_s > 0 && ending.status == "completed")
    fmt::format_to(std::back_inserter(out), R"(,"completed_at":{})", head.completed_s);
  out.append(R"(,"error":)");
  if (ending.error_message.empty()) {
    out.append("null");
  } else {
    out.append(R"({"code":)");
    append_json_string(out, ending.error_code);
    member(out, "message", ending.error_message);
    out.append("}");
  }
  out.append(R"(,"incomplete_details":)");
  if (ending.incomplete_reason.empty())
    out.append("null");
  else
    out.append(R"({"reason":")").append(ending.incomplete_reason).append("\"}");
  member(out, "model", head.model);
  out.append(R"(,"output":[)").append(output).append("]").append(head.echo);
  if (!head.service_tier.empty()) member(out, "service_tier", head.service_tier);
  if (!usage.given()) {
    out.append(R"(,"usage":null})");
    return;
  }
  const auto count = [](std::int64_t tokens) { return std::max<std::int64_t>(tokens, 0); };
  fmt::format_to(std::back_inserter(out),
                 R"(,"usage":{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},)"
                 R"("cache_write_tokens":{}}},"output_tokens":{},"output_tokens_details":)"
                 R"({{"reasoning_tokens":{}}},"total_tokens":{})",
                 count(usage.tokens_in), count(usage.tokens_cached),
                 count(usage.tokens_cache_written), count(usage.tokens_out),
                 count(usage.tokens_reasoning), count(usage.tokens_in) + count(usage.tokens_out));
  if (usage.continuations > 0)
    fmt::format_to(std::back_inserter(out), R"(,"holdfast_continuations":{})", usage.continuations);
  out.append("}}");
}

}  // namespace holdfast::dialect::openai_responses
