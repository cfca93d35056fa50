#include "identity/key_table.h"

#include <sodium.h>

#include <algorithm>

#include "records/attempt.h"

namespace holdfast::identity {
namespace {

using ById = std::unordered_map<std::string_view, const VirtualKey*>;

std::uint32_t bits_of(const std::vector<std::string>& endpoints) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < records::endpoint_count; ++i)
    if (std::ranges::find(endpoints, to_string(static_cast<records::Endpoint>(i))) !=
        endpoints.end())
      bits |= 1U << i;
  return bits;
}
static_assert(records::endpoint_count <= 32);

std::vector<Network> networks_of(const KeyScope& scope) {
  std::vector<Network> out;
  for (const std::string& text : scope.networks)
    if (const auto network = Network::parse(text)) out.push_back(*network);
  return out;
}

std::string_view sensitivity_of(const std::string& said) {
  const auto* const found = std::ranges::find(sensitivities, said);
  return found == sensitivities.end() ? std::string_view() : *found;
}

UsableKey usable(const VirtualKey& key, const ById& by_id) {
  UsableKey out;
  Narrowed within{key.scope, {}};
  out.revoked = key.revoked_us != 0;
  if (!key.scope.networks.empty()) out.networks.push_back(networks_of(key.scope));
  const VirtualKey* at = &key;
  while (!at->parent.empty()) {
    const auto parent = by_id.find(at->parent);
    if (parent == by_id.end()) {  // nobody answers for it any more
      out.revoked = true;
      break;
    }
    at = parent->second;
    const std::string_view nothing_left = within.nothing_left;
    within = narrowed(within.scope, at->scope);
    if (!nothing_left.empty()) within.nothing_left = nothing_left;
    out.revoked = out.revoked || at->revoked_us != 0;
    if (!at->scope.networks.empty()) out.networks.push_back(networks_of(at->scope));
    out.ancestors.push_back(at->name);
    if (out.ancestors.size() >= limits::key_generations) break;
  }
  const KeyScope& scope = within.scope;
  out.id = key.id;
  out.settings.name = key.name;
  out.settings.models = scope.models;
  out.settings.team = scope.team;
  out.settings.service = scope.service;
  out.settings.service_class = scope.service_class;
  out.settings.sensitivity = sensitivity_of(scope.sensitivity);
  out.settings.region = scope.region;
  out.settings.regions = scope.regions;
  out.settings.limits = key.scope.limits;
  out.providers = scope.providers;
  out.endpoints = bits_of(scope.endpoints);
  out.nothing_left = within.nothing_left;
  // Endpoints that a newer version knows: no bits, which would be all.
  if (!scope.endpoints.empty() && out.endpoints == 0) out.nothing_left = "endpoints";
  out.not_before_us = scope.not_before_us;
  out.expires_us = scope.expires_us;
  out.hash = key.hash;
  out.old_hash = key.old_hash;
  out.old_until_us = key.old_until_us;
  return out;
}

UsableKey make_nobody() {
  UsableKey out;
  randombytes_buf(out.hash.data(), out.hash.size());
  randombytes_buf(out.old_hash.data(), out.old_hash.size());
  out.use = std::make_shared<KeyUse>();
  return out;
}

}  // namespace

KeyVerdict UsableKey::standing(std::int64_t now_us) const {
  if (revoked) return KeyVerdict::revoked;
  if (now_us < not_before_us) return KeyVerdict::not_yet;
  if (expires_us > 0 && now_us >= expires_us) return KeyVerdict::expired;
  return KeyVerdict::accepted;
}

bool UsableKey::may_come_from(const boost::asio::ip::address& address) const {
  return std::ranges::all_of(networks, [&](const std::vector<Network>& one_of) {
    return std::ranges::any_of(one_of, [&](const Network& one) { return one.contains(address); });
  });
}

bool UsableKey::may_ask(std::string_view provider) const {
  return providers.empty() || std::ranges::find(providers, provider) != providers.end();
}

KeyTable::KeyTable() : pepper_(std::string_view()), nobody_(make_nobody()) {}

KeyTable::KeyTable(Pepper pepper, std::span<const VirtualKey> keys,
                   std::unordered_map<std::string, std::shared_ptr<KeyUse>>& uses)
    : pepper_(pepper), nobody_(make_nobody()) {
  ById by_id;
  for (const VirtualKey& key : keys) by_id.emplace(key.id, &key);
  keys_.reserve(keys.size());
  for (const VirtualKey& key : keys) {
    std::shared_ptr<KeyUse>& use = uses[key.id];
    if (!use) use = std::make_shared<KeyUse>();
    keys_.push_back(usable(key, by_id));
    keys_.back().use = use;
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) by_id_.emplace(keys_[i].id, i);
}

KeyTable::Found KeyTable::find(std::string_view offered, const KeyText& text,
                               std::int64_t now_us) const {
  const KeyHash hash = pepper_.hash(offered);
  const auto place = by_id_.find(text.id);
  const UsableKey& key = place == by_id_.end() ? nobody_ : keys_[place->second];
  const bool now = equal(hash, key.hash);
  const bool before = equal(hash, key.old_hash) && now_us < key.old_until_us;
  if (!now && !before) {
    key.use->wrong.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return {key.standing(now_us), &key};
}

const UsableKey* KeyTable::find_id(std::string_view id) const {
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : &keys_[place->second];
}

}  // namespace holdfast::identity
