// What the running process writes into the audit log, and in which words. The main thread's:
// nothing of it is on a request's way.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "audit/log.h"
#include "base/failure.h"
#include "observe/registry.h"

namespace holdfast::server {

struct AdminAct;

class Auditing {
 public:
  Auditing(audit::Log& log, const Clock& clock, const observe::Registry& registry)
      : log_(log), clock_(clock), registry_(registry) {}

  // When all is there that is needed to serve, and before anything is served. If the log cannot be
  // written, the entry is owed: it is written as soon as it can be, and changes are refused until
  // then.
  void started(std::string_view version, std::string_view configuration);
  void stopping(std::string_view signal);
  // The last entry, and a checkpoint over all.
  void stopped();

  // An operator's act, or a new configuration: written down before it is done.
  //   errors   io: then it is not done
  Result<std::uint64_t> begin(const audit::Event& event) { return log_.begin(event); }
  void conclude(std::uint64_t intent, bool done) {
    log_.conclude(intent, done ? audit::Outcome::done : audit::Outcome::failed);
  }
  // A configuration that was not taken over; `place`: of its first problem.
  void reload_refused(std::string_view from, std::string_view place, std::size_t problems);

  // What others bring about, as often as they like: the first is written down at once, then one
  // entry a minute says how many there were.
  void request_refused(std::string_view code);   // at the administration
  void sign_in_refused(const std::string& who);  // a wrong password
  void credential_refused(const std::string& provider, FailureClass failure);
  // The id of a virtual key came with a wrong secret, `count` times.
  void key_refused(const std::string& name, std::uint64_t count);

  // The vault has seen so many changes; nothing: there is none. What is new since the last time was
  // done by `holdfast vault`, which leaves the log to this process.
  void vault_changes(std::optional<std::int64_t> changes);

  // Once a second: clients that were refused, what has come together, checkpoints.
  void tick();
  void use(const audit::Settings& settings) { log_.use(settings); }

  const audit::Log& log() const { return log_; }

 private:
  struct Gathered {
    std::uint64_t count = 0;  // not written down yet
    MonoTime silent_until{};
  };
  void gather(const std::string& action, const std::string& target, std::uint64_t count);
  void gather_clients();
  void write_owed_start();
  void write_gathered(bool all = false);  // all: also of what should be silent for a while

  audit::Log& log_;
  const Clock& clock_;
  const observe::Registry& registry_;
  std::map<std::pair<std::string, std::string>, Gathered> gathered_;  // by action and target
  std::optional<audit::Event> owed_start_;
  bool vault_known_ = false;
  std::optional<std::int64_t> vault_changes_;  // so many are accounted for
  std::uint64_t clients_refused_ = 0;          // so many are accounted for
};

// What an operator is about to do over the administration; `before` and `after` are to be filled
// in.
audit::Event operator_event(std::string action, std::string target, const AdminAct& act,
                            std::string reason);

}  // namespace holdfast::server
