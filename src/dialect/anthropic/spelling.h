// How a client's dialect spells what a request may lose on its way to Anthropic.
#pragma once
#include <string>

#include "dialect/canonical.h"

namespace holdfast::dialect::anthropic {

enum class Field : std::uint8_t {
  max_tokens,
  temperature,
  top_p,
  top_k,
  frequency_penalty,
  presence_penalty,
  n,
  seed,
  stop,
  logprobs,
  top_logprobs,
  format,
  reasoning,
  verbosity,
  tool_choice,
  tools,
  metadata,
  service_tier,
};
std::string_view spelled(Dialect from, Field field);

// Where a block stands in the client's body: of `message` (the canonical one, or `written` as this
// dialect counts them, whichever is the client's way), block `block`.
struct Place {
  std::size_t message = 0, written = 0, block = 0;
};
//   leading   system texts that the client may have sent as messages
std::string spelled(Dialect from, const Place& place, std::size_t leading);
std::string spelled_message(Dialect from, const Place& place, std::size_t leading);

}  // namespace holdfast::dialect::anthropic
