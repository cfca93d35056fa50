// What `holdfast vault` does, written into the audit log: before it is done, and how it ended.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "audit/log.h"
#include "base/error.h"
#include "store/state_lock.h"

namespace holdfast::cli {

// One act. The log is this process's only while no gateway runs on the state directory; a running
// one keeps the log itself, and writes down that the vault has changed.
class VaultAct {
 public:
  // Writes down that `verb` is about to be done to `target`. Nothing may be done otherwise.
  //   verb     "put", "accept-rollback"
  //   target   a path; may be empty
  //   errors   configuration: the directory is another user's; io: it cannot be written
  static Result<VaultAct> begin(const std::string& state_dir, const std::string& verb,
                                const std::string& target);
  VaultAct(VaultAct&&) = default;
  // Written down as failed, unless it was concluded as done.
  ~VaultAct();
  void done();

 private:
  VaultAct() = default;
  void conclude(audit::Outcome outcome);
  std::optional<store::StateLock> lock_;  // none: a gateway runs
  std::unique_ptr<audit::Log> log_;       // null: likewise, or concluded
  std::uint64_t intent_ = 0;
};

}  // namespace holdfast::cli
