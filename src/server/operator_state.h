// What an operator says of targets by hand, kept over restarts: a target that was taken out at
// three in the morning does not come back because something was restarted.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "routing/health.h"
#include "routing/snapshot.h"

namespace holdfast::limits {
inline constexpr std::size_t operator_entries = 1024;  // targets that an operator speaks of
}

namespace holdfast::server {

// Of one provider ("one") or one target of it ("one/m1").
struct OperatorEntry {
  bool out = false;           // takes no new request
  std::int64_t until_us = 0;  // out until then, wall time; 0: until restored
  bool frozen = false;        // what is known of its health stands still
  std::int64_t since_us = 0;
};

// The main thread's.
class OperatorState {
 public:
  // Reads DIR/operator.json, if it is there.   errors   io, configuration: it cannot be read
  static Result<OperatorState> open(const std::string& directory);

  // Each is on the disk when it returns; on failure (io) nothing has changed.
  Result<void> drain(const std::string& target, std::int64_t now_us, std::int64_t until_us);
  Result<void> freeze(const std::string& target, std::int64_t now_us);
  Result<void> restore(const std::string& target);
  // Puts all that was said into the table; forgets what is over.
  void apply(const routing::Snapshot& snapshot, routing::HealthTable& health, const Clock& clock);

  const std::map<std::string, OperatorEntry, std::less<>>& entries() const { return entries_; }

 private:
  using Entries = std::map<std::string, OperatorEntry, std::less<>>;
  explicit OperatorState(std::string path) : path_(std::move(path)) {}
  Result<void> keep(Entries entries);

  std::string path_;
  Entries entries_;
};

// Whether `said` ("one", "one/m1") speaks of this target.
bool speaks_of(std::string_view said, std::string_view provider, std::string_view model);

}  // namespace holdfast::server
