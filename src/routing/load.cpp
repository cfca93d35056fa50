#include "routing/load.h"

#include <algorithm>
#include <cmath>

namespace holdfast::routing {
namespace {
constexpr auto relaxed = std::memory_order_relaxed;
// Of a target whose first answer is under way: more than any that has been measured (2^47 - 1).
constexpr double penalty_us = 140'737'488'355'327.0;

std::int64_t to_ns(MonoTime time) { return Duration(time.time_since_epoch()).count(); }

// What is left of a cost after the time between; clocks of threads may be a little apart.
double left_after(std::int64_t ns) {
  const double passed = static_cast<double>(std::max<std::int64_t>(ns, 0));
  return std::exp(-passed / static_cast<double>(PeakEwma::time_constant.count()));
}
}  // namespace

void PeakEwma::observe(double value, MonoTime now) {
  const std::int64_t before = stamp_.load(relaxed);
  const double old = value_.load(relaxed);
  const double left = left_after(to_ns(now) + 1 - before);
  const bool peak = before == 0 || value > old;
  value_.store(peak ? value : old * left + value * (1 - left), relaxed);
  stamp_.store(to_ns(now) + 1, relaxed);
}

void PeakEwma::raise(double value, MonoTime now) {
  if (value > at(now)) suppose(value, now);
}

double PeakEwma::at(MonoTime now) const {
  const std::int64_t before = stamp_.load(relaxed);
  return before == 0 ? 0 : value_.load(relaxed) * left_after(to_ns(now) + 1 - before);
}

void PeakEwma::suppose(double value, MonoTime now) {
  value_.store(value, relaxed);
  stamp_.store(to_ns(now) + 1, relaxed);
}

void LoadTable::answered(std::size_t target, const Pace& pace, MonoTime now) {
  Entry& entry = entries_[target];
  const auto total = static_cast<double>(pace.total_us);
  if (pace.first_content_us >= 0) {
    const auto first = static_cast<double>(pace.first_content_us);
    entry.first_token.observe(first, now);
    if (pace.tokens_out >= 2)
      entry.per_token.observe(
          std::max(total - first, 0.0) / static_cast<double>(pace.tokens_out - 1), now);
    return;
  }
  const auto tokens = static_cast<double>(std::max<std::int64_t>(pace.tokens_out, 0));
  entry.first_token.observe(std::max(total - tokens * entry.per_token.at(now), 0.0), now);
}

void LoadTable::failed_after(std::size_t target, std::int64_t took_us, MonoTime now) {
  entries_[target].first_token.raise(static_cast<double>(took_us), now);
}

double LoadTable::predicted_us(std::size_t target, std::int64_t tokens, MonoTime now) const {
  const Entry& entry = entries_[target];
  const auto pending = static_cast<double>(std::max<std::int64_t>(in_flight(target), 0));
  if (!entry.first_token.known() && pending > 0) return penalty_us + pending;
  const double cost =
      entry.first_token.at(now) + static_cast<double>(tokens) * entry.per_token.at(now);
  return cost * (pending + 1);
}

double LoadTable::first_token_us(std::size_t target, MonoTime now) const {
  return entries_[target].first_token.at(now);
}

double LoadTable::per_token_us(std::size_t target, MonoTime now) const {
  return entries_[target].per_token.at(now);
}

void LoadTable::suppose(std::size_t target, std::int64_t in_flight, double first_token_us,
                        double per_token_us, MonoTime now) {
  Entry& entry = entries_[target];
  if (in_flight >= 0) entry.in_flight.store(in_flight, relaxed);
  if (first_token_us >= 0) entry.first_token.suppose(first_token_us, now);
  if (per_token_us >= 0) entry.per_token.suppose(per_token_us, now);
}

}  // namespace holdfast::routing
