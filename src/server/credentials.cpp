#include "server/credentials.h"

namespace holdfast::server {

Credentials::Credentials(const Clock& clock, std::span<const std::unique_ptr<Worker>> workers)
    : clock_(clock), workers_(workers) {}

void Credentials::use(const Settings& settings) {
  std::map<std::string, Entry> kept;
  for (const provider::Settings& provider : settings.providers) {
    if (!provider.auth) continue;
    const auto found = entries_.find(provider.name);
    if (found != entries_.end() && found->second.settings == *provider.auth) {
      kept.emplace(provider.name, std::move(found->second));
      continue;
    }
    if (!keeper_) keeper_ = std::make_unique<vault::Keeper>(clock_, entropy_seed());
    const auto post = [workers = workers_, name = provider.name](
                          const std::shared_ptr<const vault::Credential>& credential) {
      for (const auto& worker : workers) worker->use_credential(name, credential);
    };
    kept.emplace(provider.name,
                 Entry{*provider.auth,
                       keeper_->keep(provider.name, vault::make_source(*provider.auth), post)});
  }
  entries_ = std::move(kept);
}

void Credentials::refused(const std::string& provider) {
  const auto found = entries_.find(provider);
  if (found != entries_.end() && found->second.kept) found->second.kept->refused();
}

std::map<std::string, vault::Status> Credentials::status() const {
  std::map<std::string, vault::Status> out;
  for (const auto& [name, entry] : entries_)
    if (entry.kept) out.emplace(name, entry.kept->status());
  return out;
}

}  // namespace holdfast::server
