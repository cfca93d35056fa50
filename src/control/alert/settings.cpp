#include "control/alert/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.h"
#include "config/proxy.h"
#include "config/section.h"
#include "observe/counters.h"

namespace holdfast::control::alert {
namespace {
using namespace std::chrono_literals;
using config::Section;

constexpr std::size_t short_secret_bytes = 24;
constexpr std::array<config::Choice<Kind>, 5> kinds = {{{"burn_rate", Kind::burn_rate},
                                                        {"error_rate", Kind::error_rate},
                                                        {"latency", Kind::latency},
                                                        {"spend", Kind::spend},
                                                        {"spend_spike", Kind::spend_spike}}};
constexpr std::array<config::Choice<Severity>, 2> severities = {
    {{"page", Severity::page}, {"ticket", Severity::ticket}}};
constexpr std::array<config::Choice<bool>, 2> networks = {{{"public", false}, {"private", true}}};
constexpr std::array<config::Choice<std::chrono::days>, 3> periods = {
    {{"7d", std::chrono::days(7)}, {"28d", std::chrono::days(28)}, {"30d", std::chrono::days(30)}}};

// A decimal number, as in 99.9.
void read_decimal(Section& section, std::string_view key, double& into, double least, double most,
                  std::string_view about) {
  std::string text;
  if (!section.word(key, text, about)) return;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != end || !(value >= least && value <= most))
    section.problem(key, fmt::format("not a number from {} to {}", least, most));
  else
    into = value;
}

void read_webhook(Section& section, WebhookSettings& hook) {
  std::string url;
  section.choice("network", hook.private_network, networks,
                 "private: its address may be in a private range; on loopback it always may");
  if (section.text("url", url, "where alerts are posted")) {
    auto parsed = net::parse_base_url(url);
    if (!parsed) {
      section.problem("url", std::move(parsed.error().detail));
    } else {
      hook.url = *std::move(parsed);
      net::Origin& origin = hook.url.origin;
      const bool loopback = net::is_loopback_host(origin.host);
      origin.private_allowed = hook.private_network || loopback;
      if (!origin.tls && !origin.private_allowed)
        section.problem("url", "http:// sends alerts in the clear",
                        "write https://, or network: private if no stranger can listen there");
      config::set_proxy(section, "url", origin);
    }
  }
  section.require("url", "say where alerts go, as in url: https://hooks.example.com/holdfast");
  section.path("ca_file", hook.url.origin.ca_file,
               "PEM file of the authorities that may sign its certificate; none: the system's");
  const bool found = section.secret("secret", hook.secret,
                                    "signs what is sent, so that the receiver knows whose it is");
  section.require("secret", "name one, as in secret: env:ALERT_SECRET");
  if (found && hook.secret.reveal().size() < short_secret_bytes)
    section.warn("secret",
                 fmt::format("shorter than {} characters: it can be guessed", short_secret_bytes));
}

void check_name(Section& section, std::string_view key, const std::string& name,
                const std::vector<std::string_view>& names) {
  if (name.empty() || std::ranges::find(names, name) != names.end()) return;
  section.unknown_name(key, name, fmt::format("not the name of a {} that is configured", key),
                       names);
}

void read_scope(Section& section, const Names& names, Scope& scope) {
  section.word("provider", scope.provider, "the attempts at this provider's targets");
  section.word("model", scope.model, "the requests for this logical model");
  section.word("service", scope.service, "the requests with keys of this service");
  check_name(section, "provider", scope.provider, names.providers);
  check_name(section, "model", scope.model, names.models);
  check_name(section, "service", scope.service, names.services);
  if (!scope.provider.empty() && (!scope.model.empty() || !scope.service.empty()))
    section.problem("provider", "stands beside model or service",
                    "make two rules: attempts at a provider are not requests");
}

// Shares are counted by the histograms, so a bound must be one of theirs.
void check_bound(Section& section, std::chrono::milliseconds bound) {
  const std::int64_t us = std::chrono::microseconds(bound).count();
  if (std::ranges::find(observe::bucket_bounds_us, us) != observe::bucket_bounds_us.end()) return;
  std::string allowed;
  for (const std::int64_t one : observe::bucket_bounds_us)
    if (one >= 1000)
      allowed += (allowed.empty() ? "" : ", ") +
                 config::format_duration(std::chrono::milliseconds(one / 1000));
  section.problem("slower_than", "not a bound of the histograms", {}, allowed);
}

void read_rule(Section& section, const Names& names, Rule& rule) {
  section.choice("kind", rule.kind, kinds, "what is watched");
  section.require("kind", "say what is watched, as in kind: error_rate");
  read_scope(section, names, rule.scope);
  const bool burn = rule.kind == Kind::burn_rate, latency = rule.kind == Kind::latency;
  const bool spend = rule.kind == Kind::spend, spike = rule.kind == Kind::spend_spike;
  section.when(burn, "kind: burn_rate", [&] {
    double percent = rule.objective * 100;
    read_decimal(section, "objective", percent, 50, 99.9999, "percent that must succeed");
    rule.objective = percent / 100;
    section.choice("period", rule.period, periods, "of the objective");
    const auto windows = burn_windows(rule.period);
    if (windows && threshold(windows->front(), rule.objective) >= 0.5)
      section.warn("objective",
                   fmt::format("the quickest window fires only beyond {:.0f} % of failures",
                               100 * threshold(windows->front(), rule.objective)),
                   "use kind: error_rate");
  });
  section.when(!burn, "all kinds but burn_rate", [&] {
    section.choice("severity", rule.severity, severities, "page: somebody gets up");
    section.duration("over", rule.over, 1min, 72h, "the window");
  });
  section.when(rule.kind == Kind::error_rate || latency, "kind: error_rate, latency", [&] {
    double percent = 0;
    read_decimal(section, "above", percent, 0, 100, "percent of the events");
    rule.above = percent / 100;
  });
  section.when(latency, "kind: latency", [&] {
    if (section.duration("slower_than", rule.slower_than, 1ms, 600s,
                         "attempts: to the first content; requests: to the end"))
      check_bound(section, rule.slower_than);
  });
  if (latency) section.require("slower_than", "say what is slow, as in slower_than: 5s");
  section.when(spend || spike, "kind: spend, spend_spike", [&] {
    double usd = 0;
    read_decimal(section, "above_usd", usd, 0, 1e9,
                 "US dollars in the window; spend_spike: at least so much");
    rule.above_nano_usd = static_cast<std::uint64_t>(usd * 1e9);
  });
  if (spend) section.require("above_usd", "say how much is too much, as in above_usd: 50");
  section.when(spike, "kind: spend_spike", [&] {
    read_decimal(section, "times", rule.times, 1.1, 1000, "more than in the baseline");
    section.duration("baseline", rule.baseline, 10min, 72h, "the usual: the time before");
    if (rule.baseline < 2 * rule.over)
      section.problem("baseline", "shorter than twice the window",
                      "make baseline longer, or over shorter");
  });
  section.when(!spend && !spike, "kind: burn_rate, error_rate, latency", [&] {
    section.integer("at_least", rule.at_least, 1, 1'000'000, "fewer events say nothing");
  });
  section.words("notify", rule.notify, "webhooks; none: it is shown and counted only");
}

}  // namespace

std::string_view to_string(Kind kind) {
  return std::ranges::find(kinds, kind, &config::Choice<Kind>::value)->name;
}

void read_settings(Section& top, const Names& names, Settings& into) {
  top.section("alerts", "What is watched, and who is told", [&](Section& section) {
    section.entries("webhooks", "who is told, by name",
                    [&](const std::string& name, Section& inner) {
                      WebhookSettings hook;
                      hook.name = name;
                      read_webhook(inner, hook);
                      into.webhooks.push_back(std::move(hook));
                    });
    section.entries("rules", "what is watched, by name",
                    [&](const std::string& name, Section& inner) {
                      Rule rule;
                      rule.name = name;
                      read_rule(inner, names, rule);
                      std::vector<std::string_view> hooks;
                      hooks.reserve(into.webhooks.size());
                      for (const WebhookSettings& hook : into.webhooks) hooks.push_back(hook.name);
                      for (const std::string& told : rule.notify)
                        if (std::ranges::find(hooks, told) == hooks.end())
                          inner.unknown_name("notify", told, "not the name of a webhook", hooks);
                      into.rules.push_back(std::move(rule));
                      if (into.rules.size() == limits::alert_rules + 1)
                        inner.problem("", fmt::format("more than {} rules", limits::alert_rules));
                    });
    if (into.webhooks.size() > limits::webhooks)
      section.problem("webhooks", fmt::format("more than {} webhooks", limits::webhooks));
  });
}

}  // namespace holdfast::control::alert
