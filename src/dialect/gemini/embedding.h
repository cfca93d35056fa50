// Google's :embedContent and :batchEmbedContents, and Vertex's :predict.
#pragma once
#include "dialect/embedding.h"
#include "dialect/gemini/codec.h"

namespace holdfast::dialect::gemini {

inline constexpr std::size_t max_embed_inputs = 100;    // batchEmbedContents
inline constexpr std::size_t max_predict_inputs = 250;  // predict

// `verb` is embed_content, batch_embed_contents or predict: what the path says.
std::expected<EmbedRequest, RequestProblem> read_embed_request(std::string_view body,
                                                               std::string_view path_model,
                                                               Verb verb);
//   errors   malformed_response: a vector that is none, or not one vector for embed_content
Result<std::string> write_embed_answer(const EmbedResponse& response, Verb verb);

//   errors   invalid_request
Result<WireRequest> write_embed_request(const EmbedRequest& request, std::string_view model,
                                        Api api, std::vector<Loss>& losses);
// Of any of the three.   errors   malformed_response; upstream_unavailable: an error inside a 200
Result<EmbedResponse> read_embed_answer(std::string_view body);

}  // namespace holdfast::dialect::gemini
