// The conversations that the records hold, as applications asked for them: what a simulation sends
// again. From a database, or from pages of /api/v1/requests.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "records/attempt.h"

namespace holdfast::records {

struct PastRequest {
  std::int64_t at_us = 0;        // when its first attempt started
  std::uint16_t model = 0;       // in PastTraffic::models
  std::uint16_t key = 0;         // in PastTraffic::keys
  std::uint32_t features = 0;    // bits of Feature
  std::int64_t tokens_in = -1;   // of the attempt that answered, else of the last that knows;
  std::int64_t tokens_out = -1;  // -1: none does
};

// How fast a provider was, by its streams that were answered.
struct PastPace {
  std::size_t streams = 0;
  // From the start to the first content, microseconds: the least, what 1, 2, ... 99 in 100 took at
  // most, and the most.
  std::array<std::int64_t, 101> first_content_us{};
  std::int64_t between_tokens_us = 0;  // then, of the middle one
};

struct PastTraffic {
  std::vector<PastRequest> requests;                     // in the order in which they came
  std::vector<std::string> models;                       // logical ones
  std::vector<std::string> keys;                         // names; empty: without one
  std::map<std::string, PastPace, std::less<>> paces;    // by provider
  std::array<std::uint64_t, endpoint_count> left_out{};  // requests that are no conversations
};

// Reads what started in `from_us` <= start < `until_us` (nothing: from the first, to the last).
//   file     records.db of a state directory, which may be in use; or text: on each line a page or
//            an attempt, as /api/v1/requests writes them, in any order
//   errors   configuration: no such file, neither of the two, a line that is none (which says
//            which), nothing within the time, more than limits::replayed_attempts
//            io
Result<PastTraffic> read_past(const std::string& file, std::optional<std::int64_t> from_us,
                              std::optional<std::int64_t> until_us);

// A moment as messages tell it: "2026-11-24T10:00:00Z".
std::string format_moment(std::int64_t wall_us);

}  // namespace holdfast::records
