#include "server/sign_in.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "base/log.h"
#include "console/login_page.h"
#include "server/access.h"
#include "server/act_fields.h"
#include "server/auditing.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;

AdminAnswer answer_json(const json::value& body) {
  return {.status = 200, .content_type = "application/json", .body = json::serialize(body)};
}

json::object session_json(const identity::Principal& who, std::string_view csrf) {
  return {{"name", who.name},
          {"kind", to_string(who.kind)},
          {"roles", roles_json(who.roles)},
          {"csrf_token", csrf.empty() ? json::value() : json::value(csrf)}};
}

// An act of a person who is only now known.
audit::Event event_of(const AdminAct& act, const identity::Principal& who, std::string action) {
  const AdminAct theirs{act.body, act.request_id, who, act.session, act.secure};
  return operator_event(std::move(action), to_string(who), theirs, {});
}

// Whether `password` is right, within the limits of how often one may be wrong. Nothing: it is.
std::optional<AdminAnswer> check_password(AdminState& state, const std::string& name,
                                          const std::string& password) {
  Access& access = state.access;
  const auto now = state.clock.now();
  if (const auto wait = access.limit().wait(name, now); wait.count() > 0) {
    state.auditing.sign_in_refused("too many tries");
    AdminAnswer answer = admin_problem(429, "too_many_tries",
                                       fmt::format("wait for {} s, then try again", wait.count()));
    answer.headers.emplace_back("retry-after", std::to_string(wait.count()));
    return answer;
  }
  const identity::Person* person = access.people().find(name);
  const auto right =
      identity::is_password(password, person == nullptr ? nullptr : &person->password);
  if (!right) return admin_problem(503, "state_unavailable", right.error().detail);
  if (*right) return std::nullopt;
  access.limit().wrong(name, now);
  // What is no name may be a password, typed into the wrong field.
  state.auditing.sign_in_refused(person == nullptr ? "unknown name" : "person:" + name);
  return admin_problem(401, "wrong_password", "name or password is wrong");
}

// Takes over what the person has chosen. Nothing: it is done.
std::optional<AdminAnswer> change_password(AdminState& state, const AdminAct& act,
                                           const identity::Principal& who,
                                           const std::string& password) {
  identity::People& people = state.access.people();
  identity::Person person = *people.find(who.name);
  auto kept = identity::keep_password(password);
  if (!kept)
    return kept.error().code == ErrorCode::invalid_request
               ? admin_problem(400, "bad_password", kept.error().detail)
               : admin_problem(503, "state_unavailable", kept.error().detail);
  person.password = *std::move(kept);
  person.one_time_until_us = 0;
  return audited(state, event_of(act, who, "person.change_password"), [&]() -> Result<void> {
    auto put = people.put(who.name, person);
    if (put) state.access.sessions().end_all(who.name);
    return put;
  });
}

}  // namespace

AdminAnswer answer_login_page(AdminState&, const QueryFields&) {
  return {.status = 200,
          .content_type = "text/html; charset=utf-8",
          .body = std::string(console::login_page()),
          .policy = console::login_page_policy()};
}

AdminAnswer act_sign_in(AdminState& state, const AdminAct& act) {
  const auto fields = ActFields::read(act.body, {"name", "password", "new_password"});
  if (!fields) return admin_problem(400, "invalid_request", fields.error());
  const std::string name = fields->text("name"), password = fields->text("password");
  const std::string chosen = fields->text("new_password");
  if (name.empty() || name.size() > limits::principal_name_bytes || password.empty() ||
      password.size() > limits::password_bytes)
    return admin_problem(400, "invalid_request", "send name and password");
  if (auto refused = check_password(state, name, password)) return *std::move(refused);
  Access& access = state.access;
  const identity::Person& person = *access.people().find(name);
  const identity::Principal who{identity::PrincipalKind::person, name, person.roles};
  if (person.one_time_until_us != 0) {
    if (state.clock.wall_us() >= person.one_time_until_us)
      return admin_problem(403, "one_time_password_over",
                           "the one-time password held for a day: ask for another, or run "
                           "holdfast admin reset-password on the machine");
    if (chosen.empty())
      return admin_problem(403, "password_must_change",
                           "a one-time password is changed at once: send new_password");
  }
  if (!chosen.empty()) {
    if (chosen == password)
      return admin_problem(400, "bad_password", "the new password is the old one");
    if (auto refused = change_password(state, act, who, chosen)) return *std::move(refused);
  }
  identity::Sessions::Opened opened;
  if (auto refused = audited(state, event_of(act, who, "session.open"), [&]() -> Result<void> {
        if (!act.session.empty()) access.sessions().end(act.session);
        opened = access.sessions().open(name, state.clock.now());
        return {};
      }))
    return *std::move(refused);
  access.limit().right(name);
  log::info("administration: {} has signed in", to_string(who));
  AdminAnswer answer = answer_json(session_json(who, opened.csrf));
  answer.headers.emplace_back("set-cookie", session_cookie(opened.id, act.secure));
  return answer;
}

AdminAnswer answer_session(AdminState&, const Caller& caller) {
  return answer_json(session_json(caller.who, caller.csrf));
}

AdminAnswer act_sign_out(AdminState& state, const AdminAct& act) {
  const auto fields = ActFields::read(act.body, {"everywhere"});
  if (!fields) return admin_problem(400, "invalid_request", fields.error());
  if (act.session.empty())
    return admin_problem(400, "invalid_request", "a token has no session; it can be revoked");
  std::size_t ended = 1;
  identity::Sessions& sessions = state.access.sessions();
  if (auto refused = audited(state, event_of(act, act.who, "session.end"), [&]() -> Result<void> {
        if (fields->flag("everywhere"))
          ended = sessions.end_all(act.who.name);
        else
          sessions.end(act.session);
        return {};
      }))
    return *std::move(refused);
  AdminAnswer answer = answer_json(json::object{{"ended", ended}});
  answer.headers.emplace_back("set-cookie", ended_session_cookie(act.secure));
  return answer;
}

}  // namespace holdfast::server
