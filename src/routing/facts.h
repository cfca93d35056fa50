// What the decision of who answers may go by: the facts of one request. The gateway fills in what
// the model's tree reads (Route::needs) and nothing else.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "identity/settings.h"
#include "net/http_head.h"
#include "records/attempt.h"

namespace holdfast::routing {

// Facts that cost something to find: only those that a tree needs are filled in.
enum class Need : std::uint8_t {
  size = 1U << 0U,          // tokens_in, max_tokens
  user = 1U << 1U,          // user
  conversation = 1U << 2U,  // conversation
  prefix = 1U << 3U,        // prefix
};
constexpr std::uint32_t bit(Need need) { return static_cast<std::uint32_t>(need); }

// All views outlive the decision.
struct Facts {
  std::string_view request_id;
  std::string_view model;               // the logical one
  std::string_view key, team, service;  // of the client's key; empty: none, or not said
  identity::ServiceClass service_class = identity::ServiceClass::internal_productivity;
  std::string_view sensitivity;          // of what the key's callers send; empty: not said
  std::string_view region;               // where the key's callers are; empty: not said
  std::span<const std::string> regions;  // where the key's requests may be answered; empty: all
  records::Endpoint endpoint = records::Endpoint::chat_completions;
  std::uint32_t features = 0;                  // bits of records::Feature
  bool stream = false;                         // the client asks for a stream
  std::int64_t tokens_in = 0;                  // estimated; 0: not known
  std::int64_t max_tokens = 0;                 // most tokens of the answer; 0: not said
  std::int64_t wall_us = 0;                    // UTC, microseconds since the epoch
  const net::HeaderFields* headers = nullptr;  // null: there are none
  std::uint64_t user = 0;                      // hash of the end user that the request names ...
  std::uint64_t conversation = 0;              // ... of what every turn begins with ...
  std::uint64_t prefix = 0;                    // ... of system prompt and tools; 0: none
  std::string_view header(std::string_view name) const {
    return headers == nullptr ? std::string_view() : headers->find(name).value_or("");
  }
};

// The tokens that an answer is taken to have before it is there: as many as it may, at most
// usual_answer_tokens.
inline constexpr std::int64_t usual_answer_tokens = 256;
constexpr std::int64_t expected_tokens_out(const Facts& facts) {
  return facts.max_tokens > 0 && facts.max_tokens < usual_answer_tokens ? facts.max_tokens
                                                                        : usual_answer_tokens;
}

// A hash that is the same in every version and on every machine, since who is sticky to whom must
// survive an upgrade; never 0. Not for strangers' collisions: nothing but a choice rests on it.
std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0);
// Spreads every bit of `value` over all.
std::uint64_t mix(std::uint64_t value);

}  // namespace holdfast::routing
