#include "identity/key_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "identity/network.h"
#include "records/attempt.h"

namespace holdfast::identity {
namespace {

using Names = std::vector<std::string>;
// Whether all that `inner` names is in what `outer` names.
using Within = bool (*)(std::string_view inner, std::string_view outer);

bool is_same(std::string_view inner, std::string_view outer) { return inner == outer; }

bool is_of_region(std::string_view inner, std::string_view outer) {
  return inner.starts_with(outer);
}

bool is_of_network(std::string_view inner, std::string_view outer) {
  const auto one = Network::parse(inner), other = Network::parse(outer);
  return one && other && other->contains(*one);
}

struct List {
  std::string_view name;
  Names KeyScope::* names;
  Within within;
};
constexpr std::array<List, 5> lists = {{{"models", &KeyScope::models, is_same},
                                        {"providers", &KeyScope::providers, is_same},
                                        {"endpoints", &KeyScope::endpoints, is_same},
                                        {"networks", &KeyScope::networks, is_of_network},
                                        {"regions", &KeyScope::regions, is_of_region}}};

// What a key says of who asks; a child says the same as its parent, or is told it.
struct Word {
  std::string_view name;
  std::string KeyScope::* word;
};
constexpr std::array<Word, 4> words = {{{"team", &KeyScope::team},
                                        {"service", &KeyScope::service},
                                        {"region", &KeyScope::region},
                                        {"sensitivity", &KeyScope::sensitivity}}};

struct Limit {
  config::LimitKind kind;
  int config::LimitSettings::* value;
};
constexpr std::array<Limit, 4> limits_of = {
    {{config::LimitKind::requests_per_second, &config::LimitSettings::requests_per_second},
     {config::LimitKind::requests_per_minute, &config::LimitSettings::requests_per_minute},
     {config::LimitKind::tokens_per_minute, &config::LimitSettings::tokens_per_minute},
     {config::LimitKind::concurrent_requests, &config::LimitSettings::concurrent_requests}}};

bool is_within(const std::string& inner, const Names& outer, Within within) {
  return std::ranges::any_of(outer, [&](const std::string& one) { return within(inner, one); });
}

// What is named by both.
Names common(const Names& child, const Names& parent, Within within) {
  if (child.empty()) return parent;
  if (parent.empty()) return child;
  Names out;
  for (const std::string& one : child)
    if (is_within(one, parent, within)) out.push_back(one);
  for (const std::string& one : parent)
    if (is_within(one, child, within) && std::ranges::find(out, one) == out.end())
      out.push_back(one);
  return out;
}

bool is_endpoint(std::string_view name) {
  for (std::size_t i = 0; i < records::endpoint_count; ++i)
    if (to_string(static_cast<records::Endpoint>(i)) == name) return true;
  return false;
}

std::string endpoint_names() {
  std::string out;
  for (std::size_t i = 0; i < records::endpoint_count; ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", to_string(static_cast<records::Endpoint>(i)));
  return out;
}

}  // namespace

std::optional<std::string> problem_of(const KeyScope& scope) {
  for (const List& list : lists) {
    const Names& names = scope.*list.names;
    if (names.size() > limits::key_scope_entries)
      return fmt::format("{}: more than {} entries", list.name, limits::key_scope_entries);
    for (const std::string& name : names)
      if (name.empty() || name.size() > limits::key_word_bytes)
        return fmt::format("{}: an entry is empty or longer than {} bytes", list.name,
                           limits::key_word_bytes);
  }
  for (const std::string& name : scope.endpoints)
    if (!is_endpoint(name))
      return fmt::format("endpoints: there is no {}; there are {}", name, endpoint_names());
  for (const std::string& name : scope.networks)
    if (!Network::parse(name))
      return fmt::format(
          "networks: {} is none; write as in 10.0.0.0/8 or 2001:db8::/32, zeros after the length",
          name);
  for (const Word& word : words)
    if ((scope.*word.word).size() > limits::key_word_bytes)
      return fmt::format("{}: longer than {} bytes", word.name, limits::key_word_bytes);
  if (!scope.sensitivity.empty() &&
      std::ranges::find(sensitivities, scope.sensitivity) == sensitivities.end())
    return fmt::format("sensitivity: must be {}", fmt::join(sensitivities, ", "));
  for (const Limit& limit : limits_of)
    if (scope.limits.*limit.value < 0)
      return fmt::format("limits.{}: must not be negative", config::to_string(limit.kind));
  if (scope.not_before_us < 0 || scope.expires_us < 0)
    return "not_before_us and expires_us are microseconds since 1970, UTC";
  if (scope.expires_us > 0 && scope.expires_us <= scope.not_before_us)
    return "expires_us: before not_before_us: the key could never be used";
  return std::nullopt;
}

std::optional<std::string> exceeds(const KeyScope& child, const KeyScope& parent) {
  for (const List& list : lists)
    for (const std::string& name : child.*list.names)
      if (const Names& outer = parent.*list.names;
          !outer.empty() && !is_within(name, outer, list.within))
        return fmt::format("{}: its parent may not use {}; it may use {}", list.name, name,
                           fmt::join(outer, ", "));
  for (const Word& word : words)
    if (const std::string& said = child.*word.word;
        !said.empty() && !(parent.*word.word).empty() && said != parent.*word.word)
      return fmt::format("{}: its parent's is {}: say the same or nothing", word.name,
                         parent.*word.word);
  if (child.service_class < parent.service_class)
    return fmt::format("class: its parent is {}: it cannot be above that",
                       to_string(parent.service_class));
  for (const Limit& limit : limits_of)
    if (const int most = parent.limits.*limit.value; most > 0 && child.limits.*limit.value > most)
      return fmt::format("limits.{}: its parent has {}", config::to_string(limit.kind), most);
  if (child.not_before_us > 0 && child.not_before_us < parent.not_before_us)
    return fmt::format("not_before_us: its parent begins at {}", parent.not_before_us);
  if (parent.expires_us > 0 && child.expires_us > parent.expires_us)
    return fmt::format("expires_us: its parent ends at {}", parent.expires_us);
  return std::nullopt;
}

Narrowed narrowed(const KeyScope& child, const KeyScope& parent) {
  Narrowed out{child, {}};
  for (const List& list : lists) {
    const Names &own = child.*list.names, &outer = parent.*list.names;
    out.scope.*list.names = common(own, outer, list.within);
    const bool restricted = !own.empty() || !outer.empty();
    if (restricted && (out.scope.*list.names).empty()) out.nothing_left = list.name;
  }
  for (const Word& word : words)
    if (!(parent.*word.word).empty()) out.scope.*word.word = parent.*word.word;
  out.scope.service_class = std::max(child.service_class, parent.service_class);
  out.scope.not_before_us = std::max(child.not_before_us, parent.not_before_us);
  if (parent.expires_us > 0)
    out.scope.expires_us =
        child.expires_us > 0 ? std::min(child.expires_us, parent.expires_us) : parent.expires_us;
  return out;
}

}  // namespace holdfast::identity
