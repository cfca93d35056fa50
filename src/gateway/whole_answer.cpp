#include "gateway/whole_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/citation.h"
#include "dialect/cohere/rerank.h"
#include "dialect/gemini/embedding.h"
#include "dialect/openai/embedding.h"

namespace holdfast::gateway {
namespace {

using dialect::Embedding;

// Says whose the answer's signatures are.
void name_house(dialect::Response& response, std::string_view house) {
  for (dialect::Choice& choice : response.choices)
    for (dialect::Block& block : choice.content)
      if (!block.signature.value.empty() && block.signature.house.empty())
        block.signature.house = house;
}

Result<WholeAnswer> conversation(const routing::Target& target, const Incoming& incoming,
                                 std::string_view body, const dialect::AnswerContext& context) {
  const provider::Adapter& adapter = *target.provider->adapter;
  auto response = adapter.codec().read_answer(body);
  if (!response) return std::unexpected(std::move(response).error());
  name_house(*response, adapter.abilities(target.model).signs_as());
  const dialect::Dialect client = incoming.front.dialect;
  return WholeAnswer{client_codec(client).write_answer(*response, context), response->usage,
                     dialect::untold_citations(*response, client) > 0
                         ? dialect::citations_member(client)
                         : std::string_view()};
}

// A vector for each text, or it is no answer.
Result<WholeAnswer> vectors(const routing::Target& target, const Incoming& incoming,
                            std::string_view body, std::int64_t tokens_in) {
  const dialect::EmbedRequest& request = *incoming.embed;
  auto response = target.provider->adapter->read_embed(body);
  if (!response) return std::unexpected(std::move(response).error());
  if (response->usage.tokens_in < 0) response->usage.tokens_in = tokens_in;
  const auto missing = std::ranges::count_if(response->embeddings, [](const Embedding& one) {
    return one.floats.empty() && one.base64.empty();
  });
  if (response->embeddings.size() != request.inputs.size() || missing > 0)
    return fail(ErrorCode::malformed_response,
                fmt::format("{} vectors for {} texts",
                            response->embeddings.size() - static_cast<std::size_t>(missing),
                            request.inputs.size()));
  auto written = incoming.front.dialect == dialect::Dialect::gemini
                     ? dialect::gemini::write_embed_answer(*response, embed_verb(incoming.front))
                     : dialect::openai::write_embed_answer(*response, request, incoming.model);
  if (!written) return std::unexpected(std::move(written).error());
  return WholeAnswer{*std::move(written), response->usage};
}

Result<WholeAnswer> ranks(const Incoming& incoming, std::string_view body,
                          const dialect::AnswerContext& context) {
  const dialect::RerankRequest& request = *incoming.rerank;
  auto response = dialect::cohere::read_rerank_answer(body, request.documents.size());
  if (!response) return std::unexpected(std::move(response).error());
  return WholeAnswer{dialect::cohere::write_rerank_answer(*response, request, context),
                     response->usage};
}

}  // namespace

Result<WholeAnswer> translate_answer(const routing::Target& target, const Incoming& incoming,
                                     std::string_view body, std::int64_t tokens_in,
                                     const dialect::AnswerContext& context) {
  if (incoming.rerank) return ranks(incoming, body, context);
  if (incoming.embed) return vectors(target, incoming, body, tokens_in);
  return conversation(target, incoming, body, context);
}

}  // namespace holdfast::gateway
