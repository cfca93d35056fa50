// POST /api/v1/targets: what an operator says of a target.
#include "server/target_actions.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.h"
#include "server/auditing.h"
#include "server/operator_state.h"
#include "server/status.h"

namespace holdfast::limits {
inline constexpr std::size_t operator_reason_bytes = 512;
}

namespace holdfast::server {
namespace {

namespace json = boost::json;
constexpr std::int64_t longest_s = 2'592'000;  // thirty days

struct Wish {
  std::string action, target, reason;
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
    else if (key == "reason" && field.is_string() &&
             field.as_string().size() <= limits::operator_reason_bytes)
      wish.reason = field.as_string();
    else if (key == "for_s" && field.is_int64() && field.as_int64() >= 1 &&
             field.as_int64() <= longest_s)
      wish.for_s = field.as_int64();
    else
      return std::unexpected(fmt::format(
          "{} is not what is asked for: action (drain, restore, freeze), target (PROVIDER or "
          "PROVIDER/MODEL), for_s (seconds from 1 to {}, drain only), reason (at most {} bytes)",
          std::string_view(key).substr(0, 64), longest_s, limits::operator_reason_bytes));
  }
  if (wish.action != "drain" && wish.action != "restore" && wish.action != "freeze")
    return std::unexpected("action must be drain, restore or freeze");
  if (wish.for_s != 0 && wish.action != "drain")
    return std::unexpected("for_s belongs to drain alone");
  return wish;
}

bool is_known(const AdminState& state, const std::string& target) {
  const auto is_meant = [&target](const routing::Target& one) {
    return speaks_of(target, one.provider->name, one.model);
  };
  for (const auto& [name, model] : state.snapshot->models)
    if (std::ranges::any_of(model.targets, is_meant) ||
        std::ranges::any_of(model.shadows, is_meant, &routing::Shadow::target))
      return true;
  return false;
}

json::object entry_json(const OperatorEntry& entry) {
  return {{"out", entry.out}, {"until_us", entry.until_us}, {"frozen", entry.frozen}};
}

// What the audit log says of it.
audit::Event event_of(const AdminState& state, const Wish& wish, const AdminAct& act) {
  audit::Event event = operator_event("target." + wish.action, wish.target, act, wish.reason);
  const auto said = state.operators.entries().find(wish.target);
  OperatorEntry after;
  if (said != state.operators.entries().end()) {
    event.before = entry_json(said->second);
    after = said->second;
  }
  if (wish.action == "drain") {
    after.out = true;
    after.until_us = wish.for_s == 0 ? 0 : state.clock.wall_us() + wish.for_s * 1'000'000;
  } else if (wish.action == "freeze") {
    after.frozen = true;
  } else {
    after = {};
  }
  event.after = entry_json(after);
  return event;
}

Result<void> carry_out(AdminState& state, const Wish& wish) {
  const std::int64_t now_us = state.clock.wall_us();
  if (wish.action == "restore") return state.operators.restore(wish.target);
  if (wish.action == "freeze") return state.operators.freeze(wish.target, now_us);
  return state.operators.drain(wish.target, now_us,
                               wish.for_s == 0 ? 0 : now_us + wish.for_s * 1'000'000);
}

}  // namespace

AdminAnswer act_on_target(AdminState& state, const AdminAct& act) {
  const auto wish = read_wish(act.body);
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
  const auto intent = state.auditing.begin(event_of(state, *wish, act));
  if (!intent)
    return admin_problem(503, "audit_unavailable",
                         fmt::format("nothing was done: the audit log cannot be written: {}",
                                     intent.error().detail));
  const auto done = carry_out(state, *wish);
  state.auditing.conclude(*intent, done.has_value());
  if (!done) return admin_problem(503, "state_unavailable", done.error().detail);
  state.operators.apply(*state.snapshot, state.health, state.clock);
  log::info("target {}: {} by {}{}", wish->target, wish->action, to_string(act.who),
            wish->for_s == 0 ? std::string() : fmt::format(", for {} s", wish->for_s));
  return {200, "application/json", json::serialize(targets_json(state))};
}

}  // namespace holdfast::server
