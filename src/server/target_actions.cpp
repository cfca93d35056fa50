// POST /api/v1/targets: what an operator says of a target.
#include "server/target_actions.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.h"
#include "server/operator_state.h"
#include "server/status.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;
constexpr std::int64_t longest_s = 2'592'000;  // thirty days

struct Wish {
  std::string action, target;
  std::int64_t for_s = 0;  // 0: until restored
};

std::expected<Wish, std::string> read_wish(std::string_view body) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return std::unexpected("the body must be a JSON object");
  Wish wish;
  for (const auto& [key, field] : value.as_object()) {
    if (key == "action" && field.is_string())
      wish.action = field.as_string();
    else if (key == "target" && field.is_string())
      wish.target = field.as_string();
    else if (key == "for_s" && field.is_int64() && field.as_int64() >= 1 &&
             field.as_int64() <= longest_s)
      wish.for_s = field.as_int64();
    else
      return std::unexpected(fmt::format(
          "{} is not what is asked for: action (drain, restore, freeze), target (PROVIDER or "
          "PROVIDER/MODEL), for_s (seconds from 1 to {}, drain only)",
          std::string_view(key).substr(0, 64), longest_s));
  }
  if (wish.action != "drain" && wish.action != "restore" && wish.action != "freeze")
    return std::unexpected("action must be drain, restore or freeze");
  if (wish.for_s != 0 && wish.action != "drain")
    return std::unexpected("for_s belongs to drain alone");
  return wish;
}

bool is_known(const AdminState& state, const std::string& target) {
  for (const auto& [name, model] : state.snapshot->models)
    for (const routing::Target& one : model.targets)
      if (speaks_of(target, one.provider->name, one.model)) return true;
  return false;
}

Result<void> carry_out(AdminState& state, const Wish& wish) {
  const std::int64_t now_us = state.clock.wall_us();
  if (wish.action == "restore") return state.operators.restore(wish.target);
  if (wish.action == "freeze") return state.operators.freeze(wish.target, now_us);
  return state.operators.drain(wish.target, now_us,
                               wish.for_s == 0 ? 0 : now_us + wish.for_s * 1'000'000);
}

}  // namespace

AdminAnswer act_on_target(AdminState& state, std::string_view body) {
  const auto wish = read_wish(body);
  if (!wish) return admin_problem(400, "invalid_request", wish.error());
  const auto& entries = state.operators.entries();
  const bool said = entries.contains(wish->target);
  if (!is_known(state, wish->target) && !(said && wish->action == "restore"))
    return admin_problem(404, "unknown_target",
                         fmt::format("no model has the target {}; name a provider, or "
                                     "PROVIDER/MODEL as /api/v1/providers shows them",
                                     wish->target.substr(0, 256)));
  if (!said && entries.size() >= limits::operator_entries)
    return admin_problem(409, "too_many", "too many targets are taken out or frozen; restore some");
  if (auto done = carry_out(state, *wish); !done)
    return admin_problem(503, "state_unavailable", done.error().detail);
  state.operators.apply(*state.snapshot, state.health, state.clock);
  log::info("target {}: {} by an operator{}", wish->target, wish->action,
            wish->for_s == 0 ? std::string() : fmt::format(", for {} s", wish->for_s));
  return {200, "application/json", json::serialize(targets_json(state))};
}

}  // namespace holdfast::server
