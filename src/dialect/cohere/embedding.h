// Cohere's /v2/embed.
#pragma once
#include "dialect/embedding.h"

namespace holdfast::dialect::cohere {

inline constexpr std::size_t max_embed_inputs = 96;

std::expected<EmbedRequest, RequestProblem> read_embed_request(std::string_view body);
//   errors   malformed_response: a vector that is none
Result<std::string> write_embed_answer(const EmbedResponse& response, const EmbedRequest& request);

// A request that does not say what the vectors are for asks for documents': Cohere must be told.
//   errors   invalid_request
Result<WireRequest> write_embed_request(const EmbedRequest& request, std::string_view model,
                                        std::vector<Loss>& losses);
// Also of version 1 and of Cohere's models on Bedrock.
//   errors   malformed_response; upstream_unavailable: an error inside a 200
Result<EmbedResponse> read_embed_answer(std::string_view body);

}  // namespace holdfast::dialect::cohere
