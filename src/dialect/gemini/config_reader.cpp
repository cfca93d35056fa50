// What stands beside the conversation: tools, configuration, and fields that only Google has.
#include <fmt/format.h>

#include <cmath>

#include "dialect/gemini/request_reader.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;
constexpr std::int64_t int32_most = 2'147'483'647;

Effort effort_of(string_view level) {
  std::string lower(level);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return effort_from(lower);
}

}  // namespace

void RequestReader::read(JsonValue root) {
  Members members(reading_, root, "");
  const string_view model = members.text("model");
  if (out_.model.empty()) out_.model = model;
  if (out_.model.starts_with("models/")) out_.model.remove_prefix(7);
  const JsonValue tools = members.array("tools");
  read_system(members.object("systemInstruction"));
  read_contents(members.array("contents"));
  read_tools(tools);
  read_tool_config(members.object("toolConfig"));
  read_generation_config(members.object("generationConfig"));
  const JsonValue labels = members.object("labels");
  if (labels.size() > 0) out_.metadata = labels.raw();
  const JsonValue tier = members.take("serviceTier");
  out_.service_tier = tier_from(tier.text(reading_.arena));
  if (tier.exists() && out_.service_tier.empty()) keep_extra("serviceTier", tier);
  members.rest([&](string_view name, JsonValue value) { keep_extra(std::string(name), value); });
}

void RequestReader::read_tools(JsonValue tools) {
  std::size_t index = 0, functions = 0;
  for (const JsonValue tool : tools.elements()) {
    Members members(reading_, tool, fmt::format("tools[{}]", index++));
    for (const JsonValue function : members.array("functionDeclarations").elements())
      read_function(function, members.at("functionDeclarations", functions++));
    members.rest([&](string_view name, JsonValue value) {
      Tool native;
      native.native = Extra{Dialect::gemini, name, value.raw(), false};
      out_.tools.push_back(native);
    });
  }
}

void RequestReader::read_function(JsonValue function, const std::string& path) {
  Members members(reading_, function, path);
  Tool tool;
  tool.name = members.needed_text("name");
  tool.description = members.text("description");
  tool.schema = members.object("parametersJsonSchema").raw();
  const JsonValue openapi = members.object("parameters");
  if (openapi.exists() && !tool.schema.empty())
    reading_.refuse(members.at("parameters"), "does not go with parametersJsonSchema");
  if (openapi.exists()) tool.schema = reading_.arena.keep(json_schema_of(openapi));
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
  out_.tools.push_back(tool);
}

void RequestReader::read_tool_config(JsonValue config) {
  Members members(reading_, config, "toolConfig");
  Members calling(reading_, members.object("functionCallingConfig"),
                  members.at("functionCallingConfig"));
  using Mode = ToolChoice::Mode;
  ToolChoice& choice = out_.tool_choice;
  const JsonValue mode = calling.take("mode");
  choice.allowed = texts(calling.array("allowedFunctionNames"), calling.at("allowedFunctionNames"));
  if (mode.text_is("AUTO")) {
    choice.mode = Mode::automatic;
  } else if (mode.text_is("ANY")) {
    choice.mode = Mode::required;
    if (choice.allowed.size() == 1) {
      choice = {Mode::named, choice.allowed.front(), {}};
    }
  } else if (mode.text_is("NONE")) {
    choice.mode = Mode::none;
  } else if (mode.text_is("VALIDATED")) {
    choice.mode = Mode::automatic;
    if (choice.allowed.empty()) keep_extra(calling.at("mode"), mode);
  } else if (mode.exists() && !mode.text_is("MODE_UNSPECIFIED")) {
    reading_.refuse(calling.at("mode"), "expected AUTO, ANY, NONE or VALIDATED");
  }
  calling.rest([&](string_view name, JsonValue value) { keep_extra(calling.at(name), value); });
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
}

void RequestReader::read_generation_config(JsonValue config) {
  Members members(reading_, config, "generationConfig");
  out_.temperature = members.number("temperature", 0, 2);
  out_.top_p = members.number("topP", 0, 1);
  // A float on the wire: SDKs write 40.0.
  if (const auto top_k = members.number("topK", 0, 1e6)) {
    if (top_k->value != std::floor(top_k->value))
      reading_.refuse(members.at("topK"), "expected a whole number");
    out_.top_k = static_cast<std::int64_t>(top_k->value);
  }
  out_.n = members.integer("candidateCount", 1, 128);
  out_.max_tokens = members.integer("maxOutputTokens", 1, int32_most);
  out_.stop = texts(members.array("stopSequences"), members.at("stopSequences"));
  out_.seed = members.number("seed", -2'147'483'648.0, int32_most);
  out_.presence_penalty = members.number("presencePenalty", -2, 2);
  out_.frequency_penalty = members.number("frequencyPenalty", -2, 2);
  out_.logprobs = members.boolean("responseLogprobs");
  out_.top_logprobs = members.integer("logprobs", 0, 20);
  read_format(members);
  read_thinking(members.object("thinkingConfig"));
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
}

void RequestReader::read_format(Members& config) {
  const JsonValue type = config.take("responseMimeType");
  const JsonValue openapi = config.object("responseSchema");
  const JsonValue schema = config.object("responseJsonSchema");
  if (openapi.exists() && schema.exists())
    return reading_.refuse(config.at("responseSchema"), "does not go with responseJsonSchema");
  if (type.text_is("text/plain")) {
    out_.format.kind = Format::Kind::text;
  } else if (type.exists() && !type.text_is("application/json")) {
    keep_extra(config.at("responseMimeType"), type);
    if (openapi.exists()) keep_extra(config.at("responseSchema"), openapi);
    if (schema.exists()) keep_extra(config.at("responseJsonSchema"), schema);
    return;
  } else if (type.exists()) {
    out_.format.kind = Format::Kind::json_object;
  }
  if (!openapi.exists() && !schema.exists()) return;
  out_.format.kind = Format::Kind::json_schema;
  out_.format.schema =
      schema.exists() ? schema.raw() : reading_.arena.keep(json_schema_of(openapi));
}

void RequestReader::read_thinking(JsonValue config) {
  Members members(reading_, config, "generationConfig.thinkingConfig");
  Reasoning& reasoning = out_.reasoning;
  reasoning.show = members.boolean("includeThoughts");
  const auto budget = members.integer("thinkingBudget", -1, int32_most);
  reasoning.off = budget == 0;
  if (budget != 0) reasoning.budget_tokens = budget;
  const string_view level = members.text("thinkingLevel");
  reasoning.effort = effort_of(level);
  if (reasoning.effort == Effort::unset && !level.empty() && level != "THINKING_LEVEL_UNSPECIFIED")
    reading_.refuse(members.at("thinkingLevel"), "expected MINIMAL, LOW, MEDIUM, HIGH or XHIGH");
  members.rest([&](string_view name, JsonValue value) { keep_extra(members.at(name), value); });
}

std::vector<string_view> RequestReader::texts(JsonValue list, const std::string& path) {
  std::vector<string_view> out;
  for (const JsonValue each : list.elements()) {
    if (!each.is_string())
      reading_.refuse(fmt::format("{}[{}]", path, out.size()), "expected a string", "invalid_type");
    out.push_back(each.text(reading_.arena));
  }
  return out;
}

}  // namespace holdfast::dialect::gemini
