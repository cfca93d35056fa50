// The short-lived credentials of the providers that have `auth`, kept over reloads while it stays
// the same, and posted to every loop when they change.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "server/settings.h"
#include "server/worker.h"
#include "vault/keeper.h"

namespace holdfast::server {

class Credentials {
 public:
  // The workers outlive it.
  Credentials(const Clock& clock, std::span<const std::unique_ptr<Worker>> workers);
  // Fetches what `settings` have and forgets the rest.
  void use(const Settings& settings);
  // `provider` has refused its credential: a new one is fetched.
  void refused(const std::string& provider);
  // What the status page says of each.
  std::map<std::string, vault::Status> status() const;

 private:
  struct Entry {
    vault::AuthSettings settings;
    std::unique_ptr<vault::Keeper::Kept> kept;
  };
  const Clock& clock_;
  std::span<const std::unique_ptr<Worker>> workers_;
  std::unique_ptr<vault::Keeper> keeper_;  // none until a provider needs one
  std::map<std::string, Entry> entries_;   // goes before the keeper
};

}  // namespace holdfast::server
