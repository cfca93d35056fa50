#include "server/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/secret.h"

namespace holdfast::server {
namespace {

using identity::Permission;

// Over TLS no other host, and nothing that is not TLS, can put one there.
std::string_view cookie_name(bool secure) {
  return secure ? "__Host-holdfast_session" : "holdfast_session";
}
constexpr std::int64_t one_time_us = std::int64_t{24} * 3'600 * 1'000'000;

// The token of "Bearer TOKEN"; nothing for another scheme.
std::optional<std::string_view> bearer_of(std::string_view authorization) {
  const auto end = authorization.find(' ');
  if (!net::same_name(authorization.substr(0, end), "bearer")) return std::nullopt;
  authorization.remove_prefix(std::min(end, authorization.size()));
  const auto start = authorization.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view{} : authorization.substr(start);
}

// The session's id in the cookies. Nothing also when there are two: one of them was put there by
// somebody else.
std::optional<std::string_view> session_in(const net::RequestHead& head, bool secure) {
  std::optional<std::string_view> found;
  for (const net::HeaderField& field : head.headers.fields) {
    if (!net::same_name(field.name, "cookie")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const auto end = rest.find(';');
      std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != cookie_name(secure))
        continue;
      if (found) return std::nullopt;
      found = pair.substr(equals + 1);
    }
  }
  return found;
}

}  // namespace

Result<Access> Access::open(const std::string& state_dir, const Clock& clock) {
  auto machine = identity::MachineToken::open(state_dir);
  if (!machine) return std::unexpected(std::move(machine).error());
  auto people = identity::People::open(state_dir);
  if (!people) return std::unexpected(std::move(people).error());
  return Access(state_dir, clock, *std::move(machine), *std::move(people));
}

Result<void> Access::reload() {
  auto machine = identity::MachineToken::open(state_dir_);
  if (!machine) return std::unexpected(std::move(machine).error());
  machine_ = *std::move(machine);
  return {};
}

Result<std::optional<std::string>> Access::make_first_person() {
  if (!people_.fresh()) return std::nullopt;
  identity::Person person;
  person.roles = {identity::Role::administrator};
  person.made_us = clock_->wall_us();
  auto given = give_one_time_password(person, person.made_us);
  if (!given) return std::unexpected(std::move(given).error());
  if (auto kept = people_.put("admin", person); !kept)
    return std::unexpected(std::move(kept).error());
  return std::move(given->text);
}

std::optional<Caller> Access::by_cookie(const net::RequestHead& head, bool secure) {
  const auto id = session_in(head, secure);
  if (!id) return std::nullopt;
  const auto* session = sessions_.use(*id, times_, clock_->now());
  if (session == nullptr) return std::nullopt;
  const identity::Person* person = people_.find(session->person);
  if (person == nullptr) return std::nullopt;
  return Caller{{identity::PrincipalKind::person, session->person, person->roles},
                std::string(*id),
                session->csrf};
}

std::expected<std::optional<Caller>, AccessProblem> Access::identify(const net::RequestHead& head,
                                                                     bool secure) {
  const auto authorization = head.headers.find("authorization");
  const auto token = authorization ? bearer_of(*authorization) : std::nullopt;
  if (!token) return by_cookie(head, secure);
  if (machine_.is(*token))
    return Caller{{identity::PrincipalKind::machine, {}, {identity::Role::administrator}}, {}, {}};
  if (auto found = people_.find_token(*token, clock_->wall_us()))
    return Caller{*std::move(found), {}, {}};
  return std::unexpected(AccessProblem{
      401, "invalid_token", "the token is not, or not any more, one of this administration"});
}

std::optional<AccessProblem> refuse(const std::optional<Caller>& caller, Permission needs,
                                    bool open_reading) {
  const bool open = needs == Permission::probe || needs == Permission::sign_in;
  const bool reads = needs == Permission::read || needs == Permission::read_audit;
  if (open || (reads && open_reading)) return std::nullopt;
  if (!caller)
    return AccessProblem{401, "not_authenticated",
                         "sign in at /login, or send Authorization: Bearer TOKEN; this machine's "
                         "own token is in admin.token of the state directory"};
  const identity::Principal& who = caller->who;
  if (identity::may(who, needs)) return std::nullopt;
  return AccessProblem{
      403, "not_permitted",
      fmt::format("{} ({}) may not do this", to_string(who), to_string(who.roles))};
}

std::optional<AccessProblem> refuse_forged(const Caller& caller, const net::RequestHead& head,
                                           bool secure) {
  if (caller.session.empty()) return std::nullopt;
  const auto origin = head.headers.find("origin");
  if (!origin || *origin != own_origin(head, secure))
    return AccessProblem{403, "origin_not_allowed", "a session acts from its own pages alone"};
  const auto csrf = head.headers.find("x-csrf-token");
  if (!csrf || !equal_in_constant_time(*csrf, caller.csrf))
    return AccessProblem{403, "csrf_token_missing",
                         "send x-csrf-token as /api/v1/session tells it"};
  return std::nullopt;
}

std::string session_cookie(std::string_view id, bool secure) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict{}", cookie_name(secure), id,
                     secure ? "; Secure" : "");
}

std::string ended_session_cookie(bool secure) { return session_cookie("", secure) + "; Max-Age=0"; }

std::string own_origin(const net::RequestHead& head, bool secure) {
  return std::string(secure ? "https://" : "http://").append(head.host);
}

Result<OneTimePassword> give_one_time_password(identity::Person& person, std::int64_t now_us) {
  OneTimePassword out{identity::one_time_password(), now_us + one_time_us};
  auto kept = identity::keep_one_time_password(out.text);
  if (!kept) return std::unexpected(std::move(kept).error());
  person.password = *std::move(kept);
  person.one_time_until_us = out.until_us;
  return out;
}

}  // namespace holdfast::server
