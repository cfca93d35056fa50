// Reranking in the shape of Cohere and Jina, which Voyage, Together, vLLM and TEI vary: what
// clients of /v1/rerank send, and what goes to upstreams.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "dialect/codec.h"
#include "dialect/rerank.h"

namespace holdfast::dialect::cohere {

// Views point into `body`. Documents are texts, or objects with a text.
std::expected<RerankRequest, RequestProblem> read_rerank_request(std::string_view body);
// Documents come back when the client asked for them. `request` is what is answered.
std::string write_rerank_answer(const RerankResponse& response, const RerankRequest& request,
                                const AnswerContext& context);

// The path is "/rerank"; members that are not known here go on as they came.
WireRequest write_rerank_request(const RerankRequest& request, std::string_view model);
// Views point into `body`. Results are sorted, best first, and hold to `documents`, how many were
// sent.
//   errors   malformed_response; upstream_unavailable: an error inside a 200
Result<RerankResponse> read_rerank_answer(std::string_view body, std::size_t documents);

}  // namespace holdfast::dialect::cohere
