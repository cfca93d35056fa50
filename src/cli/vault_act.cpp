#include "cli/vault_act.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "vault/sealed/vault_file.h"

namespace holdfast::cli {
namespace {
std::string user_name() {
  const passwd* user = ::getpwuid(::getuid());
  std::string out = user == nullptr ? fmt::format("#{}", ::getuid()) : std::string(user->pw_name);
  // Who became the service's user by sudo says so; nobody else is believed to be somebody else.
  if (const char* before = std::getenv("SUDO_USER"); before != nullptr && *before != '\0')
    out += fmt::format(" (sudo by {})", before);
  return out;
}

audit::Event event_of(const std::string& verb, const std::string& target) {
  audit::Event event;
  event.action = "vault." + verb;
  std::ranges::replace(event.action, '-', '_');
  event.actor = "operator";
  event.from = "command line";
  event.target = target;
  event.after = {{"user", user_name()}};
  return event;
}
}  // namespace

Result<VaultAct> VaultAct::begin(const std::string& state_dir, const std::string& verb,
                                 const std::string& target) {
  if (auto own = vault::sealed::check_directory(state_dir); !own)
    return std::unexpected(std::move(own).error());
  VaultAct act;
  auto lock = store::StateLock::try_acquire(state_dir);
  if (!lock) return std::unexpected(std::move(lock).error());
  if (!*lock) return act;
  act.lock_.emplace(**std::move(lock));
  auto log = audit::Log::open(state_dir + "/audit", {}, system_clock());
  if (!log) return std::unexpected(std::move(log).error());
  const auto intent = (*log)->begin(event_of(verb, target));
  if (!intent)
    return fail(intent.error().code, "nothing was done, since the audit log cannot be written: " +
                                         intent.error().detail);
  act.log_ = *std::move(log);
  act.intent_ = *intent;
  return act;
}

VaultAct::~VaultAct() { conclude(audit::Outcome::failed); }

void VaultAct::done() { conclude(audit::Outcome::done); }

void VaultAct::conclude(audit::Outcome outcome) {
  if (!log_) return;
  log_->conclude(intent_, outcome);
  // Where there is no room for it now, whoever opens the log next signs for it.
  [[maybe_unused]] const auto signed_for = log_->checkpoint();
  log_ = nullptr;
  lock_.reset();
}
}  // namespace holdfast::cli
