// How attempts are sealed: in segments, each of which goes into a log that nobody can change
// unnoticed. The log itself is audit's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::limits {
inline constexpr std::int64_t segment_attempts = 1'000;  // at most, in one segment
}

namespace holdfast::records {

// Attempts that have ended, those with an id from first_id to last_id.
struct Segment {
  std::int64_t number = 0;  // from 1
  std::int64_t first_id = 0, last_id = 0;
  std::int64_t attempts = 0;      // fewer than ids only where an earlier version has deleted some
  std::int64_t unknown_cost = 0;  // of these, cost is not known
  std::int64_t tokens_in = 0, tokens_out = 0, cost_nano_usd = 0;
  std::string root;            // of the tree of RFC 6962 over their texts (sealed_row.h); 32 bytes
  std::uint64_t log_size = 0;  // of the log, when the segment was made
};

// Used by the drain's thread.
struct Sealer {
  virtual ~Sealer() = default;
  // Adds a row to the tree; returns its leaf hash, 32 bytes.
  virtual std::string add(std::string_view row) = 0;
  // The root over what was added since the last call, 32 bytes.
  virtual std::string root() = 0;
  virtual std::uint64_t log_size() = 0;
  // The log has the segment when this returns: once, also when a process died while it was told.
  //   errors   io: the log cannot be written; to be tried again
  virtual Result<void> seal(const Segment& segment) = 0;
  // About to be deleted, because it is older than is kept, or more: all up to `last_id`, the last
  // of segment `number`. Told before it happens; possibly twice.   errors   io
  virtual Result<void> expire(std::int64_t number, std::int64_t last_id) = 0;
};

}  // namespace holdfast::records
