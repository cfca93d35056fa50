// The bodies of Bedrock's /invoke for models that embed: Amazon's Titan and Cohere's.
#pragma once
#include "dialect/embedding.h"

namespace holdfast::dialect::bedrock {

// How many texts a model takes in one call: Titan one, so that several are several calls.
std::size_t max_embed_inputs(std::string_view model);

//   errors   invalid_request: more texts than that, token ids, or a model of another family
Result<WireRequest> write_embed_request(const EmbedRequest& request, std::string_view model,
                                        std::vector<Loss>& losses);
// Cohere's does not tell tokens here: they stand in the header
// x-amzn-bedrock-input-token-count.
//   errors   malformed_response
Result<EmbedResponse> read_embed_answer(std::string_view body);

}  // namespace holdfast::dialect::bedrock
