#include "server/regions.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "observe/quantile.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;
using observe::BucketCounts;

json::value named(const std::string& region) {
  return region.empty() ? json::value() : json::value(region);
}

json::value milliseconds(const BucketCounts& counts, double share) {
  const auto found = observe::quantile_us(counts, share);
  return found ? json::value(static_cast<double>(*found) / 1000) : json::value();
}

json::object durations(const BucketCounts& counts) {
  return {{"p50", milliseconds(counts, 0.5)}, {"p95", milliseconds(counts, 0.95)}};
}

}  // namespace

json::value regions_json(const AdminState& state) {
  std::map<std::string, std::string> region_of;  // each provider's
  for (const provider::Settings& one : state.settings.providers) region_of[one.name] = one.region;
  std::map<std::string, std::set<std::size_t>> regions;  // of each, the targets in the counters
  for (const auto& [name, model] : state.snapshot->models)
    for (std::size_t i = 0; i < model.targets.size(); ++i)
      regions[region_of[model.targets[i].provider->name]].insert(model.indices[i]);
  json::array pairs;
  for (const auto& [region, indexes] : regions) {
    const std::vector<std::size_t> targets(indexes.begin(), indexes.end());
    const BucketCounts whole =
        observe::merge(state.registry, targets, &observe::TargetCounters::attempt_duration);
    const BucketCounts first =
        observe::merge(state.registry, targets, &observe::TargetCounters::time_to_first_content);
    pairs.push_back(json::object{{"from", named(state.settings.region)},
                                 {"to", named(region)},
                                 {"targets", targets.size()},
                                 {"attempts", observe::total(whole)},
                                 {"first_content_ms", durations(first)},
                                 {"total_ms", durations(whole)}});
  }
  return json::object{{"pairs", std::move(pairs)}};
}

}  // namespace holdfast::server
