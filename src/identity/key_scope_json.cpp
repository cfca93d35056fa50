#include "identity/key_scope_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <limits>

namespace holdfast::identity {
namespace {

namespace json = boost::json;
using Names = std::vector<std::string>;
using config::LimitKind;
using config::LimitSettings;

template <class Member>
struct Field {
  std::string_view name;
  Member KeyScope::* member;
};
constexpr std::array<Field<Names>, 5> lists = {{{"models", &KeyScope::models},
                                                {"providers", &KeyScope::providers},
                                                {"endpoints", &KeyScope::endpoints},
                                                {"networks", &KeyScope::networks},
                                                {"regions", &KeyScope::regions}}};
constexpr std::array<Field<std::string>, 4> words = {{{"team", &KeyScope::team},
                                                      {"service", &KeyScope::service},
                                                      {"region", &KeyScope::region},
                                                      {"sensitivity", &KeyScope::sensitivity}}};
constexpr std::array<Field<std::int64_t>, 2> times = {
    {{"not_before_us", &KeyScope::not_before_us}, {"expires_us", &KeyScope::expires_us}}};

struct Limit {
  LimitKind kind;
  int LimitSettings::* value;
};
constexpr std::array<Limit, 4> limits_of = {
    {{LimitKind::requests_per_second, &LimitSettings::requests_per_second},
     {LimitKind::requests_per_minute, &LimitSettings::requests_per_minute},
     {LimitKind::tokens_per_minute, &LimitSettings::tokens_per_minute},
     {LimitKind::concurrent_requests, &LimitSettings::concurrent_requests}}};

bool read_names(const json::value& value, Names& into) {
  if (!value.is_array()) return false;
  Names names;
  for (const json::value& one : value.as_array()) {
    if (!one.is_string() || names.size() > limits::key_scope_entries) return false;
    names.emplace_back(one.as_string());
  }
  into = std::move(names);
  return true;
}

bool read_limits(const json::value& value, LimitSettings& into) {
  if (!value.is_object()) return false;
  LimitSettings read;
  for (const auto& [name, number] : value.as_object()) {
    const auto* const limit = std::ranges::find_if(
        limits_of, [&](const Limit& one) { return config::to_string(one.kind) == name; });
    if (limit == limits_of.end() || !number.is_int64() || number.as_int64() < 0 ||
        number.as_int64() > std::numeric_limits<int>::max())
      return false;
    read.*limit->value = static_cast<int>(number.as_int64());
  }
  into = read;
  return true;
}

bool read_class(const json::value& value, ServiceClass& into) {
  if (!value.is_string()) return false;
  for (const ServiceClass one : service_classes)
    if (to_string(one) == value.as_string()) {
      into = one;
      return true;
    }
  return false;
}

json::object limits_json(const LimitSettings& settings) {
  json::object out;
  for (const Limit& limit : limits_of)
    if (settings.*limit.value > 0) out[config::to_string(limit.kind)] = settings.*limit.value;
  return out;
}

FieldRead verdict(bool good) { return good ? FieldRead::read : FieldRead::wrong; }

}  // namespace

json::object to_json(const KeyScope& scope) {
  json::object out;
  for (const auto& list : lists) {
    json::array names;
    for (const std::string& name : scope.*list.member) names.emplace_back(name);
    out[list.name] = std::move(names);
  }
  for (const auto& word : words) out[word.name] = scope.*word.member;
  out["class"] = to_string(scope.service_class);
  out["limits"] = limits_json(scope.limits);
  for (const auto& time : times) out[time.name] = scope.*time.member;
  return out;
}

json::object to_flat_json(const KeyScope& scope) {
  json::object out;
  for (const auto& list : lists)
    if (!(scope.*list.member).empty())
      out[list.name] = fmt::format("{}", fmt::join(scope.*list.member, ", "));
  for (const auto& word : words)
    if (!(scope.*word.member).empty()) out[word.name] = scope.*word.member;
  out["class"] = to_string(scope.service_class);
  for (const Limit& limit : limits_of)
    if (scope.limits.*limit.value > 0)
      out[config::to_string(limit.kind)] = scope.limits.*limit.value;
  for (const auto& time : times)
    if (scope.*time.member != 0) out[time.name] = scope.*time.member;
  return out;
}

FieldRead read_field(std::string_view name, const json::value& value, KeyScope& scope) {
  for (const auto& list : lists)
    if (list.name == name) return verdict(read_names(value, scope.*list.member));
  for (const auto& word : words)
    if (word.name == name) {
      if (!value.is_string()) return FieldRead::wrong;
      scope.*word.member = value.as_string();
      return FieldRead::read;
    }
  for (const auto& time : times)
    if (time.name == name) {
      if (!value.is_int64()) return FieldRead::wrong;
      scope.*time.member = value.as_int64();
      return FieldRead::read;
    }
  if (name == "limits") return verdict(read_limits(value, scope.limits));
  if (name == "class") return verdict(read_class(value, scope.service_class));
  return FieldRead::unknown;
}

std::string scope_fields() {
  std::string out;
  for (const auto& list : lists) out.append(list.name).append(", ");
  for (const auto& word : words) out.append(word.name).append(", ");
  for (const auto& time : times) out.append(time.name).append(", ");
  return out + "class, limits";
}

}  // namespace holdfast::identity
