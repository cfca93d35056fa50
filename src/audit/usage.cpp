#include "audit/usage.h"

#include <fmt/format.h>

#include "audit/reader.h"
#include "audit/text.h"

namespace holdfast::audit {
namespace {

constexpr std::size_t page_entries = 100;

std::string bytes_of(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Event event_of(std::string_view action, boost::json::object after) {
  return {.action = std::string(action),
          .actor = "holdfast",
          .from = {},
          .target = "records.db",
          .reason = {},
          .request_id = {},
          .before = {},
          .after = std::move(after)};
}

Result<void> append(Log& log, const Event& event) {
  auto written = log.append(event);
  if (!written) return std::unexpected(std::move(written).error());
  return {};
}

}  // namespace

std::string UsageSealer::add(std::string_view row) {
  const Hash leaf = leaf_hash(row);
  tree_.add(leaf);
  return bytes_of(leaf);
}

std::string UsageSealer::root() {
  const Hash root = tree_.root();
  tree_ = Frontier();
  return bytes_of(root);
}

Result<void> UsageSealer::seal(const records::Segment& segment) {
  const auto there = has(segment);
  if (!there) return std::unexpected(there.error());
  if (*there) return {};
  return append(log_, event_of(usage_sealed, {{"segment", segment.number},
                                              {"first_id", segment.first_id},
                                              {"last_id", segment.last_id},
                                              {"attempts", segment.attempts},
                                              {"unknown_cost", segment.unknown_cost},
                                              {"tokens_in", segment.tokens_in},
                                              {"tokens_out", segment.tokens_out},
                                              {"cost_nano_usd", segment.cost_nano_usd},
                                              {"root", hex(segment.root)}}));
}

Result<void> UsageSealer::expire(std::int64_t number, std::int64_t last_id) {
  return append(log_, event_of(usage_expired, {{"segment", number}, {"last_id", last_id}}));
}

// Whether a process that died before it could note it has written it: then it stands behind what
// was there when the segment was made.
Result<bool> UsageSealer::has(const records::Segment& segment) const {
  const auto reader = Reader::open(folder_);
  if (!reader) return std::unexpected(reader.error());
  for (std::uint64_t at = segment.log_size;;) {
    const auto lines = reader->lines(at, page_entries, page_entries * limits::audit_line_bytes);
    if (!lines) return std::unexpected(lines.error());
    if (lines->empty()) return false;
    for (const std::string& line : *lines) {
      const auto entry = read_entry(line);
      if (!entry || entry->event.action != usage_sealed) continue;
      const auto* number = entry->event.after.if_contains("segment");
      if (number != nullptr && *number == segment.number) return true;
    }
    at += lines->size();
  }
}

}  // namespace holdfast::audit
