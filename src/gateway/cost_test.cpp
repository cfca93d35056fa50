#include "gateway/cost.h"

#include <gtest/gtest.h>

namespace holdfast::gateway {
namespace {
using records::Endpoint;

records::Price price_of(std::int64_t input, std::int64_t output) {
  records::Price price;
  price.rates.input = {input};
  price.rates.output = {output};
  return price;
}

Outcome outcome_of(FailureClass failure, std::uint16_t status, std::int64_t in, std::int64_t out) {
  Outcome outcome;
  outcome.failure = failure;
  outcome.status = status;
  outcome.bytes_sent = 100;
  outcome.usage.tokens_in = in;
  outcome.usage.tokens_out = out;
  return outcome;
}

TEST(CostOf, FollowsItsRule) {
  constexpr std::int64_t unknown = -1;
  const auto none = FailureClass::none;
  struct Case {
    const char* rule;
    Outcome outcome;
    Endpoint endpoint;
    std::int64_t want_nano, want_charged;
  };
  const auto chat = Endpoint::chat_completions;
  Outcome unsent = outcome_of(FailureClass::connect, 0, -1, -1);
  unsent.bytes_sent = 0;
  const Case cases[] = {
      {"what the provider has counted", outcome_of(none, 200, 10, 5), chat, 60, 60},
      {"nothing was sent", unsent, chat, 0, 0},
      {"refused", outcome_of(FailureClass::rate_limited, 429, -1, -1), chat, 0, 0},
      {"failed with a status", outcome_of(FailureClass::server_error, 500, -1, -1), chat, 0, 0},
      {"sent, and nothing came", outcome_of(FailureClass::headers_timeout, 0, -1, -1), chat,
       unknown, 900},
      {"broke after content", outcome_of(FailureClass::cut_stream, 200, 10, 1), chat, unknown, 900},
      {"its client left", outcome_of(FailureClass::client_left, 200, -1, -1), chat, unknown, 900},
      {"no usage in the answer", outcome_of(none, 200, -1, -1), chat, unknown, 900},
      {"half a usage", outcome_of(none, 200, 10, -1), chat, unknown, 900},
      {"vectors have no tokens out", outcome_of(none, 200, 10, -1), Endpoint::embeddings, 10, 10},
      {"counting is free", outcome_of(none, 200, 10, -1), Endpoint::count_tokens, 0, 0}};
  const records::Price price = price_of(1'000, 10'000), fallback = price_of(2'000, 20'000);
  for (const Case& c : cases) {
    const Cost cost = cost_of(c.outcome, c.endpoint, &price, nullptr, {900});
    EXPECT_EQ(cost.known ? cost.known->value : unknown, c.want_nano) << c.rule;
    EXPECT_EQ(cost.charged.value, c.want_charged) << c.rule;
    EXPECT_EQ(cost.price_version, price.version()) << c.rule;
  }
  const Outcome answered = outcome_of(none, 200, 10, 5);
  const Cost stood_in = cost_of(answered, chat, nullptr, &fallback, {900});
  EXPECT_FALSE(stood_in.known) << "a price that stands in is not the price";
  EXPECT_EQ(stood_in.charged.value, 120);
  EXPECT_EQ(stood_in.price_version, 0U);
  EXPECT_FALSE(cost_of(answered, chat, nullptr, nullptr, {}).known);
  const records::Price nothing = price_of(0, 0);
  EXPECT_EQ(cost_of(outcome_of(FailureClass::cut_stream, 200, -1, -1), chat, &nothing, nullptr, {})
                .known->value,
            0)
      << "what costs nothing by the token costs nothing when it breaks";
}
}  // namespace
}  // namespace holdfast::gateway
