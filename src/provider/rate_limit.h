// What an answer's headers tell of the limits that its provider holds the gateway's account to,
// read into one shape. The headers and their spellings: wire format notes of OpenAI, Azure,
// Anthropic, Mistral, Together, OpenRouter, Fireworks and Cohere, read 2026-11. Pure.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "net/http_head.h"

namespace holdfast::provider {

// One of the limits. Its window is the provider's, and mostly not told.
struct RateLimit {
  std::optional<std::int64_t> limit;               // what the window allows; >= 0
  std::optional<std::int64_t> remaining;           // what is left of it; >= 0
  std::optional<std::chrono::milliseconds> reset;  // until all of it is back; 0 to 31 days
  bool told() const { return limit || remaining || reset; }
};

struct RateLimitFacts {
  RateLimit requests;
  RateLimit tokens;  // both ways together, or the one of the two that is the nearer to its end
  RateLimit tokens_in, tokens_out;
  bool told() const {
    return requests.told() || tokens.told() || tokens_in.told() || tokens_out.told();
  }
};

// A header that tells one part of one of them.
struct RateLimitHeader {
  enum class Part : std::uint8_t { limit, remaining, reset };
  std::string_view name;
  RateLimit RateLimitFacts::* of;
  Part part;
};

// What `headers` tell by the names in `table`. The first of several values for one part holds; a
// value that is none is as if it were not there.
//   now_us   wall time, which points in time are held against
RateLimitFacts read_rate_limits(std::span<const RateLimitHeader> table,
                                const net::HeaderFields& headers, std::int64_t now_us);

}  // namespace holdfast::provider
