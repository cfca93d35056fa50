// OpenAI's /embeddings, for its clients and for upstreams that speak it.
#pragma once
#include "dialect/embedding.h"

namespace holdfast::dialect::openai {

inline constexpr std::size_t max_embed_inputs = 2048;

//   path_model   the model that the path names (Azure): then the body need not, and is not believed
std::expected<EmbedRequest, RequestProblem> read_embed_request(std::string_view body,
                                                               std::string_view path_model = {});
// `model` as the client named it.   errors   malformed_response: a vector that is none
Result<std::string> write_embed_answer(const EmbedResponse& response, const EmbedRequest& request,
                                       std::string_view model);

//   errors   invalid_request
Result<WireRequest> write_embed_request(const EmbedRequest& request, std::string_view model,
                                        std::vector<Loss>& losses);
//   errors   malformed_response; upstream_unavailable: an error inside a 200
Result<EmbedResponse> read_embed_answer(std::string_view body);

}  // namespace holdfast::dialect::openai
