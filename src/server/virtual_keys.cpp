#include "server/virtual_keys.h"

#include <algorithm>

#include "identity/key_changes.h"

namespace holdfast::server {

Result<std::unique_ptr<VirtualKeys>> VirtualKeys::open(const std::string& state_dir,
                                                       routing::LimitStore& limits) {
  const auto secret = identity::keep_pepper(state_dir + "/keys.pepper");
  if (!secret) return std::unexpected(secret.error());
  const identity::Pepper pepper(secret->reveal());
  auto store = identity::KeyStore::open(state_dir, pepper);
  if (!store) return std::unexpected(std::move(store).error());
  return std::unique_ptr<VirtualKeys>(new VirtualKeys(pepper, *std::move(store), limits));
}

VirtualKeys::VirtualKeys(identity::Pepper pepper, identity::KeyStore store,
                         routing::LimitStore& limits)
    : pepper_(pepper), store_(std::move(store)), limits_(limits) {
  publish();
}

void VirtualKeys::publish() {
  auto out = std::make_shared<routing::PublishedKeys>();
  out->table = identity::KeyTable(pepper_, store_.keys(), uses_);
  for (const identity::VirtualKey& key : store_.keys())
    if (key.scope.limits.any())
      out->limits.emplace(
          key.name,
          routing::Limit{config::LimitScope::key, key.name, routing::rates_of(key.scope.limits),
                         limits_.open(config::LimitScope::key, key.name)});
  published_ = std::move(out);
  if (listener_) listener_(published_);
}

Result<void> VirtualKeys::save(const identity::VirtualKey& key) {
  if (auto kept = store_.save(key); !kept) return kept;
  publish();
  return {};
}

const identity::KeySettings* VirtualKeys::clash(std::span<const identity::KeySettings> keys) const {
  const auto found = std::ranges::find_if(keys, [this](const identity::KeySettings& one) {
    return identity::find_key(store_.keys(), one.name) != nullptr;
  });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::pair<std::string, std::uint64_t>> VirtualKeys::take_wrong() {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const identity::UsableKey& key : published_->table.keys()) {
    const std::uint64_t wrong = key.use->wrong.load(std::memory_order_relaxed);
    if (wrong == 0) continue;
    std::uint64_t& told = told_[key.id];
    if (wrong > told) out.emplace_back(key.settings.name, wrong - told);
    told = wrong;
  }
  return out;
}

}  // namespace holdfast::server
