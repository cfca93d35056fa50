#include "control/alert/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/failure.h"
#include "control/alert/watch.h"
#include "routing/health.h"

namespace holdfast::control::alert {
namespace {

// A window as Prometheus spells it: the largest unit that fits.
std::string window(std::chrono::milliseconds value) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(value).count();
  if (seconds % 86'400 == 0) return fmt::format("{}d", seconds / 86'400);
  if (seconds % 3'600 == 0) return fmt::format("{}h", seconds / 3'600);
  if (seconds % 60 == 0) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", std::max<std::int64_t>(seconds, 1));
}

// A label's value between quotes.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string failures(bool (*chosen)(FailureClass)) {
  std::string out;
  for (std::size_t i = 0; i < failure_class_count; ++i) {
    const auto failure = static_cast<FailureClass>(i);
    if (!chosen(failure)) continue;
    if (!out.empty()) out += "|";
    out += to_string(failure);
  }
  return out;
}

// The selectors of a scope's counters, without braces.
struct Selectors {
  std::string counter, events, bad, histogram, labels;
};

Selectors selectors_of(const Scope& scope) {
  Selectors out;
  if (!scope.provider.empty()) {
    out.labels = "provider=" + quoted(scope.provider);
    out.counter = "holdfast_attempts_total";
    const std::string bad = failures([](FailureClass one) { return routing::blames_target(one); });
    out.events = "failure=~\"none|" + bad + "\"";
    out.bad = "failure=~\"" + bad + "\"";
    out.histogram = "holdfast_time_to_first_content_seconds";
    return out;
  }
  if (!scope.model.empty()) out.labels = "logical_model=" + quoted(scope.model);
  if (!scope.service.empty())
    out.labels += (out.labels.empty() ? "" : ",") + ("service=" + quoted(scope.service));
  out.counter = "holdfast_service_requests_total";
  out.events = "result=~\"ok|error\"";
  out.bad = "result=\"error\"";
  out.histogram = "holdfast_service_request_duration_seconds";
  return out;
}

std::string sum_of(const std::string& metric, const std::string& labels, const std::string& more,
                   const std::string& over) {
  const std::string comma = labels.empty() || more.empty() ? "" : ",";
  return fmt::format("sum(increase({}{{{}{}{}}}[{}]))", metric, labels, comma, more, over);
}

std::string share(const Selectors& of, const std::string& over) {
  return sum_of(of.counter, of.labels, of.bad, over) + " / " +
         sum_of(of.counter, of.labels, of.events, over);
}

std::string enough(const Selectors& of, const std::string& over, int at_least) {
  return sum_of(of.counter, of.labels, of.events, over) + fmt::format(" >= {}", at_least);
}

struct Line {
  std::string windows, expression;
  Severity severity;
};

std::string spent(const Scope& scope, const std::string& over) {
  const bool attempts = !scope.provider.empty();
  return sum_of(attempts ? "holdfast_cost_usd_total" : "holdfast_service_cost_usd_total",
                selectors_of(scope).labels, "", over);
}

std::vector<Line> lines_of(const Rule& rule) {
  const Selectors of = selectors_of(rule.scope);
  const std::string over = window(rule.over);
  switch (rule.kind) {
    case Kind::burn_rate: {
      const auto windows = burn_windows(rule.period);
      HF_CHECK(windows.has_value());
      std::vector<Line> out;
      for (const BurnWindows& pair : *windows) {
        const std::string brief = window(pair.short_window), lasting = window(pair.long_window);
        const double limit = threshold(pair, rule.objective);
        out.push_back({std::string(pair.name),
                       fmt::format("{} > {:.10g} and {} > {:.10g} and {}", share(of, brief), limit,
                                   share(of, lasting), limit, enough(of, brief, rule.at_least)),
                       pair.severity});
      }
      return out;
    }
    case Kind::error_rate:
      return {{"",
               fmt::format("{} > {:.10g} and {}", share(of, over), rule.above,
                           enough(of, over, rule.at_least)),
               rule.severity}};
    case Kind::latency: {
      const auto us = std::chrono::microseconds(rule.slower_than).count();
      const std::string bound = fmt::format("le=\"{}\"", static_cast<double>(us) / 1e6);
      const std::string all = sum_of(of.histogram + "_count", of.labels, "", over);
      return {{"",
               fmt::format("1 - {} / {} > {:.10g} and {} >= {}",
                           sum_of(of.histogram + "_bucket", of.labels, bound, over), all,
                           rule.above, all, rule.at_least),
               rule.severity}};
    }
    case Kind::spend:
      return {{"",
               fmt::format("{} > {:.10g}", spent(rule.scope, over),
                           static_cast<double>(rule.above_nano_usd) * 1e-9),
               rule.severity}};
    case Kind::spend_spike: {
      const std::string now = spent(rule.scope, over);
      const double windows_before = static_cast<double>((rule.baseline - rule.over).count()) /
                                    static_cast<double>(rule.over.count());
      return {{"",
               fmt::format("{} > {:.10g} * ({} - {}) / {:.10g} and {} > {:.10g}", now, rule.times,
                           spent(rule.scope, window(rule.baseline)), now, windows_before, now,
                           static_cast<double>(rule.above_nano_usd) * 1e-9),
               rule.severity}};
    }
  }
  return {};
}

}  // namespace

std::string prometheus_rules(std::span<const Rule> rules) {
  std::string out = "# Written by `holdfast alerts prometheus` from the section alerts.\ngroups:\n";
  if (rules.empty()) return "# The configuration has no alerts.\ngroups: []\n";
  for (const Rule& rule : rules) {
    out += fmt::format("  - name: {}\n    rules:\n", quoted(rule.name));
    for (const Line& line : lines_of(rule)) {
      out += fmt::format("      - alert: {}\n        expr: >-\n          {}\n", quoted(rule.name),
                         line.expression);
      out += fmt::format("        labels:\n          severity: {}\n          kind: {}\n",
                         to_string(line.severity), to_string(rule.kind));
      if (!line.windows.empty()) out += fmt::format("          windows: {}\n", line.windows);
      out += fmt::format("        annotations:\n          summary: {}\n",
                         quoted(fmt::format("{}: {} ({})", rule.name, to_string(rule.kind),
                                            scope_of(rule.scope))));
    }
  }
  return out;
}

}  // namespace holdfast::control::alert
