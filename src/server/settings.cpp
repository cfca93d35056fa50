#include "server/settings.h"

#include <fmt/format.h>

#include "config/section.h"
#include "net/origin.h"
#include "routing/budget_settings.h"
#include "server/prices.h"

namespace holdfast::server {
namespace {
using namespace std::chrono_literals;
using config::Section;

void read_listen(Section& section, Listen& into, std::string_view about) {
  config::ListenAddress listen{into.address, into.port};
  section.listen("listen", listen, about);
  into = {std::move(listen.address), listen.port};
}

// "https://app.example", as a browser sends it.
bool is_origin(const std::string& text) {
  if (text == "*") return true;
  if (text.find("://") == std::string::npos) return false;
  const Result<net::BaseUrl> url = net::parse_base_url(text);
  return url && url->path.empty() && !text.ends_with('/');
}

void read_server(Section& top, Settings& into) {
  top.section("server", "The applications' side", [&](Section& section) {
    read_listen(section, into.applications, "where applications connect; port 0 picks a free one");
    into.applications_tls = read_tls(section, net::alpn_http1);
    section.text(
        "region", into.region,
        "where this Holdfast runs: from there the latency to the providers' regions is told");
    section.integer("threads", into.threads, 0, 1024, "0: one for each of the machine's cores");
    section.size("max_body", into.max_body, 1024, 1ULL << 30U, "largest body of a request");
    section.size("response_buffer", into.response_buffer, 1024, 1ULL << 30U,
                 "whole answers up to this are checked before they go out, and can fail over");
    section.size("cache_size", into.cache_size, 1U << 20U, 64ULL << 30U,
                 "most memory for answers of models with a cache");
    section.duration("drain_timeout", into.drain_timeout, 1ms, 1h,
                     "how long requests in flight may take after SIGTERM");
    section.integer("queue_length", into.queue_length, 0, 100'000,
                    "requests of a thread that wait for a target with room; beyond, the least "
                    "important is refused");
    section.duration("queue_timeout", into.queue_timeout, 1ms, 5min, "how long they wait");
    section.size("memory_limit", into.memory_limit, 0, 1ULL << 44U,
                 "of bodies and answers under way; beyond, requests are refused, critical ones "
                 "last. 0: half of what the control group, or the machine, has");
    section.words("cors_origins", into.cors_origins,
                  "web pages that may call, as in https://app.example; none: CORS is off");
    for (std::size_t i = 0; i < into.cors_origins.size(); ++i)
      if (!is_origin(into.cors_origins[i]))
        section.problem("cors_origins", fmt::format("entry {} is not an origin", i + 1),
                        "write it as in https://app.example, without a path");
  });
}

void read_admin(Section& top, Settings& into) {
  top.section("admin", "The administration's side", [&](Section& section) {
    read_listen(section, into.administration,
                "where administration, metrics and the status page are; beyond loopback only with "
                "admin.tls and open_reading: no");
    section.flag("open_reading", into.open_reading,
                 "whether status, metrics and records are for everybody who can connect; what "
                 "changes something never is, and health always");
    section.duration("session_idle", into.sessions.idle, 1s, 24h,
                     "without a request a person's session ends after it");
    section.duration("session_time", into.sessions.whole, 1s, 720h,
                     "and after this, whatever is done");
    into.administration_tls = read_tls(section, net::alpn_http1);
  });
}

void check_listeners(Section& top, const Settings& settings) {
  const bool remote = !net::is_loopback_host(settings.administration.address);
  if (remote && !settings.administration_tls)
    top.problem("admin.listen", "must be a loopback address: tokens would be sent in the clear",
                "write 127.0.0.1:8081, or give it a certificate under admin.tls");
  if (remote && settings.open_reading)
    top.problem("admin.listen", "must be a loopback address while everybody may read there",
                "write 127.0.0.1:8081, or admin.open_reading: no");
  if (settings.keys.empty() && !net::is_loopback_host(settings.applications.address))
    top.problem("server.listen", "open to strangers: with no keys it must be a loopback address",
                "write 127.0.0.1:8080, or add client keys under keys");
  if (settings.applications == settings.administration && settings.applications.port != 0)
    top.problem("admin.listen", "the same address and port as server.listen");
}

// Whether what connects to `origin` comes out at `listen`, as far as it is written there: a name in
// the outer world that leads back here is not seen.
bool leads_to(const net::Origin& origin, const Listen& listen) {
  if (listen.port == 0 || origin.port != listen.port) return false;
  if (listen.address == "0.0.0.0" || listen.address == "::")
    return net::is_loopback_host(origin.host) || origin.host == listen.address;
  return origin.host == listen.address ||
         (origin.host == "localhost" && net::is_loopback_host(listen.address));
}

// A request that comes back as a request of its own goes round as fast as the machine can, also
// when nobody waits for it any more.
void check_loops(Section& top, const Settings& settings) {
  for (const provider::Settings& one : settings.providers)
    for (const Listen* listen : {&settings.applications, &settings.administration})
      if (leads_to(one.base.origin, *listen))
        top.problem(fmt::format("providers.{}.base_url", one.name),
                    "leads to Holdfast itself: requests would go round for ever",
                    "write the address of the provider, or let server.listen and admin.listen be "
                    "others");
}

// A certificate that nobody is asked for stands for nothing.
void check_certificates(Section& top, const Settings& settings) {
  if (settings.applications_tls && !settings.applications_tls->client_ca.empty()) return;
  for (const identity::KeySettings& key : settings.keys)
    if (!key.certificate.empty())
      top.problem(fmt::format("keys.{}.certificate", key.name), "no client is asked for one",
                  "write server.tls.client_ca");
}

// What alerts may be about.
control::alert::Names names_for_alerts(const Settings& settings) {
  control::alert::Names names;
  names.providers.reserve(settings.providers.size());
  names.models.reserve(settings.models.size());
  for (const provider::Settings& one : settings.providers) names.providers.emplace_back(one.name);
  for (const routing::ModelSettings& one : settings.models) names.models.emplace_back(one.name);
  for (const identity::KeySettings& one : settings.keys)
    if (!one.service.empty()) names.services.emplace_back(one.service);
  return names;
}

// A budget cannot count what has no price.
void warn_of_unpriced(Section& top, const Settings& settings) {
  if (settings.prices.fallback) return;
  const auto counts = [](const routing::Budget& budget, const TargetPrices& target) {
    const auto fits = [](const std::string& wanted, const std::string& name) {
      return wanted.empty() || wanted == name;
    };
    return fits(budget.scope.logical_model, target.logical_model) &&
           fits(budget.scope.provider, target.provider);
  };
  if (settings.budgets.empty()) return;
  const std::vector<TargetPrices> targets = list_prices(settings);
  for (const routing::Budget& budget : settings.budgets)
    for (const TargetPrices& target : targets)
      if (target.prices.prices.empty() && counts(budget, target))
        top.warn(fmt::format("budgets.{}", budget.name),
                 fmt::format("{}/{} has no price: {}", target.provider, target.model,
                             budget.hard ? "where this budget counts, it is not asked"
                                         : "what it costs is not counted"),
                 "write one under prices.list, or prices.fallback");
}

// Everything, in the order of the reference page.
void read_all(Section& top, Settings& into) {
  read_server(top, into);
  read_admin(top, into);
  provider::read_settings(top, into.providers);
  std::vector<std::string_view> providers;
  providers.reserve(into.providers.size());
  for (const provider::Settings& one : into.providers) providers.emplace_back(one.name);
  records::read_settings(top, providers, into.prices);
  routing::read_settings(top, into.providers, into.models);
  std::vector<std::string_view> models;
  models.reserve(into.models.size());
  for (const routing::ModelSettings& model : into.models) models.emplace_back(model.name);
  identity::read_settings(top, models, into.keys);
  identity::read_teams(top, into.keys, into.teams);
  routing::read_settings(top, into.providers, into.models, into.keys, into.budgets);
  warn_of_unpriced(top, into);
  records::read_settings(top, into.records);
  responses::read_settings(top, into.responses);
  audit::read_settings(top, into.audit);
  control::alert::read_settings(top, names_for_alerts(into), into.alerts);
  check_listeners(top, into);
  check_loops(top, into);
  check_certificates(top, into);
}
}  // namespace

std::expected<Settings, std::vector<config::Problem>> read_settings(
    const config::Document& document) {
  Settings settings;
  config::Reader reader(document);
  reader.read([&](Section& top) { read_all(top, settings); });
  std::vector<config::Problem> problems = reader.take_problems();
  if (config::has_error(problems)) return std::unexpected(std::move(problems));
  settings.warnings = std::move(problems);
  settings.digest = document.digest;
  return settings;
}

std::string settings_reference() {
  Settings settings;
  config::Reader reader;
  reader.read([&](Section& top) { read_all(top, settings); });
  return config::render_reference(reader.keys());
}
}  // namespace holdfast::server
