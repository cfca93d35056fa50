// Usage in the log: which attempts the records have sealed (usage.sealed), and deleted because they
// were old (usage.expired). Never what was asked or answered.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "audit/log.h"
#include "audit/tree.h"
#include "audit/verify.h"
#include "records/sealer.h"

namespace holdfast::audit {

inline constexpr std::string_view usage_sealed = "usage.sealed", usage_expired = "usage.expired";

// Writes segments into a log. Used by the drain's thread; the log outlives it.
class UsageSealer final : public records::Sealer {
 public:
  //   folder   the log's
  UsageSealer(Log& log, std::string folder) : log_(log), folder_(std::move(folder)) {}
  std::string add(std::string_view row) override;
  std::string root() override;
  std::uint64_t log_size() override { return log_.status().entries; }
  Result<void> seal(const records::Segment& segment) override;
  Result<void> expire(std::int64_t number, std::int64_t last_id) override;

 private:
  Result<bool> has(const records::Segment& segment) const;
  Log& log_;
  const std::string folder_;
  Frontier tree_;
};

struct UsageReport {
  std::vector<Problem> problems;  // empty: the attempts are what was sealed
  std::vector<std::string> remarks;
  std::uint64_t segments = 0, expired_segments = 0;  // in the log; of them, deleted by retention
  std::uint64_t attempts = 0;                        // that are what was sealed
};

// Holds the records of a state directory, which may be in use, against what a log says of them; the
// log itself is for verify_folder(). Memory: one segment.
//   folder   the log's, or of an exported one
//   errors   io: the log or the records cannot be read
Result<UsageReport> verify_usage(const std::string& folder, const std::string& state_dir);

}  // namespace holdfast::audit
