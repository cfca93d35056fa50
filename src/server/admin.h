// The administrative side: health, metrics, the interface under /api/v1 and the status page. One
// thread of its own, so that a slow query delays no application.
#pragma once
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "identity/role.h"
#include "net/http_server.h"
#include "observe/registry.h"
#include "observe/summary.h"
#include "records/drain.h"
#include "records/query.h"
#include "responses/keeper.h"
#include "routing/capacity.h"
#include "routing/health.h"
#include "routing/load.h"
#include "routing/snapshot.h"
#include "server/failure_log.h"
#include "server/operator_state.h"
#include "server/settings.h"

namespace holdfast::server {

class Access;
struct Caller;
class Alerts;
class Auditing;
class BudgetKeeper;
class Credentials;
class VirtualKeys;

// What the administrative side shows. Its thread's own, but for what is thread-safe by itself.
struct AdminState {
  const Clock& clock;
  observe::Registry& registry;
  const records::Drain& drain;
  const responses::Keeper* responses;  // null: none are kept
  routing::HealthTable& health;
  const routing::LoadTable& load;
  const routing::CapacityTable& capacity;
  FailureLog& failures;
  OperatorState& operators;
  Auditing& auditing;
  Access& access;
  std::string state_dir;
  std::string version;
  std::int64_t started_us = 0;
  std::shared_ptr<const routing::Snapshot> snapshot;
  Settings settings;
  const BudgetKeeper* budgets = nullptr;     // null: there are no budgets
  const Credentials* credentials = nullptr;  // null: before the workers have started
  const Alerts* alerts = nullptr;            // likewise
  VirtualKeys* keys = nullptr;               // there before the administration answers
  std::string reload_problem = {};           // why the last reload was refused; empty: it was not
  std::string secrets_problem =
      {};  // why secrets that have changed are not in use; empty: they are
  std::vector<std::string> tls_warnings = {};  // of the listeners' certificates
  bool draining = false;
  bool local = true;  // the administration listens on loopback alone
  observe::RateMeter rates = {};
  observe::Rates last_rates = {};
};

// The query of a request, unescaped; a name that comes twice keeps its last value.
using QueryFields = std::map<std::string, std::string>;

struct AdminAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers = {};
  std::string_view policy = {};  // Content-Security-Policy of a page; empty: the status page's
};

// A POST, as the route that takes it sees it.
struct AdminAct {
  std::string_view body;           // JSON
  std::string request_id;          // told in x-request-id, and in the audit log
  const identity::Principal& who;  // has the permission that the route names
  std::string_view session = {};   // the id of the session in the cookie; empty: none
  bool secure = false;             // it came over TLS
};

// One route of the table in routes.cpp. What it asks of the caller stands before what it does: a
// route cannot be written without.
class AdminRoute {
 public:
  using Answer = AdminAnswer (*)(AdminState&, const QueryFields&);
  using Self = AdminAnswer (*)(AdminState&, const Caller&);
  using Act = AdminAnswer (*)(AdminState&, const AdminAct&);
  // GET and HEAD alone.
  constexpr AdminRoute(std::string_view at, identity::Permission reading, Answer what)
      : path(at), reads(reading), answer(what) {}
  // The same, about whoever asks.
  constexpr AdminRoute(std::string_view at, identity::Permission reading, Self what,
                       identity::Permission acting, Act doing)
      : path(at), reads(reading), answer(nullptr), self(what), acts(acting), act(doing) {}
  // A POST of JSON alone.
  constexpr AdminRoute(std::string_view at, identity::Permission acting, Act doing)
      : path(at), reads(acting), answer(nullptr), acts(acting), act(doing) {}
  // GET, HEAD and a POST of JSON.
  constexpr AdminRoute(std::string_view at, identity::Permission reading, Answer what,
                       identity::Permission acting, Act doing)
      : path(at), reads(reading), answer(what), acts(acting), act(doing) {}

  std::string_view path;
  identity::Permission reads;
  Answer answer;
  Self self = nullptr;
  identity::Permission acts{};  // where there is an act
  Act act = nullptr;            // null: the path takes no POST
};
std::span<const AdminRoute> admin_routes();
// The description of the interface that the server serves at /openapi.json.
std::string_view openapi_document();

// A problem in the shape of the administrative interface.
AdminAnswer admin_problem(int status, std::string_view code, std::string_view message);

class AdminHandler final : public net::Handler {
 public:
  explicit AdminHandler(AdminState& state) : state_(state), random_(entropy_seed()) {}
  Task<void> handle(net::Exchange& exchange) override;
  std::string problem_answer(const net::HeadProblem& problem, net::AnswerHeaders& headers) override;

 private:
  Task<AdminAnswer> answer(net::Exchange& exchange, const AdminRoute& route,
                           const std::string& request_id);
  // Who asks for the act of `route`, if they may; else the refusal, which is counted.
  std::expected<Caller, AdminAnswer> who_acts(const AdminRoute& route,
                                              const net::Exchange& exchange);
  Task<AdminAnswer> act(const AdminRoute& route, net::Exchange& exchange,
                        const std::string& request_id);
  AdminState& state_;
  Random random_;  // of request ids
};

}  // namespace holdfast::server
