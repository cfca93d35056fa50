#include "observe/registry.h"

#include <algorithm>

namespace holdfast::observe {

Registry::Registry(std::string version) : version_(std::move(version)) {}

ThreadCounters& Registry::add_thread() {
  const std::scoped_lock lock(mutex_);
  threads_.push_back(std::make_unique<ThreadCounters>());
  return *threads_.back();
}

namespace {
// The number of a pair of names; beyond `most` pairs all share the last, named `other`.
template <class Name>
std::size_t number_of(std::string_view first, std::string_view second, std::vector<Name>& names,
                      std::map<std::pair<std::string, std::string>, std::size_t>& indexes,
                      std::size_t most) {
  std::pair key{std::string(first), std::string(second)};
  const auto known = indexes.find(key);
  if (known != indexes.end()) return known->second;
  if (names.size() >= most) {
    if (names.size() == most) names.push_back({"other", "other"});
    return most;
  }
  names.push_back({key.first, key.second});
  indexes.emplace(std::move(key), names.size() - 1);
  return names.size() - 1;
}
}  // namespace

std::size_t Registry::target_index(std::string_view provider, std::string_view model) {
  const std::scoped_lock lock(mutex_);
  return number_of(provider, model, targets_, target_indexes_, limits::targets_total);
}

std::size_t Registry::service_index(std::string_view model, std::string_view service) {
  const std::scoped_lock lock(mutex_);
  return number_of(model, service, services_, service_indexes_, limits::services_total);
}

std::vector<ServiceName> Registry::services() const {
  const std::scoped_lock lock(mutex_);
  return services_;
}

std::size_t Registry::credential_index(std::string_view provider, std::string_view which,
                                       std::size_t most) {
  const std::scoped_lock lock(mutex_);
  std::pair key{std::string(provider), std::string(which)};
  const auto known = credential_indexes_.find(key);
  if (known != credential_indexes_.end()) return known->second;
  const std::size_t next = std::min(credential_indexes_.size(), most);
  if (next < most) credential_indexes_.emplace(std::move(key), next);
  return next;
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
  of(Metric::records_unsealed, [](const Totals& totals) { return totals.unsealed; });
  of(Metric::journal_bytes, [](const Totals& totals) { return totals.journal_bytes; });
  of(Metric::records_lossy,
     [](const Totals& totals) { return totals.lossy || !totals.store_error.empty() ? 1 : 0; });
}

}  // namespace holdfast::observe
