#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "dialect/field_names.h"
#include "dialect/gemini/request_writer.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

constexpr string_view tool_prefix = "toolConfig.";
constexpr string_view calling_prefix = "toolConfig.functionCallingConfig.";

// "[a-zA-Z_][a-zA-Z0-9_.:-]*", at most 128.
bool is_function_name(string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto fits = [&letter](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-';
  };
  return !name.empty() && name.size() <= 128 && letter(name[0]) && std::ranges::all_of(name, fits);
}

}  // namespace

void RequestWriter::write_tools(JsonWriter& json) {
  if (request_.tools.empty()) return;
  json.key("tools").begin_array();
  std::size_t functions = 0;
  bool open = false;
  const auto close = [&] {
    if (open) json.end_array().end_object();
    open = false;
  };
  for (std::size_t i = 0; i < request_.tools.size(); ++i) {
    const Tool& tool = request_.tools[i];
    if (tool.native && tool.native->from != Dialect::gemini) {
      lose(fmt::format("tools[{}] ({})", i, tool.native->name), "Gemini has no such tool");
    } else if (tool.native) {
      close();
      json.begin_object();
      json.raw_field(tool.native->name, tool.native->raw);
      json.end_object();
    } else {
      if (!open) json.begin_object().key("functionDeclarations").begin_array();
      open = true;
      write_function(json, tool, i, functions++);
    }
  }
  close();
  json.end_array();
}

void RequestWriter::write_function(JsonWriter& json, const Tool& tool, std::size_t index,
                                   std::size_t function) {
  const std::string place = fmt::format("tools[{}]", index);
  if (!is_function_name(tool.name))
    lose(place + ".name", "Gemini's function names begin with a letter or _");
  if (tool.strict.value_or(false)) lose(place + ".strict", "Gemini promises no such thing", true);
  lose_cache_mark(tool.cache_ttl, place);
  json.begin_object().field("name", tool.name).text_field("description", tool.description);
  if (!tool.schema.empty()) json.raw_field("parametersJsonSchema", tool.schema);
  const std::string declaration = fmt::format("functionDeclarations[{}].", function);
  for (const Extra& extra : request_.extras) {
    const auto at = extra.name.find(declaration);
    if (extra.from == Dialect::gemini && extra.name.starts_with("tools[") &&
        at != string_view::npos)
      json.raw_field(extra.name.substr(at + declaration.size()), extra.raw);
  }
  json.end_object();
}

void RequestWriter::write_tool_config(JsonWriter& json) {
  using Mode = ToolChoice::Mode;
  const ToolChoice& choice = request_.tool_choice;
  if (request_.parallel_tools == false && !request_.tools.empty())
    lose_parameter("parallel_tool_calls", "Gemini cannot be kept from parallel calls",
                   choice.names_one(request_.tools.size()));  // one tool is called, as a rule once
  Mode mode = choice.mode;
  if ((mode == Mode::required || mode == Mode::named) && !abilities_.forced_tools) {
    lose_parameter("tool_choice", "the model cannot be made to call a tool");
    mode = Mode::automatic;
  }
  if (mode == Mode::unset && !has_extra(tool_prefix)) return;
  json.key("toolConfig").begin_object();
  const bool calling = mode != Mode::unset || has_extra(calling_prefix);
  if (calling) json.key("functionCallingConfig").begin_object();
  const auto allow = [&json](std::span<const string_view> names) {
    if (names.empty()) return;
    json.key("allowedFunctionNames").begin_array();
    for (const string_view name : names) json.string(name);
    json.end_array();
  };
  switch (mode) {
    case Mode::unset:
      break;
    case Mode::automatic:
      // Names may be given with ANY or VALIDATED only.
      if (!choice.allowed.empty())
        json.field("mode", "VALIDATED");
      else if (!has_extra("toolConfig.functionCallingConfig.mode"))
        json.field("mode", "AUTO");
      allow(choice.allowed);
      break;
    case Mode::required:
      json.field("mode", "ANY");
      allow(choice.allowed);
      break;
    case Mode::none:
      json.field("mode", "NONE");
      break;
    case Mode::named:
      json.field("mode", "ANY");
      allow({&choice.name, 1});
      break;
  }
  if (calling) {
    write_extras(json, calling_prefix);
    json.end_object();
  }
  write_extras(json, tool_prefix);
  json.end_object();
}

}  // namespace holdfast::dialect::gemini
