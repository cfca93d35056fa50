#include "dialect/openai_responses/tools.h"

namespace holdfast::dialect::openai_responses {

void write_tool(JsonWriter& json, const Tool& tool, std::optional<bool> strict) {
  if (tool.native) {
    json.raw(tool.native->raw);
    return;
  }
  json.begin_object().field("type", "function").field("name", tool.name);
  json.text_field("description", tool.description);
  json.raw_field("parameters",
                 tool.schema.empty() ? R"({"type":"object","properties":{}})" : tool.schema);
  json.key("strict");
  if (strict)
    json.boolean(*strict);
  else
    json.null();
  json.end_object();
}

void write_tool_choice(JsonWriter& json, const ToolChoice& choice) {
  using Mode = ToolChoice::Mode;
  if (choice.mode == Mode::unset) return;
  json.key("tool_choice");
  if (choice.mode == Mode::named) {
    json.begin_object().field("type", "function").field("name", choice.name).end_object();
    return;
  }
  const char* mode = "auto";
  if (choice.mode == Mode::required) mode = "required";
  if (choice.mode == Mode::none) mode = "none";
  if (choice.allowed.empty()) {
    json.string(mode);
    return;
  }
  json.begin_object().field("type", "allowed_tools").field("mode", mode);
  json.key("tools").begin_array();
  for (const std::string_view name : choice.allowed)
    json.begin_object().field("type", "function").field("name", name).end_object();
  json.end_array().end_object();
}

void write_format(JsonWriter& json, const Format& format) {
  switch (format.kind) {
    case Format::Kind::unset:
    case Format::Kind::text:
      json.field("type", "text");
      return;
    case Format::Kind::json_object:
      json.field("type", "json_object");
      return;
    case Format::Kind::json_schema:
      json.field("type", "json_schema");
      json.field("name", format.name.empty() ? "answer" : format.name);
      json.text_field("description", format.description);
      json.raw_field("schema", format.schema).optional_field("strict", format.strict);
  }
}

}  // namespace holdfast::dialect::openai_responses
