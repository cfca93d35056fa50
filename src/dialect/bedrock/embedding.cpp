#include "dialect/bedrock/embedding.h"

#include <fmt/format.h>

#include "dialect/json_document.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::bedrock {
namespace {

using std::string_view;

constexpr std::size_t max_cohere_inputs = 96;

bool is_titan(string_view model) { return model.contains("titan-embed"); }
bool is_cohere(string_view model) { return model.contains("cohere.embed"); }

std::string invoke_path(string_view model) {
  std::string out = "/model/";
  for (const char c : model) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       string_view("-._~").contains(c);
    if (plain)
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out + "/invoke";
}

void write_titan(JsonWriter& json, const EmbedRequest& request, string_view model,
                 std::vector<Loss>& losses) {
  json.begin_object().field("inputText", request.inputs.front().text);
  if (model.contains("text-v2"))
    json.optional_field("dimensions", request.dimensions);
  else if (request.dimensions)
    losses.push_back({"dimensions", "the model's vectors have one size", false});
  json.end_object();
  if (request.task != EmbedTask::unset)
    losses.push_back({"taskType", "the target's vectors serve every task", true});
}

void write_cohere(JsonWriter& json, const EmbedRequest& request, string_view model,
                  std::vector<Loss>& losses) {
  json.begin_object().key("texts").begin_array();
  for (const EmbedInput& input : request.inputs) json.string(input.text);
  json.end_array().field("input_type", cohere_input_type(request.task));
  json.key("embedding_types").begin_array().string("float").end_array();
  if (!model.contains("-v3"))
    json.optional_field("output_dimension", request.dimensions);
  else if (request.dimensions)
    losses.push_back({"dimensions", "the model's vectors have one size", false});
  json.end_object();
}

}  // namespace

std::size_t max_embed_inputs(string_view model) { return is_titan(model) ? 1 : max_cohere_inputs; }

Result<WireRequest> write_embed_request(const EmbedRequest& request, string_view model,
                                        std::vector<Loss>& losses) {
  if (!is_titan(model) && !is_cohere(model))
    return fail(ErrorCode::invalid_request, "model: not one that embeds on Bedrock");
  auto possible = need_texts(request, max_embed_inputs(model));
  if (!possible) return std::unexpected(std::move(possible).error());
  if (request.inputs.empty()) return fail(ErrorCode::invalid_request, "input: is empty");
  WireRequest out;
  out.path = invoke_path(model);
  JsonWriter json(out.body);
  if (is_titan(model))
    write_titan(json, request, model, losses);
  else
    write_cohere(json, request, model, losses);
  lose_embed_extras(request, Dialect::bedrock, losses);
  return out;
}

Result<EmbedResponse> read_embed_answer(string_view body) {
  JsonDocument document;
  JsonScanOptions options;
  options.max_nodes = body.size();
  if (!document.parse(body, options)) return fail(ErrorCode::malformed_response, "not JSON");
  const JsonValue root = document.root();
  if (!root["embedding"].is_array()) return read_cohere_embeddings(body);
  EmbedResponse out;
  out.embeddings.push_back({root["embedding"].raw(), {}});
  out.usage.tokens_in = root["inputTextTokenCount"].integer().value_or(-1);
  return out;
}

}  // namespace holdfast::dialect::bedrock
