// A whole answer of an upstream that speaks Messages.
#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::string_view house = "anthropic";

Block read_block(JsonValue value, Arena& arena) {
  Block out;
  const JsonValue type = value["type"];
  if (type.text_is("text")) {
    out.text = value["text"].text(arena);
    read_citations(value["citations"], arena, out.citations);
  } else if (type.text_is("thinking")) {
    out.kind = BlockKind::thinking;
    out.text = value["thinking"].text(arena);
    out.signature.value = value["signature"].text(arena);
    if (!out.signature.value.empty()) out.signature.house = house;
  } else if (type.text_is("redacted_thinking")) {
    out.kind = BlockKind::redacted_thinking;
    out.signature = {value["data"].text(arena), house, {}};
  } else if (type.text_is("tool_use")) {
    out.kind = BlockKind::tool_call;
    out.id = value["id"].text(arena);
    out.name = value["name"].text(arena);
    out.arguments = value["input"].raw();
  } else {
    out.kind = BlockKind::native;
    out.extra = {Dialect::anthropic, "content", value.raw(), false};
  }
  return out;
}

// What only this dialect tells: given back to its own clients, of no consequence to others.
void keep_extras(JsonValue root, Response& out) {
  const auto keep = [&out](JsonValue value, std::string_view name) {
    if (value && !value.is_null())
      out.extras.push_back({Dialect::anthropic, name, value.raw(), true});
  };
  keep(root["container"], "container");
  keep(root["diagnostics"], "diagnostics");
  keep(root["stop_details"]["category"], "stop_details.category");
  const JsonValue usage = root["usage"];
  keep(usage["cache_creation"], "usage.cache_creation");
  keep(usage["server_tool_use"], "usage.server_tool_use");
  keep(usage["inference_geo"], "usage.inference_geo");
  keep(usage["speed"], "usage.speed");
}

std::string_view tier_from(std::string_view tier) { return tier == "standard" ? "default" : tier; }

}  // namespace

Result<Response> read_answer(std::string_view body) {
  JsonDocument document;
  if (const auto parsed = document.parse(body, lenient); !parsed)
    return fail(ErrorCode::malformed_response, "the answer is not JSON: " + parsed.error().message);
  const JsonValue root = document.root();
  Response out;
  if (const JsonValue error = error_object(root)) {
    std::string detail("status 200 with an error object: ");
    return fail(ErrorCode::upstream_unavailable, detail.append(error["type"].text(out.arena))
                                                     .append(": ")
                                                     .append(error["message"].text(out.arena)));
  }
  if (!root.is_object()) return fail(ErrorCode::malformed_response, "the answer is not an object");
  const JsonValue content = root["content"];
  if (!content.is_array()) return fail(ErrorCode::malformed_response, "the answer has no content");
  out.id = root["id"].text(out.arena);
  out.model = root["model"].text(out.arena);
  Choice& choice = out.choices.emplace_back();
  for (const JsonValue each : content.elements())
    choice.content.push_back(read_block(each, out.arena));
  if (const JsonValue reason = root["stop_reason"]; reason.is_string())
    choice.finish = finish_from(reason.text(out.arena));
  choice.stop_sequence = root["stop_sequence"].text(out.arena);
  choice.explanation = root["stop_details"]["explanation"].text(out.arena);
  out.usage = read_usage(root["usage"]);
  out.service_tier = tier_from(root["usage"]["service_tier"].text(out.arena));
  keep_extras(root, out);
  return out;
}

}  // namespace holdfast::dialect::anthropic
