#include "server/credentials.h"

#include <algorithm>

namespace holdfast::server {
namespace {

// The credential that the file itself holds: nobody has to wait for it.
std::shared_ptr<const vault::Credential> written_down(const vault::AuthSettings& settings) {
  auto out = std::make_shared<vault::Credential>();
  out->kind = vault::Credential::Kind::aws;
  out->aws = {settings.access_key_id, settings.secret_access_key, settings.session_token};
  return out;
}

}  // namespace

Credentials::Credentials(const Clock& clock, std::span<const std::unique_ptr<Worker>> workers)
    : clock_(clock), workers_(workers) {}

void Credentials::use(const Settings& settings) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool stays = std::ranges::any_of(settings.providers, [&](const auto& provider) {
      return provider.name == entry->first && provider.auth == entry->second.settings;
    });
    if (stays) {
      ++entry;
      continue;
    }
    const std::string name = entry->first;
    // A new secret of the same account: what was fetched with the old one is good until its end.
    const bool goes_on = std::ranges::any_of(settings.providers, [&](const auto& provider) {
      return provider.name == name && provider.auth &&
             vault::same_account(*provider.auth, entry->second.settings);
    });
    entry = entries_.erase(entry);  // tells the workers nothing from then on
    // What was fetched for another account, or for a provider of before, is sent nowhere.
    if (!goes_on)
      for (const auto& worker : workers_) worker->use_credential(name, nullptr);
  }
  for (const provider::Settings& provider : settings.providers) {
    if (!provider.auth || entries_.contains(provider.name)) continue;
    if (!keeper_) keeper_ = std::make_unique<vault::Keeper>(clock_, entropy_seed());
    const auto post = [workers = workers_, name = provider.name](
                          const std::shared_ptr<const vault::Credential>& credential) {
      for (const auto& worker : workers) worker->use_credential(name, credential);
    };
    if (provider.auth->source == vault::Source::aws_static) post(written_down(*provider.auth));
    entries_.emplace(provider.name,
                     Entry{*provider.auth,
                           keeper_->keep(provider.name, vault::make_source(*provider.auth), post)});
  }
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
