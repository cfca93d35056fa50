#include "observe/summary.h"

#include <boost/json.hpp>

namespace holdfast::observe {
namespace {
using namespace std::chrono_literals;
constexpr auto window = 10s;
constexpr auto spacing = 200ms;  // points are kept no closer than that, so that they stay few

std::uint64_t answers(const Registry& registry, unsigned from, unsigned to) {
  return registry.sum([=](const ThreadCounters& thread) {
    std::uint64_t total = 0;
    for (std::size_t route = 0; route < route_count; ++route)
      for (unsigned status = from; status <= to; ++status)
        total += thread.answers(static_cast<Route>(route), status);
    return total;
  });
}

TargetSummary summarize(const Registry& registry, std::size_t index, const TargetName& name) {
  TargetSummary target;
  target.provider = name.provider;
  target.model = name.model;
  const auto sum = [&](auto read) { return registry.sum_target(index, read); };
  for (std::size_t i = 0; i < failure_class_count; ++i) {
    const std::uint64_t ended =
        sum([i](const TargetCounters& counters) { return counters.attempts[i].value(); });
    target.attempts += ended;
    target.failovers +=
        sum([i](const TargetCounters& counters) { return counters.failovers[i].value(); });
    const auto failure = static_cast<FailureClass>(i);
    if (failure == FailureClass::none || ended == 0) continue;
    if (failure != FailureClass::hedge_lost) target.failed += ended;
    target.failures.emplace_back(failure, ended);
  }
  const auto tokens = [&](TokenKind kind) {
    return sum([kind](const TargetCounters& counters) {
      return counters.tokens[static_cast<std::size_t>(kind)].value();
    });
  };
  target.tokens_in = tokens(TokenKind::in);
  target.tokens_out = tokens(TokenKind::out);
  return target;
}
}  // namespace

Summary summarize(const Registry& registry) {
  Summary summary;
  const auto count = [&](Count ThreadCounters::* counter) {
    return registry.sum([=](const ThreadCounters& thread) { return (thread.*counter).value(); });
  };
  const auto level = [&](Level ThreadCounters::* counter) {
    return registry.sum([=](const ThreadCounters& thread) { return (thread.*counter).value(); });
  };
  summary.client_errors = answers(registry, 400, 499);
  summary.server_errors = answers(registry, 500, 599);
  summary.requests = answers(registry, 100, 399) + summary.client_errors + summary.server_errors;
  summary.refused = registry.sum([](const ThreadCounters& thread) {
    std::uint64_t total = 0;
    for (const Count& refusal : thread.refusals) total += refusal.value();
    return total;
  });
  summary.cut_streams = count(&ThreadCounters::cut_streams);
  summary.error_events = count(&ThreadCounters::error_events);
  summary.clients_left = count(&ThreadCounters::clients_left);
  summary.bugs = count(&ThreadCounters::bugs);
  summary.requests_in_flight = level(&ThreadCounters::requests_in_flight);
  summary.client_connections = level(&ThreadCounters::client_connections);
  summary.streams = level(&ThreadCounters::streams);
  const std::vector<TargetName> names = registry.targets();
  for (std::size_t i = 0; i < names.size(); ++i) {
    summary.targets.push_back(summarize(registry, i, names[i]));
    const TargetSummary& target = summary.targets.back();
    summary.attempts += target.attempts;
    summary.failovers += target.failovers;
    summary.tokens_in += target.tokens_in;
    summary.tokens_out += target.tokens_out;
  }
  return summary;
}

boost::json::value to_json(const Summary& summary) {
  boost::json::array targets;
  for (const TargetSummary& target : summary.targets) {
    boost::json::object failures;
    for (const auto& [failure, count] : target.failures) failures[to_string(failure)] = count;
    targets.push_back({{"provider", target.provider},
                       {"model", target.model},
                       {"attempts", target.attempts},
                       {"failed", target.failed},
                       {"failovers", target.failovers},
                       {"tokens_in", target.tokens_in},
                       {"tokens_out", target.tokens_out},
                       {"failures", std::move(failures)}});
  }
  return {{"requests", summary.requests},
          {"client_errors", summary.client_errors},
          {"server_errors", summary.server_errors},
          {"refused", summary.refused},
          {"attempts", summary.attempts},
          {"failovers", summary.failovers},
          {"tokens_in", summary.tokens_in},
          {"tokens_out", summary.tokens_out},
          {"cut_streams", summary.cut_streams},
          {"error_events", summary.error_events},
          {"clients_left", summary.clients_left},
          {"bugs", summary.bugs},
          {"requests_in_flight", summary.requests_in_flight},
          {"client_connections", summary.client_connections},
          {"streams", summary.streams},
          {"targets", std::move(targets)}};
}

Rates RateMeter::update(MonoTime now, const Summary& summary) {
  const Point latest{now, summary.requests, summary.tokens_in, summary.tokens_out};
  while (points_.size() > 1 && points_[1].at <= now - window) points_.pop_front();
  Rates rates;
  if (!points_.empty() && points_.front().at < now) {
    const Point& first = points_.front();
    const double elapsed = std::chrono::duration<double>(now - first.at).count();
    rates.requests_per_second = static_cast<double>(latest.requests - first.requests) / elapsed;
    rates.tokens_in_per_second = static_cast<double>(latest.tokens_in - first.tokens_in) / elapsed;
    rates.tokens_out_per_second =
        static_cast<double>(latest.tokens_out - first.tokens_out) / elapsed;
  }
  if (points_.empty() || now - points_.back().at >= spacing) points_.push_back(latest);
  return rates;
}

}  // namespace holdfast::observe
