#include "dialect/openai/embedding.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/json_writer.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

bool are_numbers(JsonValue list) {
  for (const JsonValue each : list.elements())
    if (!each.is_number()) return false;
  return list.is_array() && list.size() > 0;
}

// A text, texts, token ids, or lists of them.
void read_input(JsonValue input, Reading& reading, EmbedRequest& out) {
  const auto take = [&](JsonValue value, const std::string& field) {
    EmbedInput one;
    if (value.is_string())
      one.text = value.text(reading.arena);
    else if (are_numbers(value))
      one.tokens = value.raw();
    if (one.text.empty() && one.tokens.empty())
      reading.refuse(field, "expected a text that is not empty, or token ids");
    out.inputs.push_back(one);
  };
  if (!input.is_array() || are_numbers(input)) return take(input, "input");
  for (const JsonValue each : input.elements())
    take(each, fmt::format("input[{}]", out.inputs.size()));
  if (out.inputs.empty()) reading.refuse("input", "is empty", "empty_array");
  if (out.inputs.size() > max_embed_inputs)
    reading.refuse("input", fmt::format("has more than {} items", max_embed_inputs));
}

}  // namespace

std::expected<EmbedRequest, RequestProblem> read_embed_request(string_view body,
                                                               string_view path_model) {
  EmbedRequest out;
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400, "the body is not JSON: " + parsed.error().message, "invalid_json", {}});
  Reading reading{out.arena, std::nullopt};
  Fields fields(reading, document.root(), "");
  out.model = path_model.empty() ? fields.needed_text("model") : fields.text("model");
  if (!path_model.empty()) out.model = path_model;
  const JsonValue input = fields.take("input");
  if (!input.exists()) reading.refuse("input", "is needed", "missing_required_parameter");
  if (!reading.problem) read_input(input, reading, out);
  out.dimensions = fields.integer("dimensions", 1, 1'000'000);
  const string_view encoding = fields.text("encoding_format");
  if (encoding == "base64")
    out.encoding = EmbedEncoding::base64;
  else if (!encoding.empty() && encoding != "float")
    reading.refuse("encoding_format", "expected float or base64");
  out.user = fields.text("user");
  fields.rest([&out](string_view name, JsonValue value) {
    out.extras.push_back({Dialect::openai, name, value.raw(), false});
  });
  if (reading.problem) return std::unexpected(*std::move(reading.problem));
  return out;
}

Result<std::string> write_embed_answer(const EmbedResponse& response, const EmbedRequest& request,
                                       string_view model) {
  WireText text;
  JsonWriter json(text);
  json.begin_object().field("object", "list").key("data").begin_array();
  std::int64_t index = 0;
  for (const Embedding& each : response.embeddings) {
    Arena arena;
    const auto value = embedding_value(each, request.encoding, arena);
    if (!value) return std::unexpected(value.error());
    json.begin_object().field("object", "embedding").field("index", index++);
    json.raw_field("embedding", *value).end_object();
  }
  const std::int64_t tokens = std::max<std::int64_t>(response.usage.tokens_in, 0);
  json.end_array().field("model", model.empty() ? response.model : model);
  json.key("usage").begin_object().field("prompt_tokens", tokens);
  json.field("total_tokens", tokens).end_object().end_object();
  return text.joined();
}

Result<WireRequest> write_embed_request(const EmbedRequest& request, string_view model,
                                        std::vector<Loss>& losses) {
  if (request.inputs.size() > max_embed_inputs)
    return fail(ErrorCode::invalid_request,
                fmt::format("input: the target takes at most {} at a time", max_embed_inputs));
  WireRequest out;
  out.path = "/embeddings";
  JsonWriter json(out.body);
  json.begin_object().field("model", model).key("input").begin_array();
  for (const EmbedInput& input : request.inputs) {
    if (input.tokens.empty())
      json.string(input.text);
    else
      json.raw(input.tokens);
  }
  json.end_array().optional_field("dimensions", request.dimensions);
  json.field("encoding_format", request.encoding == EmbedEncoding::base64 ? "base64" : "float");
  json.text_field("user", request.user);
  for (const Extra& extra : request.extras)
    if (extra.from == Dialect::openai) json.raw_field(extra.name, extra.raw);
  json.end_object();
  lose_embed_extras(request, Dialect::openai, losses);
  if (request.task != EmbedTask::unset)
    losses.push_back({"taskType", "the target's vectors serve every task", true});
  return out;
}

Result<EmbedResponse> read_embed_answer(string_view body) {
  EmbedResponse out;
  JsonDocument document;
  JsonScanOptions options;
  options.max_nodes = body.size();
  if (!document.parse(body, options)) return fail(ErrorCode::malformed_response, "not JSON");
  const JsonValue root = document.root();
  if (const JsonValue error = root["error"]; error && !error.is_null())
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("an error in the answer: {}", error["message"].text(out.arena)));
  if (!root["data"].is_array()) return fail(ErrorCode::malformed_response, "no data");
  out.model = root["model"].text(out.arena);
  for (const JsonValue each : root["data"].elements()) {
    const JsonValue vector = each["embedding"];
    const auto index =
        each["index"].integer().value_or(static_cast<std::int64_t>(out.embeddings.size()));
    if ((!vector.is_array() && !vector.is_string()) || index < 0 ||
        index >= static_cast<std::int64_t>(max_embed_inputs))
      return fail(ErrorCode::malformed_response, "an entry of data is not an embedding");
    const auto place = static_cast<std::size_t>(index);
    if (place >= out.embeddings.size()) out.embeddings.resize(place + 1);
    if (vector.is_array())
      out.embeddings[place].floats = vector.raw();
    else
      out.embeddings[place].base64 = vector.text(out.arena);
  }
  out.usage.tokens_in = root["usage"]["prompt_tokens"].integer().value_or(-1);
  return out;
}

}  // namespace holdfast::dialect::openai
