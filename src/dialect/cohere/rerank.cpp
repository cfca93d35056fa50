#include "dialect/cohere/rerank.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "dialect/cohere/chat.h"
#include "dialect/json_writer.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::cohere {
namespace {

constexpr std::int64_t any_count = std::numeric_limits<std::int64_t>::max();

std::string_view document_of(Reading& reading, JsonValue value, const std::string& path) {
  if (value.is_string()) return value.text(reading.arena);
  Fields fields(reading, value, path);
  const std::string_view text = fields.text("text");
  if (text.empty()) reading.refuse(path, "expected a text, or an object with a text");
  fields.rest([&](std::string_view name, JsonValue) {
    reading.refuse(fields.at(name), "documents have a text and nothing else",
                   "unsupported_parameter");
  });
  return text;
}

// Who else speaks this shape calls them data, or writes nothing around them.
JsonValue results_of(JsonValue root) {
  if (root.is_array()) return root;
  return root["results"].is_array() ? root["results"] : root["data"];
}

}  // namespace

std::expected<RerankRequest, RequestProblem> read_rerank_request(std::string_view body) {
  JsonDocument document;
  if (auto parsed = document.parse(body); !parsed)
    return std::unexpected(RequestProblem{
        400, fmt::format("the body is not JSON: {}", parsed.error().message), "invalid_json", {}});
  RerankRequest out;
  Reading reading{out.arena, std::nullopt};
  Fields fields(reading, document.root(), "");
  out.model = fields.needed_text("model");
  out.query = fields.needed_text("query");
  std::size_t index = 0;
  for (const JsonValue each : fields.array("documents").elements()) {
    out.documents.push_back(document_of(reading, each, fields.at("documents", index++)));
    if (reading.problem) break;
  }
  if (out.documents.empty()) reading.refuse("documents", "is needed", "empty_array");
  out.top_n = fields.integer("top_n", 1, any_count);
  out.max_tokens_per_document = fields.integer("max_tokens_per_doc", 1, any_count);
  out.return_documents = fields.boolean("return_documents").value_or(false);
  fields.rest([&](std::string_view name, JsonValue value) {
    if (std::ranges::find(out.extras, name, &Extra::name) != out.extras.end())
      reading.refuse(name, "is given twice", "duplicate_field");
    out.extras.push_back({Dialect::cohere, name, value.raw(), false});
  });
  if (reading.problem) return std::unexpected(std::move(*reading.problem));
  return out;
}

WireRequest write_rerank_request(const RerankRequest& request, std::string_view model) {
  WireRequest out;
  out.path = "/rerank";
  JsonWriter json(out.body);
  json.begin_object().field("model", model).field("query", request.query);
  json.key("documents").begin_array();
  for (const std::string_view document : request.documents) json.string(document);
  json.end_array().optional_field("top_n", request.top_n);
  json.optional_field("max_tokens_per_doc", request.max_tokens_per_document);
  for (const Extra& extra : request.extras) json.raw_field(extra.name, extra.raw);
  json.end_object();
  return out;
}

Result<RerankResponse> read_rerank_answer(std::string_view body, std::size_t documents) {
  JsonDocument document;
  if (auto parsed = document.parse(body, {.allow_lone_surrogates = true}); !parsed)
    return fail(ErrorCode::malformed_response,
                fmt::format("the answer is not JSON: {}", parsed.error().message));
  const JsonValue root = document.root();
  RerankResponse out;
  if (root["message"].is_string())
    return fail(ErrorCode::upstream_unavailable, std::string(root["message"].text(out.arena)));
  const JsonValue error = root["error"];
  if (error.exists() && !error.is_null())
    return fail(ErrorCode::upstream_unavailable,
                std::string((error.is_string() ? error : error["message"]).text(out.arena)));
  const JsonValue results = results_of(root);
  if (!results.is_array()) return fail(ErrorCode::malformed_response, "the answer has no results");
  for (const JsonValue each : results.elements()) {
    const auto index = each["index"].integer();
    const JsonValue score = each["relevance_score"];
    const auto value = (score.exists() ? score : each["score"]).number();
    if (!index || *index < 0 || static_cast<std::size_t>(*index) >= documents || !value)
      return fail(ErrorCode::malformed_response, "a result has no score, or no document of ours");
    out.results.push_back({*index, *value});
  }
  std::ranges::sort(out.results, [](const RerankResult& left, const RerankResult& right) {
    if (left.score.value > right.score.value) return true;
    return !(left.score.value < right.score.value) && left.index < right.index;
  });
  out.id = root["id"].text(out.arena);
  const JsonValue meta = root["meta"];
  out.search_units = count_of(meta["billed_units"]["search_units"]);
  out.usage = usage_of(meta);
  if (out.usage.tokens_in < 0) out.usage.tokens_in = count_of(root["usage"]["total_tokens"]);
  return out;
}

std::string write_rerank_answer(const RerankResponse& response, const RerankRequest& request,
                                const AnswerContext& context) {
  WireText out;
  JsonWriter json(out);
  json.begin_object();
  json.field("id", context.request_id.empty() ? response.id : context.request_id);
  json.text_field("model", context.model).key("results").begin_array();
  for (const RerankResult& result : response.results) {
    json.begin_object().field("index", result.index).field("relevance_score", result.score);
    const auto at = static_cast<std::size_t>(result.index);
    if (request.return_documents && at < request.documents.size())
      json.key("document").begin_object().field("text", request.documents[at]).end_object();
    json.end_object();
  }
  json.end_array().key("meta").begin_object();
  json.key("api_version").begin_object().field("version", "2").end_object();
  if (response.search_units >= 0)
    json.key("billed_units")
        .begin_object()
        .field("search_units", response.search_units)
        .end_object();
  json.end_object();
  if (response.usage.tokens_in >= 0)
    json.key("usage").begin_object().field("total_tokens", response.usage.tokens_in).end_object();
  json.end_object();
  return std::move(out.own());
}

}  // namespace holdfast::dialect::cohere
