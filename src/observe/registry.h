// All that is counted and measured: owns the threads' counters, names the targets, and shows
// everything in Prometheus' text format.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "observe/counters.h"
#include "observe/metrics.h"
#include "records/drain.h"

namespace holdfast::observe {

// One value of a metric that is asked for at each scrape.
struct Sample {
  std::vector<std::string> labels;  // values, in the order of Description::labels
  double value = 0;
};
using Provide = std::function<std::vector<Sample>()>;

struct TargetName {
  std::string provider, model;
};

struct ServiceName {
  std::string model, service;  // a logical model; whose key it was, empty: not said
};

class Registry {  // thread-safe
 public:
  // version: of the program, for holdfast_build_info
  explicit Registry(std::string version);

  // The counters of one more loop thread; they live as long as the registry.
  ThreadCounters& add_thread();
  // The number of a target in every thread's counters: the same for the same names, never given
  // away again. Beyond limits::targets_total, all share the last, named `other`.
  std::size_t target_index(std::string_view provider, std::string_view model);
  std::vector<TargetName> targets() const;
  // The same for the requests of a service for a logical model.
  std::size_t service_index(std::string_view model, std::string_view service);
  std::vector<ServiceName> services() const;
  // The number of one of several keys of a provider: the same for the same key, whatever its place
  // in the file, never given away again. Beyond `most`, all share the last.
  //   which   tells the key from others without holding it
  std::size_t credential_index(std::string_view provider, std::string_view which, std::size_t most);

  // Names who tells `metric` at each scrape, on the scraping thread; replaces an earlier one.
  // An empty answer leaves the metric out.
  void provide(Metric metric, Provide read);
  void provide(Metric metric, std::function<double()> read);  // a metric without labels
  // Provides the metrics of the records; `drain` outlives the registry's last scrape.
  void provide_records(const records::Drain& drain);

  // Everything, in Prometheus' text format (version 0.0.4).
  std::string expose() const;

  // The sum over all threads of what `read` returns for one.
  template <class Read>
  auto sum(Read read) const {
    const std::scoped_lock lock(mutex_);
    decltype(read(*threads_.front())) total{};
    for (const auto& thread : threads_) total += read(*thread);
    return total;
  }
  // The same for what each thread counts of one target.
  template <class Read>
  auto sum_target(std::size_t index, Read read) const {
    return sum([&](const ThreadCounters& thread) -> decltype(read(*thread.find_target(index))) {
      const TargetCounters* target = thread.find_target(index);
      return target == nullptr ? 0 : read(*target);
    });
  }
  // The same for what each thread counts of one service.
  template <class Read>
  auto sum_service(std::size_t index, Read read) const {
    return sum([&](const ThreadCounters& thread) -> decltype(read(*thread.find_service(index))) {
      const ServiceCounters* service = thread.find_service(index);
      return service == nullptr ? 0 : read(*service);
    });
  }

 private:
  using Names = std::map<std::pair<std::string, std::string>, std::size_t>;
  const std::string version_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ThreadCounters>> threads_;
  std::vector<TargetName> targets_;
  std::vector<ServiceName> services_;
  Names target_indexes_, service_indexes_, credential_indexes_;
  std::map<Metric, Provide> providers_;
};

}  // namespace holdfast::observe
