// The event that streams consist of, content_block_delta, read in one pass without an index.
#pragma once
#include <optional>

#include "dialect/canonical.h"

namespace holdfast::dialect::anthropic {

struct Delta {
  std::int64_t index = -1;
  bool signature = false;  // `text` is a thought's signature
  std::string_view text;   // empty: nothing that is known here
};

// Nothing when `data` is not such an event, or not as plain as they are (a citation, say): then it
// is to be read as any other. Escaped text is resolved into `arena`.
std::optional<Delta> scan_delta(std::string_view data, Arena& arena);

}  // namespace holdfast::dialect::anthropic
