#include "server/alerts.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/log.h"
#include "routing/health.h"

namespace holdfast::server {
namespace {
namespace alert = control::alert;
namespace json = boost::json;
using observe::RequestEnd;

// The events that were slower than `bound_us`, which is a bound of the buckets.
template <class Sum>
std::uint64_t slower_than(std::int64_t bound_us, Sum sum) {
  std::uint64_t slow = 0;
  for (std::size_t i = 0; i <= observe::bucket_bounds_us.size(); ++i)
    if (i == observe::bucket_bounds_us.size() || observe::bucket_bounds_us[i] > bound_us)
      slow += sum(i);
  return slow;
}

template <class Sum>
std::uint64_t all_of(Sum sum) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i <= observe::bucket_bounds_us.size(); ++i) all += sum(i);
  return all;
}

void add_target(const observe::Registry& registry, std::size_t index, const alert::Rule& rule,
                alert::Totals& totals) {
  const auto bucket = [&](std::size_t i) {
    return registry.sum_target(index, [i](const observe::TargetCounters& target) {
      return target.time_to_first_content.bucket(i);
    });
  };
  totals.nano_usd += registry.sum_target(
      index, [](const observe::TargetCounters& target) { return target.cost_nano_usd.value(); });
  if (rule.kind == alert::Kind::latency) {
    totals.events += all_of(bucket);
    totals.bad += slower_than(std::chrono::microseconds(rule.slower_than).count(), bucket);
    return;
  }
  for (std::size_t i = 0; i < failure_class_count; ++i) {
    const auto failure = static_cast<FailureClass>(i);
    const bool bad = routing::blames_target(failure);
    if (!bad && failure != FailureClass::none) continue;
    const std::uint64_t count = registry.sum_target(
        index, [i](const observe::TargetCounters& target) { return target.attempts[i].value(); });
    totals.events += count;
    if (bad) totals.bad += count;
  }
}

void add_service(const observe::Registry& registry, std::size_t index, const alert::Rule& rule,
                 alert::Totals& totals) {
  const auto bucket = [&](std::size_t i) {
    return registry.sum_service(
        index, [i](const observe::ServiceCounters& service) { return service.duration.bucket(i); });
  };
  totals.nano_usd += registry.sum_service(
      index, [](const observe::ServiceCounters& service) { return service.cost_nano_usd.value(); });
  if (rule.kind == alert::Kind::latency) {
    totals.events += all_of(bucket);
    totals.bad += slower_than(std::chrono::microseconds(rule.slower_than).count(), bucket);
    return;
  }
  const auto ended = [&](RequestEnd end) {
    return registry.sum_service(index, [end](const observe::ServiceCounters& service) {
      return service.requests[static_cast<std::size_t>(end)].value();
    });
  };
  const std::uint64_t bad = ended(RequestEnd::error);
  totals.events += ended(RequestEnd::ok) + bad;
  totals.bad += bad;
}
}  // namespace

alert::Totals totals_of(const observe::Registry& registry, const alert::Rule& rule) {
  alert::Totals totals;
  if (!rule.scope.provider.empty()) {
    const auto targets = registry.targets();
    for (std::size_t i = 0; i < targets.size(); ++i)
      if (targets[i].provider == rule.scope.provider) add_target(registry, i, rule, totals);
    return totals;
  }
  const auto services = registry.services();
  for (std::size_t i = 0; i < services.size(); ++i) {
    const bool chosen = (rule.scope.model.empty() || services[i].model == rule.scope.model) &&
                        (rule.scope.service.empty() || services[i].service == rule.scope.service);
    if (chosen) add_service(registry, i, rule, totals);
  }
  return totals;
}

Alerts::Alerts(boost::asio::io_context& loop, net::Watchdog& watchdog, const Clock& clock,
               observe::Registry& registry)
    : clock_(clock),
      registry_(registry),
      random_(entropy_seed()),
      connector_(net::make_connector(loop, watchdog, clock)),
      pool_(*connector_, clock),
      webhooks_({loop, watchdog, pool_, clock}, Random(random_.next())),
      looked_at_(clock.now() - alert::Series::fine_step) {
  provide_metrics();
}

void Alerts::use(const alert::Settings& settings) {
  watch_.use(settings.rules);
  webhooks_.use(settings.webhooks);
}

void Alerts::tick() {
  pool_.evict();
  const MonoTime now = clock_.now();
  if (now - looked_at_ < alert::Series::fine_step) return;
  looked_at_ = now;
  const auto changes = watch_.look(now, clock_.wall_us(), [this](const alert::Rule& rule) {
    return totals_of(registry_, rule);
  });
  for (const alert::Change& change : changes) {
    const alert::Rule& rule = *change.alert.rule;
    if (change.alert.firing)
      log::warning("alert {} ({}): {}", rule.name, to_string(change.alert.severity),
                   summary_of(change.alert));
    else
      log::info("alert {}{}{} is over", rule.name, change.alert.windows.empty() ? "" : " ",
                change.alert.windows);
    const alert::Message message = message_of(change, random_);
    for (const std::string& hook : rule.notify) webhooks_.tell(hook, message);
  }
}

std::vector<std::string> Alerts::pages() const {
  std::vector<std::string> out;
  for (const alert::Alert& one : watch_.alerts())
    if (one.firing && one.severity == alert::Severity::page)
      out.push_back("alert " + one.rule->name + ": " + summary_of(one));
  return out;
}

json::value Alerts::to_json() const {
  json::array alerts, webhooks;
  for (const alert::Alert& one : watch_.alerts()) {
    const alert::Scope& scope = one.rule->scope;
    alerts.push_back({{"rule", one.rule->name},
                      {"kind", to_string(one.rule->kind)},
                      {"windows", one.windows},
                      {"severity", to_string(one.severity)},
                      {"provider", scope.provider},
                      {"model", scope.model},
                      {"service", scope.service},
                      {"firing", one.firing},
                      {"value", one.value},
                      {"threshold", one.threshold},
                      {"since_us", one.since_us},
                      {"summary", summary_of(one)}});
  }
  for (const alert::WebhookStatus& one : webhooks_.status())
    webhooks.push_back({{"name", one.name},
                        {"delivered", one.delivered},
                        {"given_up", one.given_up},
                        {"waiting", one.waiting},
                        {"last_error", one.last_error}});
  return {{"alerts", std::move(alerts)}, {"webhooks", std::move(webhooks)}};
}

void Alerts::provide_metrics() {
  registry_.provide(observe::Metric::alerts_firing, [this] {
    std::vector<observe::Sample> samples;
    for (const alert::Alert& one : watch_.alerts())
      samples.push_back(
          {{one.rule->name, std::string(one.windows), std::string(to_string(one.severity))},
           one.firing ? 1.0 : 0.0});
    return samples;
  });
  registry_.provide(observe::Metric::alert_messages, [this] {
    std::vector<observe::Sample> samples;
    for (const alert::WebhookStatus& one : webhooks_.status()) {
      samples.push_back({{one.name, "delivered"}, static_cast<double>(one.delivered)});
      samples.push_back({{one.name, "given_up"}, static_cast<double>(one.given_up)});
    }
    return samples;
  });
}

}  // namespace holdfast::server
