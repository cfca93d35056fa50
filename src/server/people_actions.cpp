#include "server/people_actions.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.h"
#include "server/access.h"
#include "server/act_fields.h"
#include "server/auditing.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;
using identity::Person;
constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t usual_token_s = 90 * day_s, longest_token_s = 366 * day_s;
constexpr std::string_view roles_there_are = "viewer, operator, approver, auditor, administrator";

AdminAnswer answer_json(const json::value& body) {
  return {.status = 200, .content_type = "application/json", .body = json::serialize(body)};
}

AdminAnswer wrong(std::string_view what) { return admin_problem(400, "invalid_request", what); }

struct Wish {
  std::string action, name, reason;
  std::optional<identity::Roles> roles;
};

audit::Event event_of(const AdminAct& act, const Wish& wish, std::string_view what,
                      std::string_view kind) {
  return operator_event(fmt::format("{}.{}", what, wish.action),
                        fmt::format("{}:{}", kind, wish.name), act, wish.reason);
}

AdminAnswer done_with(const AdminAct& act, const Wish& wish, json::object more = {}) {
  log::info("administration: {} of {} by {}", wish.action, wish.name, to_string(act.who));
  more["name"] = wish.name;
  return answer_json(more);
}

AdminAnswer add_person(AdminState& state, const AdminAct& act, const Wish& wish) {
  identity::People& people = state.access.people();
  if (!wish.roles) return wrong(fmt::format("roles must be a list of {}", roles_there_are));
  if (people.find(wish.name) != nullptr)
    return admin_problem(409, "exists", "there is somebody of that name");
  if (people.persons().size() >= limits::people)
    return admin_problem(409, "too_many", "there are too many people; remove some");
  Person person;
  person.roles = *wish.roles;
  person.made_us = state.clock.wall_us();
  const auto given = give_one_time_password(person, person.made_us);
  if (!given) return admin_problem(503, "state_unavailable", given.error().detail);
  audit::Event event = event_of(act, wish, "person", "person");
  event.after = {{"roles", to_string(person.roles)}};
  if (auto refused = audited(state, event, [&] { return people.put(wish.name, person); }))
    return *std::move(refused);
  return done_with(act, wish, {{"one_time_password", given->text}, {"until_us", given->until_us}});
}

AdminAnswer set_roles(AdminState& state, const AdminAct& act, const Wish& wish, Person person) {
  identity::People& people = state.access.people();
  if (!wish.roles) return wrong(fmt::format("roles must be a list of {}", roles_there_are));
  if (act.who.kind == identity::PrincipalKind::person && act.who.name == wish.name)
    return admin_problem(403, "own_roles", "nobody changes their own roles: ask somebody else");
  if (!wish.roles->has(identity::Role::administrator) && people.is_last_administrator(wish.name))
    return admin_problem(409, "last_administrator", "nobody else is administrator");
  audit::Event event = event_of(act, wish, "person", "person");
  event.before = {{"roles", to_string(person.roles)}};
  event.after = {{"roles", to_string(*wish.roles)}};
  person.roles = *wish.roles;
  if (auto refused = audited(state, event, [&] { return people.put(wish.name, person); }))
    return *std::move(refused);
  return done_with(act, wish);
}

AdminAnswer remove_person(AdminState& state, const AdminAct& act, const Wish& wish,
                          const Person& person) {
  identity::People& people = state.access.people();
  if (people.is_last_administrator(wish.name))
    return admin_problem(409, "last_administrator", "nobody else is administrator");
  audit::Event event = event_of(act, wish, "person", "person");
  event.before = {{"roles", to_string(person.roles)}};
  if (auto refused = audited(state, event, [&]() -> Result<void> {
        auto removed = people.remove(wish.name);
        if (removed) state.access.sessions().end_all(wish.name);
        return removed;
      }))
    return *std::move(refused);
  return done_with(act, wish);
}

AdminAnswer reset_password(AdminState& state, const AdminAct& act, const Wish& wish,
                           Person person) {
  const auto given = give_one_time_password(person, state.clock.wall_us());
  if (!given) return admin_problem(503, "state_unavailable", given.error().detail);
  if (auto refused = audited(state, event_of(act, wish, "person", "person"), [&]() -> Result<void> {
        auto put = state.access.people().put(wish.name, person);
        if (put) state.access.sessions().end_all(wish.name);
        return put;
      }))
    return *std::move(refused);
  state.access.limit().right(wish.name);
  return done_with(act, wish, {{"one_time_password", given->text}, {"until_us", given->until_us}});
}

AdminAnswer end_sessions(AdminState& state, const AdminAct& act, const Wish& wish) {
  std::size_t ended = 0;
  if (auto refused = audited(state, event_of(act, wish, "person", "person"), [&]() -> Result<void> {
        ended = state.access.sessions().end_all(wish.name);
        return {};
      }))
    return *std::move(refused);
  return done_with(act, wish, {{"ended", ended}});
}

// Whether `who` may give `roles` away: nobody gives what they do not have.
bool may_give(const identity::Principal& who, const identity::Roles& roles) {
  if (who.roles.has(identity::Role::administrator)) return true;
  return std::ranges::all_of(identity::all_roles, [&](identity::Role role) {
    return !roles.has(role) || who.roles.has(role);
  });
}

AdminAnswer create_token(AdminState& state, const AdminAct& act, const Wish& wish,
                         std::int64_t for_s) {
  identity::People& people = state.access.people();
  if (!wish.roles) return wrong(fmt::format("roles must be a list of {}", roles_there_are));
  if (!may_give(act.who, *wish.roles))
    return admin_problem(403, "more_than_own", "nobody gives roles that they do not have");
  if (people.tokens().contains(wish.name))
    return admin_problem(409, "exists", "there is a token of that name: revoke it first");
  if (people.tokens().size() >= limits::access_tokens)
    return admin_problem(409, "too_many", "there are too many tokens; revoke some");
  const std::int64_t now_us = state.clock.wall_us();
  const auto own = people.tokens().find(act.who.name);
  if (act.who.kind == identity::PrincipalKind::token &&
      (own == people.tokens().end() || now_us + for_s * 1'000'000 > own->second.until_us))
    return admin_problem(403, "more_than_own", "a token makes none that holds longer than itself");
  const std::string text = identity::make_access_token();
  const identity::AccessToken token{*wish.roles, vault::sealed::sha256(text), now_us,
                                    now_us + for_s * 1'000'000};
  audit::Event event = event_of(act, wish, "access_token", "token");
  event.after = {{"roles", to_string(token.roles)}, {"until_us", token.until_us}};
  if (auto refused = audited(state, event, [&] { return people.put_token(wish.name, token); }))
    return *std::move(refused);
  return done_with(act, wish, {{"token", text}, {"until_us", token.until_us}});
}

AdminAnswer revoke_token(AdminState& state, const AdminAct& act, const Wish& wish) {
  identity::People& people = state.access.people();
  const auto found = people.tokens().find(wish.name);
  if (found == people.tokens().end())
    return admin_problem(404, "unknown_token", "there is no token of that name");
  audit::Event event = event_of(act, wish, "access_token", "token");
  event.before = {{"roles", to_string(found->second.roles)}};
  if (auto refused = audited(state, event, [&] { return people.remove_token(wish.name); }))
    return *std::move(refused);
  return done_with(act, wish);
}

// What every wish has; nothing where it is wrong.
std::expected<Wish, std::string> read_wish(const ActFields& fields) {
  Wish wish{fields.text("action"), fields.text("name"), fields.text("reason"),
            fields.roles("roles")};
  if (!identity::is_principal_name(wish.name))
    return std::unexpected(
        fmt::format("name must be letters, digits and . _ - @, at most {} of them",
                    limits::principal_name_bytes));
  return wish;
}

}  // namespace

AdminAnswer answer_people(AdminState& state, const QueryFields&) {
  json::array data;
  for (const auto& [name, person] : state.access.people().persons())
    data.push_back(json::object{
        {"name", name},
        {"roles", roles_json(person.roles)},
        {"made_us", person.made_us},
        {"one_time_until_us",
         person.one_time_until_us == 0 ? json::value() : json::value(person.one_time_until_us)},
        {"sessions", state.access.sessions().count(name)}});
  return answer_json(json::object{{"data", std::move(data)}});
}

AdminAnswer act_on_people(AdminState& state, const AdminAct& act) {
  const auto fields = ActFields::read(act.body, {"action", "name", "roles", "reason"});
  if (!fields) return wrong(fields.error());
  const auto wish = read_wish(*fields);
  if (!wish) return wrong(wish.error());
  if (wish->action == "add") return add_person(state, act, *wish);
  const Person* person = state.access.people().find(wish->name);
  const bool known = wish->action == "set_roles" || wish->action == "remove" ||
                     wish->action == "reset_password" || wish->action == "end_sessions";
  if (!known) return wrong("action must be add, set_roles, remove, reset_password or end_sessions");
  if (person == nullptr)
    return admin_problem(404, "unknown_person", "there is nobody of that name");
  if (wish->action == "set_roles") return set_roles(state, act, *wish, *person);
  if (wish->action == "remove") return remove_person(state, act, *wish, *person);
  if (wish->action == "reset_password") return reset_password(state, act, *wish, *person);
  return end_sessions(state, act, *wish);
}

AdminAnswer answer_tokens(AdminState& state, const QueryFields&) {
  json::array data;
  for (const auto& [name, token] : state.access.people().tokens())
    data.push_back(json::object{{"name", name},
                                {"roles", roles_json(token.roles)},
                                {"made_us", token.made_us},
                                {"until_us", token.until_us}});
  return answer_json(json::object{{"data", std::move(data)}});
}

AdminAnswer act_on_tokens(AdminState& state, const AdminAct& act) {
  const auto fields = ActFields::read(act.body, {"action", "name", "roles", "reason", "for_s"});
  if (!fields) return wrong(fields.error());
  const auto wish = read_wish(*fields);
  if (!wish) return wrong(wish.error());
  const std::int64_t for_s = fields->integer("for_s").value_or(usual_token_s);
  if (for_s < 1 || for_s > longest_token_s)
    return wrong(fmt::format("for_s must be from 1 to {}", longest_token_s));
  if (wish->action == "create") return create_token(state, act, *wish, for_s);
  if (wish->action == "revoke") return revoke_token(state, act, *wish);
  return wrong("action must be create or revoke");
}

}  // namespace holdfast::server
