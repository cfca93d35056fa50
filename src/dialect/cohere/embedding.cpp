#include "dialect/cohere/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/json_writer.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::cohere {
namespace {

using std::string_view;

constexpr std::array<std::pair<string_view, EmbedTask>, 4> types = {{
    {"search_document", EmbedTask::search_document},
    {"search_query", EmbedTask::search_query},
    {"classification", EmbedTask::classification},
    {"clustering", EmbedTask::clustering},
}};

void read_types(JsonValue wanted, Reading& reading, EmbedRequest& out) {
  if (wanted.size() != 1 && wanted.exists())
    return reading.refuse("embedding_types", "expected one type");
  for (const JsonValue type : wanted.elements()) {
    if (type.text_is("base64"))
      out.encoding = EmbedEncoding::base64;
    else if (!type.text_is("float"))
      out.extras.push_back({Dialect::cohere, "embedding_types", wanted.raw(), false});
  }
}

bool has_own_types(const EmbedRequest& request) {
  return std::ranges::any_of(request.extras, [](const Extra& extra) {
    return extra.from == Dialect::cohere && extra.name == "embedding_types";
  });
}

}  // namespace

std::expected<EmbedRequest, RequestProblem> read_embed_request(string_view body) {
  EmbedRequest out;
  out.from = Dialect::cohere;
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400, "the body is not JSON: " + parsed.error().message, "invalid_json", {}});
  Reading reading{out.arena, std::nullopt};
  Fields fields(reading, document.root(), "");
  out.model = fields.needed_text("model");
  for (const JsonValue text : fields.array("texts").elements()) {
    if (!text.is_string())
      reading.refuse(fields.at("texts", out.inputs.size()), "expected a string", "invalid_type");
    out.inputs.push_back({text.text(reading.arena), {}, {}});
  }
  const string_view type = fields.needed_text("input_type");
  for (const auto& [name, task] : types)
    if (name == type) out.task = task;
  if (out.task == EmbedTask::unset) reading.refuse("input_type", "is no type of texts");
  if (out.inputs.empty()) reading.refuse("texts", "is needed", "missing_required_parameter");
  out.dimensions = fields.integer("output_dimension", 1, 1'000'000);
  read_types(fields.array("embedding_types"), reading, out);
  fields.rest([&out](string_view name, JsonValue value) {
    out.extras.push_back({Dialect::cohere, name, value.raw(), name == "priority"});
  });
  if (reading.problem) return std::unexpected(*std::move(reading.problem));
  return out;
}

Result<std::string> write_embed_answer(const EmbedResponse& response, const EmbedRequest& request) {
  WireText text;
  JsonWriter json(text);
  json.begin_object().field("id", response.id).key("embeddings").begin_object();
  json.key(request.encoding == EmbedEncoding::base64 ? "base64" : "float").begin_array();
  for (const Embedding& each : response.embeddings) {
    Arena arena;
    const auto value = embedding_value(each, request.encoding, arena);
    if (!value) return std::unexpected(value.error());
    json.raw(*value);
  }
  json.end_array().end_object().key("texts").begin_array();
  for (const EmbedInput& input : request.inputs) json.string(input.text);
  json.end_array().key("meta").begin_object();
  json.key("api_version").begin_object().field("version", "2").end_object();
  if (response.usage.tokens_in >= 0) {
    json.key("billed_units").begin_object();
    json.field("input_tokens", response.usage.tokens_in).end_object();
  }
  json.end_object().field("response_type", "embeddings_by_type").end_object();
  return text.joined();
}

Result<WireRequest> write_embed_request(const EmbedRequest& request, string_view model,
                                        std::vector<Loss>& losses) {
  auto possible = need_texts(request, max_embed_inputs);
  if (!possible) return std::unexpected(std::move(possible).error());
  WireRequest out;
  out.path = "/embed";
  JsonWriter json(out.body);
  json.begin_object().field("model", model).key("texts").begin_array();
  for (const EmbedInput& input : request.inputs) json.string(input.text);
  json.end_array().field("input_type", cohere_input_type(request.task));
  if (!has_own_types(request)) {
    json.key("embedding_types").begin_array();
    json.string(request.encoding == EmbedEncoding::base64 ? "base64" : "float").end_array();
  }
  json.optional_field("output_dimension", request.dimensions);
  for (const Extra& extra : request.extras)
    if (extra.from == Dialect::cohere) json.raw_field(extra.name, extra.raw);
  json.end_object();
  lose_embed_extras(request, Dialect::cohere, losses);
  return out;
}

Result<EmbedResponse> read_embed_answer(string_view body) { return read_cohere_embeddings(body); }

}  // namespace holdfast::dialect::cohere
