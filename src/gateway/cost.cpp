#include "gateway/cost.h"

#include <algorithm>

namespace holdfast::gateway {
namespace {
bool writes(records::Endpoint endpoint) {
  return endpoint != records::Endpoint::embeddings &&
         endpoint != records::Endpoint::embed_content && endpoint != records::Endpoint::rerank;
}

// Whether the provider has said how much it was.
bool counted(const Outcome& outcome, records::Endpoint endpoint) {
  return outcome.failure == FailureClass::none && outcome.usage.tokens_in >= 0 &&
         (outcome.usage.tokens_out >= 0 || !writes(endpoint));
}

bool free_of_charge(const records::Price& price) {
  constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
  return price.dearest_input(any).value == 0 && price.dearest_output(any).value == 0;
}

std::optional<NanoUsd> at_price(const records::Price& price, const dialect::Usage& usage) {
  const auto sum = records::sum_cost(price, metered(usage));
  if (!sum) return std::nullopt;
  const auto rounded = sum->rounded();
  return rounded ? std::optional(*rounded) : std::nullopt;
}
}  // namespace

records::Metered metered(const dialect::Usage& usage) {
  const auto count = [](std::int64_t tokens) { return std::max<std::int64_t>(tokens, 0); };
  records::Metered tokens;
  tokens.in = count(usage.tokens_in);
  tokens.cached = count(usage.tokens_cached);
  tokens.cache_written = count(usage.tokens_cache_written);
  tokens.cache_written_1h = count(usage.tokens_cache_written_1h);
  tokens.audio_in = count(usage.tokens_audio_in);
  tokens.out = count(usage.tokens_out);
  tokens.reasoning = count(usage.tokens_reasoning);
  tokens.audio_out = count(usage.tokens_audio_out);
  return tokens;
}

Cost cost_of(const Outcome& outcome, records::Endpoint endpoint, const records::Price* price,
             const records::Price* fallback, NanoUsd reserved) {
  Cost cost;
  if (price != nullptr) cost.price_version = price->version();
  const bool refused = outcome.status != 0 && outcome.status != 200;
  if (outcome.bytes_sent == 0 || endpoint == records::Endpoint::count_tokens || refused ||
      (price != nullptr && free_of_charge(*price))) {
    cost.known = NanoUsd{0};
    return cost;
  }
  cost.charged = reserved;
  const records::Price* charged_at = price != nullptr ? price : fallback;
  if (charged_at == nullptr || !counted(outcome, endpoint)) return cost;
  const auto sum = at_price(*charged_at, outcome.usage);
  if (!sum) return cost;
  cost.charged = *sum;
  if (price != nullptr) cost.known = sum;
  return cost;
}

records::AttemptEnd end_of(const Outcome& outcome, const Cost& cost) {
  const auto known = [](std::int64_t tokens) {
    return tokens >= 0 ? std::optional(tokens) : std::nullopt;
  };
  records::AttemptEnd end;
  end.failure = outcome.failure;
  end.status = outcome.status;
  end.tokens_in = known(outcome.usage.tokens_in);
  end.tokens_out = known(outcome.usage.tokens_out);
  end.tokens_cached = known(outcome.usage.tokens_cached);
  end.tokens_reasoning = known(outcome.usage.tokens_reasoning);
  end.usage_from_provider = outcome.usage.given();
  end.first_content_us = outcome.first_content_us;
  end.bytes_sent = outcome.bytes_sent;
  end.bytes_received = outcome.bytes_received;
  end.upstream_request_id = outcome.upstream_request_id;
  end.cost = cost.known;
  end.charged = cost.charged;
  end.price_version = cost.price_version;
  return end;
}

}  // namespace holdfast::gateway
