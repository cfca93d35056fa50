#include "gateway/facts.h"

#include "dialect/estimate.h"

namespace holdfast::gateway {
namespace {

using dialect::Block;
using routing::bit;
using routing::Need;
using routing::stable_hash;

std::uint64_t hash_blocks(std::span<const Block> blocks, std::uint64_t hash) {
  for (const Block& block : blocks) {
    hash = stable_hash(block.text, hash);
    hash = stable_hash(block.media.data, hash);
  }
  return hash;
}

// System prompt and tools: what providers cache of an application's prompts.
std::uint64_t hash_prefix(const dialect::Request& request) {
  if (request.system.empty() && request.tools.empty()) return 0;
  std::uint64_t hash = hash_blocks(request.system, 1);
  for (const dialect::Tool& tool : request.tools)
    hash = stable_hash(tool.schema, stable_hash(tool.name, hash));
  return hash;
}

// What every turn of a conversation begins with: all up to the first answer.
std::uint64_t hash_conversation(const dialect::Request& request) {
  std::uint64_t hash = hash_blocks(request.system, 1);
  for (const dialect::Message& message : request.messages) {
    if (message.role == dialect::Role::assistant) break;
    hash = hash_blocks(message.content, hash);
  }
  return hash;
}

// The size of what is no conversation: texts for vectors and for reranking.
std::int64_t roughly_tokens(const Incoming& incoming) {
  constexpr std::size_t bytes_per_token = 4;
  return static_cast<std::int64_t>(incoming.body.size() / bytes_per_token);
}

void read_request(RequestState& state, std::uint32_t needs, routing::Facts& facts) {
  if (!read_canonical_form(state.incoming) || !state.incoming.canonical) {
    if ((needs & bit(Need::size)) != 0) facts.tokens_in = roughly_tokens(state.incoming);
    return;
  }
  const dialect::Request& request = *state.incoming.canonical;
  if ((needs & bit(Need::size)) != 0) {
    facts.tokens_in = dialect::estimate_tokens(request);
    facts.max_tokens = request.max_tokens.value_or(0);
  }
  if ((needs & bit(Need::user)) != 0 && !request.user.empty())
    facts.user = stable_hash(request.user);
  if ((needs & bit(Need::conversation)) != 0) facts.conversation = hash_conversation(request);
  if ((needs & bit(Need::prefix)) != 0) facts.prefix = hash_prefix(request);
}

}  // namespace

routing::Facts facts_of(RequestState& state) {
  return facts_of(state, state.key, state.model->route.needs);
}

routing::Facts facts_of(RequestState& state, const identity::KeySettings* key,
                        std::uint32_t needs) {
  routing::Facts facts;
  facts.request_id = state.request_id;
  facts.model = state.model->name;
  if (key != nullptr) {
    facts.key = key->name;
    facts.team = key->team;
    facts.service = key->service;
    facts.service_class = key->service_class;
    facts.sensitivity = key->sensitivity;
    facts.region = key->region;
    facts.regions = key->regions;
  }
  facts.endpoint = state.incoming.front.endpoint;
  facts.features = state.incoming.features;
  facts.stream = state.incoming.stream;
  facts.wall_us = state.parts.clock.wall_us();
  facts.headers = &state.exchange.head().headers;
  if (needs != 0) read_request(state, needs, facts);
  return facts;
}

routing::Fit fit_of(std::span<const Candidate> candidates) {
  routing::Fit fit{0, 0};
  for (const Candidate& one : candidates) {
    fit.fitting |= 1U << one.position;
    if (one.loses()) fit.lossy |= 1U << one.position;
  }
  return fit;
}

}  // namespace holdfast::gateway
