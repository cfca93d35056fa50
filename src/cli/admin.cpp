#include "cli/admin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "base/clock.h"
#include "config/values.h"

namespace holdfast::cli {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
constexpr int usage = 1;
constexpr std::string_view people = "/api/v1/people", tokens = "/api/v1/tokens";

std::string text_of(const json::value& value, std::string_view key) {
  const json::value* found = value.as_object().if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

// How far away a time is, in words; empty: there is none.
std::string until_text(const json::value& value, std::string_view key) {
  const json::value* found = value.as_object().if_contains(key);
  if (found == nullptr || !found->is_int64()) return {};
  const std::int64_t seconds = (found->as_int64() - system_clock().wall_us()) / 1'000'000;
  if (seconds <= 0) return "over";
  if (seconds >= 172'800) return fmt::format("for {} days", seconds / 86'400);
  if (seconds >= 7'200) return fmt::format("for {} hours", seconds / 3'600);
  return fmt::format("for {} min", seconds / 60 + 1);
}

std::string roles_text(const json::value& value) {
  std::vector<std::string> names;
  for (const json::value& one : value.at("roles").as_array()) names.emplace_back(one.as_string());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string line_of(const json::value& one) {
  const bool person = one.as_object().contains("sessions");
  std::string line = fmt::format("{}  {}", text_of(one, "name"), roles_text(one));
  if (!person) return fmt::format("{}  {}\n", line, until_text(one, "until_us"));
  if (const auto sessions = one.at("sessions").to_number<std::int64_t>(); sessions > 0)
    line += fmt::format("  {} session{}", sessions, sessions == 1 ? "" : "s");
  if (const std::string until = until_text(one, "one_time_until_us"); !until.empty())
    line += fmt::format("  one-time password {}", until);
  return line + "\n";
}

Outcome list(const Administration& admin, std::string_view path, bool as_json) {
  const auto answer = get_from_administration(admin, path);
  if (!answer) return answer.error();
  if (as_json) return {0, json::serialize(*answer) + "\n", {}};
  std::string out;
  for (const json::value& one : answer->at("data").as_array()) out += line_of(one);
  return {0, out.empty() ? "none\n" : out, {}};
}

// What is told of an act that was done.
std::string told(const std::string& verb, const json::value& answer) {
  const std::string name = text_of(answer, "name");
  if (const std::string password = text_of(answer, "one_time_password"); !password.empty())
    return fmt::format("{}\n{} signs in with it once, {}, and is asked for a new one\n", password,
                       name, until_text(answer, "until_us"));
  if (const std::string token = text_of(answer, "token"); !token.empty())
    return fmt::format("{}\n{} holds {}; it is not shown again\n", token, name,
                       until_text(answer, "until_us"));
  return fmt::format("{}: {} is done\n", name, verb);
}

// "set-roles" as the administration calls it.
std::string action_of(std::string_view verb) {
  if (verb == "set-roles") return "set_roles";
  if (verb == "sign-out") return "end_sessions";
  if (verb == "reset-password") return "reset_password";
  return std::string(verb);
}

}  // namespace

Outcome administer(const Administration& admin, const std::string& verb,
                   const AdminArguments& arguments, bool as_json) {
  const bool of_tokens = verb.starts_with("token ");
  const std::string_view path = of_tokens ? tokens : people;
  const std::string last = verb.substr(verb.rfind(' ') + 1);
  if (last == "list") return list(admin, path, as_json);
  json::object wish{{"action", action_of(last)}, {"name", arguments.name}};
  if (!arguments.roles.empty())
    wish["roles"] = json::array(arguments.roles.begin(), arguments.roles.end());
  if (!arguments.reason.empty()) wish["reason"] = arguments.reason;
  if (!arguments.duration.empty()) {
    const auto time = config::parse_duration(arguments.duration);
    if (!time || *time < 1s)
      return {
          usage, {}, fmt::format("--for: {} is no time, as in 12h or 90d\n", arguments.duration)};
    wish["for_s"] = std::chrono::duration_cast<std::chrono::seconds>(*time).count();
  }
  const auto answer = post_to_administration(admin, path, wish);
  if (!answer) return answer.error();
  return {0, told(last, *answer), {}};
}

}  // namespace holdfast::cli
