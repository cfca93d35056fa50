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

void add_safety_headers(net::AnswerHeaders& headers) {
  headers.add("content-security-policy", console::content_security_policy());
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
      origin &&
      *origin != std::string(exchange.secure() ? "https://" : "http://").append(head.host))
    return refuse("origin_not_allowed", "requests from other origins are refused");
  return std::nullopt;
}

// A form of a page cannot send this media type without asking first, and nobody is answered yes.
bool is_json(const net::RequestHead& head) {
  const std::string_view type = head.headers.find("content-type").value_or("");
  return net::same_name(type.substr(0, type.find(';')), "application/json");
}

}  // namespace

AdminAnswer admin_problem(int status, std::string_view code, std::string_view message) {
  return {status, "application/json",
          fmt::format(R"({{"error":{{"code":{},"message":{}}}}})", dialect::quote_json_string(code),
                      dialect::quote_json_string(message))};
}

Task<AdminAnswer> AdminHandler::act(const AdminRoute& route, net::Exchange& exchange,
                                    const std::string& request_id, const identity::Principal& who) {
  if (!is_json(exchange.head()))
    co_return admin_problem(415, "unsupported_media_type", "send content-type: application/json");
  const auto body = co_await exchange.read_body(limits::admin_body_bytes);
  if (!body) co_return admin_problem(body.error().status, "bad_body", body.error().detail);
  co_return route.act(state_, {*body, request_id, who});
}

// Who asks is known before the body is read.
Task<AdminAnswer> AdminHandler::answer(net::Exchange& exchange, const AdminRoute& route,
                                       const std::string& request_id) {
  const net::RequestHead& head = exchange.head();
  const bool acts = head.method == net::Method::post;
  const identity::Permission needs = acts ? route.acts : route.reads;
  const auto refused = [this](const AccessProblem& problem) {
    state_.auditing.request_refused(problem.code);
    return admin_problem(problem.status, problem.code, problem.message);
  };
  if (needs == identity::Permission::probe)
    co_return route.answer(state_, read_query(head.query()));
  const auto who = state_.access.identify(head);
  if (!who) co_return refused(who.error());
  if (const auto problem = refuse(*who, needs, state_.settings.open_reading))
    co_return refused(*problem);
  if (!acts) co_return route.answer(state_, read_query(head.query()));
  co_return co_await act(route, exchange, request_id, **who);
}

Task<void> AdminHandler::handle(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.head();
  const AdminRoute* route = find_route(head.path());
  const bool reads = head.method == net::Method::get || head.method == net::Method::head;
  const bool takes_post = route != nullptr && route->act != nullptr;
  const bool acts = takes_post && head.method == net::Method::post;
  AdminAnswer answered;
  std::string request_id;
  if (auto refused = refuse_foreign(exchange)) {
    answered = std::move(refused->answer);
    state_.auditing.request_refused(refused->code);
  } else if (route == nullptr) {
    answered =
        admin_problem(404, "unknown_path", "unknown path; /openapi.json describes those there are");
  } else if (reads || acts) {
    if (acts) request_id = make_id("req", state_.clock.wall_us(), random_);
    answered = co_await answer(exchange, *route, request_id);
  } else {
    answered = admin_problem(
        405, "method_not_allowed",
        takes_post ? "this path takes GET, HEAD and POST" : "this path takes GET and HEAD");
  }
  net::AnswerHeaders headers;
  headers.add("content-type", answered.content_type);
  if (answered.status == 405) headers.add("allow", takes_post ? "GET, HEAD, POST" : "GET, HEAD");
  if (answered.status == 401) headers.add("www-authenticate", "Bearer realm=\"holdfast\"");
  if (!request_id.empty()) headers.add("x-request-id", request_id);
  add_safety_headers(headers);
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
