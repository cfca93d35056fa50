#include "cli/key.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <ctime>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/values.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
using Wish = std::expected<json::object, Outcome>;
constexpr int usage = 1;
constexpr std::string_view path = "/api/v1/keys";

std::unexpected<Outcome> wrong(std::string_view option, std::string_view what) {
  return std::unexpected(Outcome{usage, {}, fmt::format("--{}: {}\n", option, what)});
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    if (!one.empty()) out.emplace_back(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return out;
}

std::expected<json::object, Outcome> limits_of(const std::string& text) {
  json::object out;
  for (const std::string& one : split(text)) {
    const auto equals = one.find('=');
    const auto number = config::parse_integer(equals == std::string::npos
                                                  ? std::string_view()
                                                  : std::string_view(one).substr(equals + 1));
    if (!number) return wrong("limits", one + " is none, as in requests_per_minute=60");
    out[one.substr(0, equals)] = *number;
  }
  return out;
}

// "90d" from now; 0 for "never".
std::expected<std::int64_t, Outcome> time_in(std::string_view option, const std::string& text) {
  if (text == "never") return 0;
  const auto duration = config::parse_duration(text);
  if (!duration || duration->count() <= 0)
    return wrong(option, text + " is no time, as in 12h or 90d");
  return system_clock().wall_us() +
         std::chrono::duration_cast<std::chrono::microseconds>(*duration).count();
}

// Adds what the options say of a scope.
std::expected<void, Outcome> add_scope(const KeyArguments& from, json::object& wish) {
  const std::pair<const char*, const std::optional<std::string>*> lists[] = {
      {"models", &from.models},
      {"providers", &from.providers},
      {"endpoints", &from.endpoints},
      {"networks", &from.networks},
      {"regions", &from.regions}};
  for (const auto& [name, value] : lists)
    if (*value) wish[name] = json::value_from(split(**value));
  const std::pair<const char*, const std::optional<std::string>*> words[] = {
      {"team", &from.team},           {"service", &from.service},
      {"region", &from.region},       {"sensitivity", &from.sensitivity},
      {"class", &from.service_class}, {"note", &from.note}};
  for (const auto& [name, value] : words)
    if (*value) wish[name] = **value;
  if (from.limits) {
    auto limits = limits_of(*from.limits);
    if (!limits) return std::unexpected(limits.error());
    wish["limits"] = *std::move(limits);
  }
  if (from.starts_in) {
    const auto time = time_in("starts-in", *from.starts_in);
    if (!time) return std::unexpected(time.error());
    wish["not_before_us"] = *time;
  }
  if (from.expires_in) {
    const auto time = time_in("expires-in", *from.expires_in);
    if (!time) return std::unexpected(time.error());
    wish["expires_us"] = *time;
  }
  return {};
}

Wish wish_of(const std::string& verb, const KeyArguments& from) {
  json::object wish{{"action", verb == "create" ? "make" : verb}};
  wish[verb == "create" ? "name" : "key"] = from.key;
  if (!from.reason.empty()) wish["reason"] = from.reason;
  if (!from.parent.empty()) wish["parent"] = from.parent;
  if (!from.owner.empty()) {
    const auto colon = from.owner.find(':');
    if (colon == std::string::npos) return wrong("owner", "as in team:checkout or user:ann");
    wish["owner_kind"] = from.owner.substr(0, colon);
    wish["owner"] = from.owner.substr(colon + 1);
  }
  if (verb == "rotate") {
    const auto overlap = config::parse_duration(from.overlap);
    if (!overlap) return wrong("overlap", from.overlap + " is no time, as in 24h or 0s");
    wish["overlap_s"] = std::chrono::duration_cast<std::chrono::seconds>(*overlap).count();
  }
  if (auto added = add_scope(from, wish); !added) return std::unexpected(added.error());
  return wish;
}

std::string text_of(const json::object& key, std::string_view name) {
  const json::value* value = key.if_contains(name);
  return value != nullptr && value->is_string() ? json::value_to<std::string>(*value) : "";
}

std::int64_t number_of(const json::object& key, std::string_view name) {
  const json::value* value = key.if_contains(name);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::string day_of(std::int64_t time_us) {
  if (time_us == 0) return "never";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                     fmt::gmtime(static_cast<std::time_t>(time_us / 1'000'000)));
}

std::string line_of(const json::object& key) {
  return fmt::format("{}  {:8}  {:24}  {}:{}  last used {}\n", text_of(key, "id"),
                     text_of(key, "state"), text_of(key, "name"), text_of(key, "owner_kind"),
                     text_of(key, "owner"), day_of(number_of(key, "last_used_us")));
}

std::string page_of(const json::object& key) {
  std::string out = line_of(key);
  if (const std::string note = text_of(key, "note"); !note.empty()) out += "note: " + note + "\n";
  if (const std::string parent = text_of(key, "parent"); !parent.empty())
    out += "parent: " + parent + "\n";
  if (const json::value* scope = key.if_contains("scope"); scope != nullptr && scope->is_object())
    for (const auto& [name, value] : scope->as_object())
      if (value != json::array() && value != json::value("") && value != json::object() &&
          value != json::value(0))
        out += fmt::format("{}: {}\n", std::string_view(name), json::serialize(value));
  return out;
}

// The administration's `key`, or the whole of what is no object.
json::object key_of(const json::value& answer) {
  const json::value* key = answer.is_object() ? answer.as_object().if_contains("key") : nullptr;
  return key != nullptr && key->is_object() ? key->as_object() : json::object();
}

Outcome show(const Administration& admin, const std::string& query, bool whole, bool as_json) {
  const auto answer = get_from_administration(admin, std::string(path) + query);
  if (!answer) return answer.error();
  if (as_json) return {0, json::serialize(*answer) + "\n", {}};
  std::string out;
  const json::value* data = answer->is_object() ? answer->as_object().if_contains("data") : nullptr;
  if (data != nullptr && data->is_array())
    for (const json::value& one : data->as_array())
      if (one.is_object()) out += whole ? page_of(one.as_object()) : line_of(one.as_object());
  return {0, out.empty() ? "no virtual key was made\n" : out, {}};
}

}  // namespace

Outcome run_key(const Administration& admin, const std::string& verb, const KeyArguments& arguments,
                bool as_json) {
  if (verb == "list") return show(admin, "?limit=1000", false, as_json);
  if (verb == "show") return show(admin, "?key=" + arguments.key, true, as_json);
  const Wish wish = wish_of(verb, arguments);
  if (!wish) return wish.error();
  const auto answer = post_to_administration(admin, path, *wish);
  if (!answer) return answer.error();
  if (as_json) return {0, json::serialize(*answer) + "\n", {}};
  const json::object key = key_of(*answer);
  const std::string secret = text_of(answer->as_object(), "secret");
  if (secret.empty()) return {0, page_of(key), {}};
  // The secret alone goes to standard output, so that a script can take it.
  return {0, secret + "\n", page_of(key) + "The key is shown this once.\n"};
}

}  // namespace holdfast::cli
