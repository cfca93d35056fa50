#include "observe/registry.h"

namespace holdfast::observe {

Registry::Registry(std::string version) : version_(std::move(version)) {}

ThreadCounters& Registry::add_thread() {
  const std::scoped_lock lock(mutex_);
  threads_.push_back(std::make_unique<ThreadCounters>());
  return *threads_.back();
}

std::size_t Registry::target_index(std::string_view provider, std::string_view model) {
  const std::scoped_lock lock(mutex_);
  std::pair key{std::string(provider), std::string(model)};
  const auto known = target_indexes_.find(key);
  if (known != target_indexes_.end()) return known->second;
  if (targets_.size() >= limits::targets_total) {
    if (targets_.size() == limits::targets_total) targets_.push_back({"other", "other"});
    return limits::targets_total;
  }
  targets_.push_back({key.first, key.second});
  target_indexes_.emplace(std::move(key), targets_.size() - 1);
  return targets_.size() - 1;
}

std::vector<TargetName> Registry::targets() const {
  const std::scoped_lock lock(mutex_);
  return targets_;
}

void Registry::provide(Metric metric, Provide read) {
  const std::scoped_lock lock(mutex_);
  providers_.insert_or_assign(metric, std::move(read));
}

void Registry::provide(Metric metric, std::function<double()> read) {
  provide(metric, [read = std::move(read)] { return std::vector<Sample>{{{}, read()}}; });
}

void Registry::provide_records(const records::Drain& drain) {
  const auto of = [&](Metric metric, auto read) {
    provide(metric, std::function<double()>(
                        [&drain, read] { return static_cast<double>(read(drain.totals())); }));
  };
  using records::Totals;
  of(Metric::records_settled, [](const Totals& totals) { return totals.settled; });
  of(Metric::records_unsettled, [](const Totals& totals) { return totals.unsettled; });
  of(Metric::records_open, [](const Totals& totals) { return totals.open; });
  of(Metric::records_lost, [](const Totals& totals) { return totals.lost; });
  of(Metric::records_lag, [](const Totals& totals) { return totals.lag_records; });
  of(Metric::journal_bytes, [](const Totals& totals) { return totals.journal_bytes; });
  of(Metric::records_lossy,
     [](const Totals& totals) { return totals.lossy || !totals.store_error.empty() ? 1 : 0; });
}

}  // namespace holdfast::observe
