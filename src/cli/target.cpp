#include "cli/target.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "config/values.h"

namespace holdfast::cli {
namespace {
using namespace std::chrono_literals;
namespace json = boost::json;
constexpr int usage = 1;
}  // namespace

Outcome act_on_target(const Administration& admin, const std::string& action,
                      const std::string& target, const std::string& duration,
                      const std::string& reason) {
  json::object wish{{"action", action}, {"target", target}};
  if (!reason.empty()) wish["reason"] = reason;
  if (!duration.empty()) {
    const auto time = config::parse_duration(duration);
    if (!time || *time < 1s)
      return {usage, {}, fmt::format("--for: {} is no time, as in 90s or 2h\n", duration)};
    wish["for_s"] = std::chrono::duration_cast<std::chrono::seconds>(*time).count();
  }
  const auto answer = post_to_administration(admin, "/api/v1/targets", wish);
  if (!answer) return answer.error();
  const std::string done = action == "drain"    ? "takes no new request; streams finish"
                           : action == "freeze" ? "keeps its present health, whatever happens"
                                                : "serves as its health says";
  return {0, fmt::format("{} {}\n", target, done), {}};
}

}  // namespace holdfast::cli
