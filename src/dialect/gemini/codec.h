// Google's generateContent, as the Gemini API and Vertex AI speak it: the codec, and what else its
// clients and providers need besides conversations. Pure; any thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dialect/codec.h"

namespace holdfast::dialect::gemini {

const dialect::Codec& codec();

// What a path asks for.
enum class Verb : std::uint8_t {
  list_models,  // GET .../models
  get_model,    // GET .../models/{model}
  generate_content,
  stream_generate_content,
  count_tokens,
  embed_content,
  batch_embed_contents,
  predict,  // Vertex: embeddings, among other things
  other,    // a verb that is not known here
};

struct ModelPath {
  std::string model;  // without "models/" in front; empty: list_models
  Verb verb = Verb::other;
  bool vertex = false;  // /v1/projects/{p}/locations/{l}/..., or /v1/publishers/...
};
// Splits "/v1beta/models/gemini-2.5-pro:streamGenerateContent" and Vertex's longer paths; a query
// is not looked at. The model may have slashes and colons of its own. Nothing when the path is not
// of Google's kind.
std::optional<ModelPath> split_path(std::string_view path);

// :countTokens. The body holds the contents alone, or a whole request.
std::expected<Request, RequestProblem> read_count_request(std::string_view body,
                                                          std::string_view path_model);
std::string write_count_answer(std::int64_t tokens);
// The two houses wrap the request differently.
enum class Api : std::uint8_t { gemini, vertex };
Result<WireRequest> write_count_request(const Request& request, std::string_view model,
                                        const Abilities& abilities, Api api,
                                        std::vector<Loss>& losses);
// Tokens.   errors   malformed_response
Result<std::int64_t> read_count_answer(std::string_view body);

// A model in a list.
struct ListedModel {
  std::string_view name;
  std::int64_t input_limit = 0, output_limit = 0;  // tokens; 0: not known
  bool generates = true, embeds = false;
};
std::string write_model(const ListedModel& model);
std::string write_models(std::span<const ListedModel> models);

// How long an error asks to wait (google.rpc.RetryInfo); nothing when it does not say.
std::optional<std::chrono::milliseconds> retry_delay(std::string_view error_body);

}  // namespace holdfast::dialect::gemini
