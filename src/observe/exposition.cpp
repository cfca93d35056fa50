// Registry::expose: from counters to Prometheus' text format.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "base/log.h"
#include "observe/process.h"
#include "observe/registry.h"

namespace holdfast::observe {
namespace {
double seconds(std::uint64_t value_us) { return static_cast<double>(value_us) / 1e6; }

class Page {
 public:
  void add(Metric metric, const std::vector<std::string>& labels, double value) {
    prometheus::ClientMetric& entry = make(metric, labels);
    if (describe(metric).type == MetricType::counter)
      entry.counter.value = value;
    else
      entry.gauge.value = value;
  }
  void add(Metric metric, const std::vector<std::string>& labels, std::uint64_t value) {
    add(metric, labels, static_cast<double>(value));
  }

  // sum: the sum over threads of what it is given reads from a histogram
  template <class Sum>
  void add_histogram(Metric metric, const std::vector<std::string>& labels, Sum sum) {
    std::uint64_t count = 0;
    std::vector<prometheus::ClientMetric::Bucket> buckets;
    for (std::size_t i = 0; i <= bucket_bounds_us.size(); ++i) {
      count += sum([i](const Histogram& histogram) { return histogram.bucket(i); });
      const double bound = i == bucket_bounds_us.size()
                               ? std::numeric_limits<double>::infinity()
                               : seconds(static_cast<std::uint64_t>(bucket_bounds_us[i]));
      buckets.push_back({count, bound});
    }
    if (count == 0) return;
    auto& histogram = make(metric, labels).histogram;
    histogram.sample_count = count;
    histogram.sample_sum = seconds(sum([](const Histogram& counted) { return counted.sum_us(); }));
    histogram.bucket = std::move(buckets);
  }

  std::string text() const {
    std::vector<prometheus::MetricFamily> shown;
    for (const auto& family : families_)
      if (!family.metric.empty()) shown.push_back(family);
    return prometheus::TextSerializer().Serialize(shown);
  }

 private:
  prometheus::ClientMetric& make(Metric metric, const std::vector<std::string>& labels) {
    const Description& description = describe(metric);
    prometheus::MetricFamily& family = families_[static_cast<std::size_t>(metric)];
    if (family.name.empty()) {
      family.name = description.name;
      family.help = description.help;
      family.type = type_of(description.type);
    }
    prometheus::ClientMetric& entry = family.metric.emplace_back();
    std::string_view names = description.labels;
    for (const std::string& value : labels) {
      HF_CHECK(!names.empty());
      const std::size_t comma = std::min(names.find(','), names.size());
      entry.label.push_back({std::string(names.substr(0, comma)), value});
      names.remove_prefix(std::min(comma + 1, names.size()));
    }
    HF_CHECK(names.empty());
    return entry;
  }

  static prometheus::MetricType type_of(MetricType type) {
    switch (type) {
      case MetricType::counter:
        return prometheus::MetricType::Counter;
      case MetricType::gauge:
        return prometheus::MetricType::Gauge;
      case MetricType::histogram:
        return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
  }

  std::array<prometheus::MetricFamily, metric_count> families_;
};

void add_plain(const Registry& registry, Page& page) {
  const auto count = [&](Metric metric, Count ThreadCounters::* counter) {
    page.add(metric, {},
             registry.sum([=](const ThreadCounters& thread) { return (thread.*counter).value(); }));
  };
  const auto level = [&](Metric metric, Level ThreadCounters::* counter) {
    const std::int64_t value =
        registry.sum([=](const ThreadCounters& thread) { return (thread.*counter).value(); });
    page.add(metric, {}, static_cast<double>(value));
  };
  level(Metric::requests_in_flight, &ThreadCounters::requests_in_flight);
  level(Metric::requests_waiting, &ThreadCounters::requests_waiting);
  page.add_histogram(Metric::queue_wait, {}, [&](auto read) {
    return registry.sum([&](const ThreadCounters& thread) { return read(thread.queue_wait); });
  });
  level(Metric::client_connections, &ThreadCounters::client_connections);
  level(Metric::streams, &ThreadCounters::streams);
  level(Metric::shadows_in_flight, &ThreadCounters::shadows_in_flight);
  count(Metric::client_connections_opened, &ThreadCounters::client_connections_opened);
  count(Metric::client_received, &ThreadCounters::client_received_bytes);
  count(Metric::client_sent, &ThreadCounters::client_sent_bytes);
  count(Metric::clients_left, &ThreadCounters::clients_left);
  count(Metric::upstream_connections_opened, &ThreadCounters::upstream_connections_opened);
  count(Metric::upstream_received, &ThreadCounters::upstream_received_bytes);
  count(Metric::upstream_sent, &ThreadCounters::upstream_sent_bytes);
  count(Metric::cut_streams, &ThreadCounters::cut_streams);
  count(Metric::continuations, &ThreadCounters::continuations);
  count(Metric::retries_refused, &ThreadCounters::retries_refused);
  count(Metric::hedges_refused, &ThreadCounters::hedges_refused);
  count(Metric::error_events, &ThreadCounters::error_events);
  count(Metric::keepalives, &ThreadCounters::keepalives);
  count(Metric::journal_flushes, &ThreadCounters::journal_flushes);
  count(Metric::bugs, &ThreadCounters::bugs);
}

void add_cache(const Registry& registry, Page& page) {
  for (std::size_t use = 0; use < cache_use_count; ++use) {
    const std::uint64_t count =
        registry.sum([&](const ThreadCounters& thread) { return thread.cache[use].value(); });
    if (count > 0)
      page.add(Metric::cache_requests, {std::string(to_string(static_cast<CacheUse>(use)))}, count);
  }
}

void add_requests(const Registry& registry, Page& page) {
  for (std::size_t route = 0; route < route_count; ++route) {
    const std::string name(to_string(static_cast<Route>(route)));
    for (unsigned status = ThreadCounters::status_low; status <= ThreadCounters::status_high;
         ++status) {
      const std::uint64_t count = registry.sum([&](const ThreadCounters& thread) {
        return thread.answers(static_cast<Route>(route), status);
      });
      if (count > 0) page.add(Metric::requests, {name, std::to_string(status)}, count);
    }
    page.add_histogram(Metric::request_duration, {name}, [&](auto read) {
      return registry.sum(
          [&](const ThreadCounters& thread) { return read(thread.request_duration[route]); });
    });
  }
  for (std::size_t refusal = 0; refusal < refusal_count; ++refusal)
    page.add(Metric::requests_refused, {std::string(to_string(static_cast<Refusal>(refusal)))},
             registry.sum(
                 [&](const ThreadCounters& thread) { return thread.refusals[refusal].value(); }));
}

void add_service(const Registry& registry, std::size_t index, const ServiceName& name, Page& page) {
  for (std::size_t end = 0; end < request_end_count; ++end) {
    const std::uint64_t count = registry.sum_service(
        index, [&](const ServiceCounters& service) { return service.requests[end].value(); });
    const std::string label(to_string(static_cast<RequestEnd>(end)));
    if (count > 0) page.add(Metric::service_requests, {name.model, name.service, label}, count);
  }
  const std::uint64_t cost = registry.sum_service(
      index, [](const ServiceCounters& service) { return service.cost_nano_usd.value(); });
  if (cost > 0)
    page.add(Metric::service_cost, {name.model, name.service}, static_cast<double>(cost) / 1e9);
  page.add_histogram(Metric::service_request_duration, {name.model, name.service}, [&](auto read) {
    return registry.sum_service(
        index, [&](const ServiceCounters& service) { return read(service.duration); });
  });
}

void add_limits(const Registry& registry, Page& page) {
  for (std::size_t scope = 0; scope < config::limit_scope_count; ++scope)
    for (std::size_t kind = 0; kind < config::limit_kind_count; ++kind) {
      const std::uint64_t count = registry.sum(
          [&](const ThreadCounters& thread) { return thread.limits[scope][kind].value(); });
      if (count == 0) continue;
      page.add(Metric::requests_limited,
               {std::string(config::to_string(static_cast<config::LimitScope>(scope))),
                std::string(config::to_string(static_cast<config::LimitKind>(kind)))},
               count);
    }
  for (std::size_t rank = 0; rank < service_class_count; ++rank)
    for (std::size_t why = 0; why < shed_count; ++why) {
      const std::uint64_t count = registry.sum(
          [&](const ThreadCounters& thread) { return thread.sheds[rank][why].value(); });
      if (count == 0) continue;
      page.add(Metric::requests_shed,
               {std::string(to_string(static_cast<ServiceClass>(rank))),
                std::string(to_string(static_cast<Shed>(why)))},
               count);
    }
}

void add_target(const Registry& registry, std::size_t index, const TargetName& name, Page& page) {
  const auto by_failure = [&](Metric metric, auto counters) {
    for (std::size_t failure = 0; failure < failure_class_count; ++failure) {
      const std::uint64_t count = registry.sum_target(
          index, [&](const TargetCounters& target) { return (target.*counters)[failure].value(); });
      const std::string label(to_string(static_cast<FailureClass>(failure)));
      if (count > 0) page.add(metric, {name.provider, name.model, label}, count);
    }
  };
  by_failure(Metric::attempts, &TargetCounters::attempts);
  by_failure(Metric::failovers, &TargetCounters::failovers);
  for (std::size_t kind = 0; kind < token_kind_count; ++kind) {
    const std::uint64_t count = registry.sum_target(
        index, [&](const TargetCounters& target) { return target.tokens[kind].value(); });
    const std::string label(to_string(static_cast<TokenKind>(kind)));
    if (count > 0) page.add(Metric::tokens, {name.provider, name.model, label}, count);
  }
  const auto total = [&](Metric metric, Count TargetCounters::* counter, double unit) {
    const std::uint64_t sum = registry.sum_target(
        index, [&](const TargetCounters& target) { return (target.*counter).value(); });
    if (sum > 0) page.add(metric, {name.provider, name.model}, static_cast<double>(sum) * unit);
  };
  constexpr double nano = 1e-9;
  total(Metric::cost, &TargetCounters::cost_nano_usd, nano);
  total(Metric::unknown_costs, &TargetCounters::unknown_costs, 1);
  total(Metric::hedges, &TargetCounters::hedges, 1);
  total(Metric::hedges_won, &TargetCounters::hedges_won, 1);
  const auto histogram = [&](Metric metric, Histogram TargetCounters::* histogram_of) {
    page.add_histogram(metric, {name.provider, name.model}, [&](auto read) {
      return registry.sum_target(
          index, [&](const TargetCounters& target) { return read(target.*histogram_of); });
    });
  };
  by_failure(Metric::shadows, &TargetCounters::shadows);
  for (std::size_t why = 0; why < shadow_drop_count; ++why) {
    const std::uint64_t count = registry.sum_target(
        index, [&](const TargetCounters& target) { return target.shadows_dropped[why].value(); });
    const std::string label(to_string(static_cast<ShadowDrop>(why)));
    if (count > 0) page.add(Metric::shadows_dropped, {name.provider, name.model, label}, count);
  }
  histogram(Metric::shadow_duration, &TargetCounters::shadow_duration);
  histogram(Metric::shadow_first_content, &TargetCounters::shadow_first_content);
  histogram(Metric::attempt_duration, &TargetCounters::attempt_duration);
  histogram(Metric::time_to_first_content, &TargetCounters::time_to_first_content);
}
}  // namespace

std::string Registry::expose() const {
  Page page;
  add_plain(*this, page);
  add_requests(*this, page);
  add_limits(*this, page);
  const std::vector<TargetName> names = targets();
  for (std::size_t i = 0; i < names.size(); ++i) add_target(*this, i, names[i], page);
  add_cache(*this, page);
  const auto by_service = services();
  for (std::size_t i = 0; i < by_service.size(); ++i) add_service(*this, i, by_service[i], page);
  std::unique_lock lock(mutex_);
  const auto providers = providers_;  // called without the lock: they may ask the registry
  lock.unlock();
  for (const auto& [metric, provide] : providers)
    for (const Sample& sample : provide()) page.add(metric, sample.labels, sample.value);
  page.add(Metric::log_lines_dropped, {}, log::dropped());
  page.add(Metric::build_info, {version_}, 1.0);
  const ProcessFacts facts = process_facts();
  page.add(Metric::process_resident_memory, {}, facts.resident_bytes);
  page.add(Metric::process_open_fds, {}, facts.open_fds);
  page.add(Metric::process_start_time, {}, facts.started_seconds);
  page.add(Metric::process_cpu, {}, facts.cpu_seconds);
  return page.text();
}

}  // namespace holdfast::observe
