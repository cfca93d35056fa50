#include "server/auditing.h"

#include <chrono>

#include "base/log.h"
#include "server/admin.h"

namespace holdfast::limits {
inline constexpr std::size_t audit_gathered = 256;  // kinds of events that come by themselves
}

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
constexpr auto silence = 60s;  // between two entries of one kind

audit::Event own_event(std::string action, std::string target) {
  audit::Event event = audit::own_event(std::move(action));
  event.target = std::move(target);
  return event;
}

std::uint64_t clients_refused_of(const observe::Registry& registry) {
  return registry.sum([](const observe::ThreadCounters& thread) {
    return thread.refusals[static_cast<std::size_t>(observe::Refusal::unauthorized)].value();
  });
}

}  // namespace

audit::Event operator_event(std::string action, std::string target, const AdminAct& act,
                            std::string reason) {
  return {.action = std::move(action),
          .actor = to_string(act.who),
          .from = "administration",
          .target = std::move(target),
          .reason = std::move(reason),
          .request_id = act.request_id,
          .before = {},
          .after = {}};
}

void Auditing::started(std::string_view version, std::string_view configuration) {
  audit::Event event = own_event("gateway.started", {});
  event.from = "command line";
  event.after = {{"version", version}, {"configuration_sha256", configuration}};
  owed_start_ = std::move(event);
  write_owed_start();
}

void Auditing::write_owed_start() {
  if (owed_start_ && log_.append(*owed_start_)) owed_start_.reset();
}

void Auditing::stopping(std::string_view signal) {
  audit::Event event = own_event("gateway.stopping", {});
  event.from = signal;
  // Counted and told by the log if it fails; a signal is obeyed all the same.
  [[maybe_unused]] const auto written = log_.append(event);
}

void Auditing::stopped() {
  gather_clients();
  write_gathered(true);
  [[maybe_unused]] const auto written = log_.append(own_event("gateway.stopped", {}));
  if (const auto made = log_.checkpoint(); !made)
    log::error("audit: the last entries are not signed for: {}", made.error().detail);
}

void Auditing::reload_refused(std::string_view from, std::string_view place, std::size_t problems) {
  audit::Event event = own_event("configuration.refused", {});
  event.from = from;
  event.after = {{"first_problem_at", place}, {"problems", problems}};
  // Nothing has changed: there is nothing to refuse.
  [[maybe_unused]] const auto written = log_.append(event);
}

void Auditing::request_refused(std::string_view code) {
  gather("administration.refused", std::string(code), 1);
  write_gathered();
}

void Auditing::sign_in_refused(const std::string& who) {
  gather("session.refused", who, 1);
  write_gathered();
}

void Auditing::credential_refused(const std::string& provider, FailureClass failure) {
  gather("credential.refused", fmt::format("{}: {}", provider, to_string(failure)), 1);
  write_gathered();
}

void Auditing::key_refused(const std::string& name, std::uint64_t count) {
  gather("key.refused", name, count);
  write_gathered();
}

void Auditing::gather(const std::string& action, const std::string& target, std::uint64_t count) {
  const auto key = std::make_pair(action, target);
  if (gathered_.size() >= limits::audit_gathered && !gathered_.contains(key))
    gathered_[{action, "others"}].count += count;
  else
    gathered_[key].count += count;
}

void Auditing::write_gathered(bool all) {
  const MonoTime now = clock_.now();
  for (auto& [key, one] : gathered_) {
    if (one.count == 0 || (!all && now < one.silent_until)) continue;
    audit::Event event = own_event(key.first, key.second);
    event.after = {{"count", one.count}};
    one.silent_until = now + silence;
    if (log_.append(event)) one.count = 0;
  }
}

void Auditing::gather_clients() {
  const std::uint64_t refused = clients_refused_of(registry_);
  if (refused > clients_refused_)
    gather("client.refused", "no valid key", refused - clients_refused_);
  clients_refused_ = refused;
}

void Auditing::vault_changes(std::optional<std::int64_t> changes) {
  if (std::exchange(vault_known_, true) && changes != vault_changes_) {
    audit::Event event = own_event("vault.changed", {});
    event.actor = "operator";
    event.from = "command line";
    if (vault_changes_) event.before = {{"changes", *vault_changes_}};
    if (changes) event.after = {{"changes", *changes}};
    if (!log_.append(event)) return;  // it is tried again
  }
  vault_changes_ = changes;
}

void Auditing::tick() {
  log_.tick();  // first: after a failure it opens the log again
  if (log_.status().problem.empty()) write_owed_start();
  gather_clients();
  write_gathered();
}

}  // namespace holdfast::server
