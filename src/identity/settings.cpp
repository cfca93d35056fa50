#include "identity/settings.h"

#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "config/section.h"

namespace holdfast::identity {
namespace {
constexpr std::size_t short_key_bytes = 16;
constexpr std::array<config::Choice<ServiceClass>, 3> classes = {
    {{"critical_revenue", ServiceClass::critical_revenue},
     {"internal_productivity", ServiceClass::internal_productivity},
     {"experimental", ServiceClass::experimental}}};

void read_key(config::Section& section, std::span<const std::string_view> models,
              KeySettings& key) {
  const bool found = section.secret("key", key.key, "what the client sends as its bearer token");
  section.require("key", "every client key names its secret, as in key: env:APP_KEY");
  if (found && key.key.reveal().size() < short_key_bytes)
    section.warn("key",
                 fmt::format("shorter than {} characters: it can be guessed", short_key_bytes));
  if (section.word("certificate", key.certificate,
                   "a name in a client certificate that stands for this key: URI:spiffe://..., or "
                   "DNS:... (see server.tls.client_ca)") &&
      !key.certificate.starts_with("URI:") && !key.certificate.starts_with("DNS:"))
    section.problem("certificate", "is not a name of a certificate",
                    "write it as in URI:spiffe://example/orders or DNS:orders.example");
  section.words("models", key.models, "logical models that it may use; none: all of them");
  for (std::size_t i = 0; i < key.models.size(); ++i)
    if (std::ranges::find(models, key.models[i]) == models.end())
      section.unknown_name("models", key.models[i],
                           fmt::format("entry {} names a model that is not configured", i + 1),
                           {models.begin(), models.end()});
  section.word("team", key.team, "whose key it is: limits, budgets and routes may go by it");
  section.word("service", key.service, "what asks with it, likewise");
  section.choice("class", key.service_class, classes,
                 "who is shed last when there is too little for all");
  std::size_t sensitivity = 0;
  if (section.one_of("sensitivity", sensitivity, {sensitivities.begin(), sensitivities.end()},
                     "of what is asked with it: routes may go by it"))
    key.sensitivity = sensitivities[sensitivity];
  section.word("region", key.region, "where its callers are: routes may go by it");
  section.words("regions", key.regions,
                "where its requests may be answered: only by providers whose region is one of "
                "these or begins with it, as eu-west does with eu; none: anywhere");
  config::read_limits(section, key.limits, "how much may be asked with it");
}
}  // namespace

void read_settings(config::Section& top, std::span<const std::string_view> models,
                   std::vector<KeySettings>& into) {
  std::unordered_multimap<std::size_t, std::size_t> by_hash;  // of the secret, to the index
  top.entries(
      "keys",
      "Client keys by name. With none the applications' side is open, and listens on loopback only",
      [&](const std::string& name, config::Section& section) {
        KeySettings key;
        key.name = name;
        read_key(section, models, key);
        const std::string_view secret = key.key.reveal();
        const std::size_t hash = std::hash<std::string_view>{}(secret);
        const auto [first, last] = by_hash.equal_range(hash);
        for (auto it = first; !secret.empty() && it != last; ++it)
          if (into[it->second].key.reveal() == secret)
            section.problem("key", fmt::format("the same secret as keys.{}", into[it->second].name),
                            "give each key its own");
        const auto same = std::ranges::find(into, key.certificate, &KeySettings::certificate);
        if (!key.certificate.empty() && same != into.end())
          section.problem("certificate", fmt::format("the same name as keys.{}", same->name),
                          "a certificate stands for one key");
        by_hash.emplace(hash, into.size());
        into.push_back(std::move(key));
      });
}

void read_teams(config::Section& top, std::span<const KeySettings> keys,
                std::vector<TeamSettings>& into) {
  top.entries("teams", "What the keys that name the same team have in common",
              [&](const std::string& name, config::Section& section) {
                TeamSettings team;
                team.name = name;
                config::read_limits(section, team.limits, "how much all its keys may ask together");
                if (std::ranges::find(keys, name, &KeySettings::team) == keys.end())
                  section.warn("", "no key names this team", "write team: under its keys");
                into.push_back(std::move(team));
              });
}
}  // namespace holdfast::identity
