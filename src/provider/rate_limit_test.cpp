#include "provider/rate_limit.h"

#include <gtest/gtest.h>

#include "provider/kind.h"

namespace holdfast::provider {
namespace {

using Headers = std::vector<net::HeaderField>;
constexpr std::int64_t now_us = 1'793'448'000'000'000;  // 2026-10-31T12:00:00Z

RateLimitFacts read(std::string_view kind, Headers headers) {
  Settings settings;
  settings.name = "p";
  settings.kind = find_kind(kind);
  const auto adapter = settings.kind->make(settings, {});
  return adapter->read_rate_limits({std::move(headers)}, now_us);
}

// Of one limit: limit, remaining, reset in milliseconds; -1: not told.
std::string spelled(const RateLimit& limit) {
  return std::to_string(limit.limit.value_or(-1)) + "/" +
         std::to_string(limit.remaining.value_or(-1)) + "/" +
         std::to_string(limit.reset ? limit.reset->count() : -1);
}

TEST(RateLimits, AsEachKindTellsThem) {
  struct Case {
    const char* rule;
    const char* kind;
    Headers headers;
    const char *requests, *tokens, *tokens_in, *tokens_out;
  };
  const char* none = "-1/-1/-1";
  const Case cases[] = {
      {"OpenAI: durations",
       "openai",
       {{"x-ratelimit-limit-requests", "10000"},
        {"x-ratelimit-remaining-requests", "9999"},
        {"x-ratelimit-reset-requests", "8.64s"},
        {"x-ratelimit-limit-tokens", "30000000"},
        {"x-ratelimit-remaining-tokens", "29999990"},
        {"x-ratelimit-reset-tokens", "22ms"}},
       "10000/9999/8640",
       "30000000/29999990/22",
       none,
       none},
      {"Azure: plain seconds, in other letters",
       "azure_openai",
       {{"X-RateLimit-Limit-Requests", "60"},
        {"X-RateLimit-Remaining-Requests", "0"},
        {"X-RateLimit-Reset-Requests", "17"},
        {"x-ratelimit-remaining-tokens", "1200"}},
       "60/0/17000",
       "-1/1200/-1",
       none,
       none},
      {"Anthropic: points in time, and tokens by direction",
       "anthropic",
       {{"anthropic-ratelimit-requests-limit", "4000"},
        {"anthropic-ratelimit-requests-remaining", "3999"},
        {"anthropic-ratelimit-requests-reset", "2026-10-31T12:00:30Z"},
        {"anthropic-ratelimit-tokens-limit", "480000"},
        {"anthropic-ratelimit-tokens-remaining", "479000"},
        {"anthropic-ratelimit-tokens-reset", "2026-10-31T11:00:00Z"},
        {"anthropic-ratelimit-input-tokens-limit", "400000"},
        {"anthropic-ratelimit-output-tokens-remaining", "80000"}},
       "4000/3999/30000",
       "480000/479000/0",
       "400000/-1/-1",
       "-1/80000/-1"},
      {"Mistral: of a minute",
       "mistral",
       {{"x-ratelimit-limit-req-minute", "360"},
        {"x-ratelimit-remaining-req-minute", "359"},
        {"x-ratelimit-limit-tokens-minute", "500000"},
        {"x-ratelimit-remaining-tokens-minute", "499000"},
        {"x-ratelimit-tokens-query-cost", "12"}},
       "360/359/-1",
       "500000/499000/-1",
       none,
       none},
      {"Together: names of its own for tokens",
       "together",
       {{"x-ratelimit-limit", "60"},
        {"x-ratelimit-remaining", "59"},
        {"x-ratelimit-reset", "1"},
        {"x-tokenlimit-limit", "1000"},
        {"x-tokenlimit-remaining", "990"}},
       "60/59/1000",
       "1000/990/-1",
       none,
       none},
      {"OpenRouter: milliseconds since the epoch",
       "openrouter",
       {{"X-RateLimit-Limit", "20"},
        {"X-RateLimit-Remaining", "0"},
        {"X-RateLimit-Reset", "1793448060000"}},
       "20/0/60000",
       none,
       none,
       none},
      {"Fireworks: tokens by direction",
       "fireworks",
       {{"x-ratelimit-limit-tokens-prompt", "60000"},
        {"x-ratelimit-remaining-tokens-prompt", "59000"},
        {"x-ratelimit-limit-tokens-generated", "6000"}},
       none,
       none,
       "60000/59000/-1",
       "6000/-1/-1"},
      {"Cohere: of trial keys",
       "cohere",
       {{"x-trial-endpoint-call-limit", "20"},
        {"x-trial-endpoint-call-remaining", "19"},
        {"x-endpoint-monthly-call-limit", "1000"}},
       "20/19/-1",
       none,
       none,
       none},
      {"Google tells none",
       "gemini",
       {{"x-ratelimit-limit-requests", "1"}},
       none,
       none,
       none,
       none},
      {"Bedrock tells none",
       "bedrock",
       {{"x-ratelimit-limit-requests", "1"}},
       none,
       none,
       none,
       none},
      {"another house's names say nothing",
       "anthropic",
       {{"x-ratelimit-limit-requests", "1"}},
       none,
       none,
       none,
       none},
      {"the first of two holds",
       "openai",
       {{"x-ratelimit-limit-requests", "many"},
        {"x-ratelimit-limit-requests", "7"},
        {"x-ratelimit-limit-requests", "8"}},
       "7/-1/-1",
       none,
       none,
       none},
  };
  for (const Case& c : cases) {
    const RateLimitFacts facts = read(c.kind, c.headers);
    EXPECT_EQ(spelled(facts.requests), c.requests) << c.rule;
    EXPECT_EQ(spelled(facts.tokens), c.tokens) << c.rule;
    EXPECT_EQ(spelled(facts.tokens_in), c.tokens_in) << c.rule;
    EXPECT_EQ(spelled(facts.tokens_out), c.tokens_out) << c.rule;
    const std::string all = std::string(c.requests) + c.tokens + c.tokens_in + c.tokens_out;
    EXPECT_EQ(facts.told(), all != "-1/-1/-1-1/-1/-1-1/-1/-1-1/-1/-1") << c.rule;
  }
}

TEST(RateLimits, EveryFormOfAReset) {
  struct Case {
    const char* rule;
    const char* value;
    std::int64_t want_ms;  // -1: not told
  };
  constexpr std::int64_t longest = 31LL * 24 * 3'600'000;
  const Case cases[] = {
      {"minutes and seconds", "6m0s", 360'000},
      {"hours and minutes", "1h3m", 3'780'000},
      {"days", "2d", 172'800'000},
      {"a part of a millisecond is one", "0.4ms", 1},
      {"nothing to wait for", "0s", 0},
      {"plain seconds with a fraction", "1.5", 1500},
      {"seconds since the epoch", "1793448010", 10'000},
      {"a past point in time", "2020-01-01T00:00:00Z", 0},
      {"a point in time with a zone", "2026-10-31T13:00:05+01:00", 5000},
      {"longer than any window", "999999999h", longest},
      {"a sum beyond all numbers", "99999999999999999999999999999999999999999h", longest},
      {"empty", "", -1},
      {"a unit alone", "s", -1},
      {"a number without its unit at the end", "1h3", -1},
      {"an unknown unit", "3 fortnights", -1},
      {"negative", "-5s", -1},
      {"not a number", "nan", -1},
      {"infinite", "inf", -1},
      {"words", "soon", -1},
  };
  for (const Case& c : cases) {
    const auto facts = read("openai", {{"x-ratelimit-reset-tokens", c.value}});
    EXPECT_EQ(facts.tokens.reset ? facts.tokens.reset->count() : -1, c.want_ms) << c.rule;
  }
}

TEST(RateLimits, CountsThatAreNone) {
  for (const char* value : {"", "-1", "1.5", "1e3", "12 tokens", "99999999999999999999", "0x10"})
    EXPECT_FALSE(read("openai", {{"x-ratelimit-remaining-tokens", value}}).told()) << value;
}

}  // namespace
}  // namespace holdfast::provider
