#include "server/admin.h"

#include <fmt/format.h>

#include "console/status_page.h"
#include "dialect/json_scan.h"
#include "net/url.h"
#include "server/access.h"
#include "server/auditing.h"

namespace holdfast::limits {
inline constexpr std::size_t admin_body_bytes = 65'536;
}

namespace holdfast::server {
namespace {

QueryFields read_query(std::string_view query) {
  QueryFields fields;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (!pair.empty())
      fields[net::percent_decode(pair.substr(0, equals), true)] =
          equals == std::string_view::npos ? std::string()
                                           : net::percent_decode(pair.substr(equals + 1), true);
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return fields;
}

const AdminRoute* find_route(std::string_view path) {
  for (const AdminRoute& route : admin_routes())
    if (route.path == path) return &route;
  return nullptr;
}

void add_safety_headers(net::AnswerHeaders& headers, std::string_view policy = {}) {
  headers.add("content-security-policy",
              policy.empty() ? console::content_security_policy() : policy);
  headers.add("x-content-type-options", "nosniff");
  headers.add("x-frame-options", "DENY");
  headers.add("referrer-policy", "no-referrer");
  headers.add("cache-control", "no-store");
}

// Why the request is refused before anything is looked at; nothing: it is not.
struct Foreign {
  std::string_view code;
  AdminAnswer answer;
};
std::optional<Foreign> refuse_foreign(const net::Exchange& exchange) {
  const net::RequestHead& head = exchange.head();
  const auto refuse = [](std::string_view code, std::string_view message) {
    return Foreign{code, admin_problem(403, code, message)};
  };
  if (const auto* shown = exchange.client_certificate();
      shown != nullptr && !shown->problem.empty())
    return refuse("invalid_client_certificate", shown->problem);
  // What reads may be open to whoever can connect to loopback: a page in somebody's browser must
  // not be among them. By TLS it cannot be: our certificate is not one for its name.
  if (!exchange.secure() && !net::is_loopback_host(net::host_of(head.host)))
    return refuse("host_not_allowed", "only loopback host names are answered here");
  if (const auto origin = head.headers.find("origin");
      origin && *origin != own_origin(head, exchange.secure()))
    return refuse("origin_not_allowed", "requests from other origins are refused");
  return std::nullopt;
}

// A form of a page cannot send this media type without asking first, and nobody is answered yes.
bool is_json(const net::RequestHead& head) {
  const std::string_view type = head.headers.find("content-type").value_or("");
  return net::same_name(type.substr(0, type.find(';')), "application/json");
}

AdminAnswer to_login() {
  AdminAnswer answer = admin_problem(303, "not_authenticated", "sign in at /login");
  answer.headers.emplace_back("location", "/login");
  return answer;
}

}  // namespace

AdminAnswer admin_problem(int status, std::string_view code, std::string_view message) {
  return {status, "application/json",
          fmt::format(R"({{"error":{{"code":{},"message":{}}}}})", dialect::quote_json_string(code),
                      dialect::quote_json_string(message))};
}

std::expected<Caller, AdminAnswer> AdminHandler::who_acts(const AdminRoute& route,
                                                          const net::Exchange& exchange) {
  const auto refused = [this](const AccessProblem& problem) {
    state_.auditing.request_refused(problem.code);
    return std::unexpected(admin_problem(problem.status, problem.code, problem.message));
  };
  const auto known = state_.access.identify(exchange.head(), exchange.secure());
  if (!known) return refused(known.error());
  if (const auto problem = refuse(*known, route.acts, false)) return refused(*problem);
  Caller caller = known->value_or(Caller{});
  if (route.acts != identity::Permission::sign_in)
    if (const auto problem = refuse_forged(caller, exchange.head(), exchange.secure()))
      return refused(*problem);
  return caller;
}

Task<AdminAnswer> AdminHandler::act(const AdminRoute& route, net::Exchange& exchange,
                                    const std::string& request_id) {
  if (const auto before = who_acts(route, exchange); !before) co_return before.error();
  if (!is_json(exchange.head()))
    co_return admin_problem(415, "unsupported_media_type", "send content-type: application/json");
  const auto body = co_await exchange.read_body(limits::admin_body_bytes);
  if (!body) co_return admin_problem(body.error().status, "bad_body", body.error().detail);
  // The body may have taken long: what was revoked meanwhile holds no more.
  const auto caller = who_acts(route, exchange);
  if (!caller) co_return caller.error();
  co_return route.act(state_, {*body, request_id, caller->who, caller->session, exchange.secure()});
}

// Who asks is known before the body is read.
Task<AdminAnswer> AdminHandler::answer(net::Exchange& exchange, const AdminRoute& route,
                                       const std::string& request_id) {
  const net::RequestHead& head = exchange.head();
  if (head.method == net::Method::post) co_return co_await act(route, exchange, request_id);
  const identity::Permission needs = route.reads;
  const auto refused = [this](const AccessProblem& problem) {
    state_.auditing.request_refused(problem.code);
    return admin_problem(problem.status, problem.code, problem.message);
  };
  if (needs == identity::Permission::probe)
    co_return route.answer(state_, read_query(head.query()));
  const auto known = state_.access.identify(head, exchange.secure());
  if (!known) co_return refused(known.error());
  if (const auto problem = refuse(*known, needs, state_.local && state_.settings.open_reading)) {
    if (problem->status == 401 && route.path == "/") co_return to_login();  // it is a browser
    co_return refused(*problem);
  }
  const Caller caller = known->value_or(Caller{});
  if (route.self != nullptr) co_return route.self(state_, caller);
  co_return route.answer(state_, read_query(head.query()));
}

Task<void> AdminHandler::handle(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.head();
  const AdminRoute* route = find_route(head.path());
  const bool takes_get = route != nullptr && (route->answer != nullptr || route->self != nullptr);
  const bool takes_post = route != nullptr && route->act != nullptr;
  const bool gets = head.method == net::Method::get || head.method == net::Method::head;
  const bool acts = takes_post && head.method == net::Method::post;
  const std::string allowed = takes_get && takes_post ? "GET, HEAD, POST"
                              : takes_get             ? "GET, HEAD"
                                                      : "POST";
  AdminAnswer answered;
  std::string request_id;
  if (auto refused = refuse_foreign(exchange)) {
    answered = std::move(refused->answer);
    state_.auditing.request_refused(refused->code);
  } else if (route == nullptr) {
    answered =
        admin_problem(404, "unknown_path", "unknown path; /openapi.json describes those there are");
  } else if ((gets && takes_get) || acts) {
    if (acts) request_id = make_id("req", state_.clock.wall_us(), random_);
    answered = co_await answer(exchange, *route, request_id);
  } else {
    answered = admin_problem(405, "method_not_allowed", "this path takes " + allowed);
  }
  net::AnswerHeaders headers;
  headers.add("content-type", answered.content_type);
  if (answered.status == 405) headers.add("allow", allowed);
  if (answered.status == 401) headers.add("www-authenticate", "Bearer realm=\"holdfast\"");
  if (!request_id.empty()) headers.add("x-request-id", request_id);
  for (const auto& [name, value] : answered.headers) headers.add(name, value);
  add_safety_headers(headers, answered.policy);
  auto sent = co_await exchange.answer(answered.status, headers, answered.body);
  (void)sent;
}

std::string AdminHandler::problem_answer(const net::HeadProblem& problem,
                                         net::AnswerHeaders& headers) {
  headers.add("content-type", "application/json");
  add_safety_headers(headers);
  return admin_problem(problem.status, "bad_http", problem.detail).body;
}

}  // namespace holdfast::server
