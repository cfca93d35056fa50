#include "simulation/measures.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulation/invariants.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
constexpr std::size_t slice_count = 10;
constexpr std::int64_t requests_in_window = 50;  // of which the slowest is about the p99
// A window is normal when its p99 is at most half as long again as usual.
constexpr std::int64_t normal_times_two = 3;

bool is_error(const Fate& fate) {
  switch (fate.ending) {
    case Ending::whole:
    case Ending::left:
    case Ending::pending:
      return false;
    case Ending::cut:
    case Ending::error_event:
    case Ending::error_status:
    case Ending::no_answer:
      return true;
  }
  return false;
}

// Whether the client had something of an answer before the error.
bool had_begun(const Fate& fate) { return is_error(fate) && fate.tokens > 0; }

Duration sent_at(const Fate& fate) { return fate.sent.time_since_epoch(); }

std::optional<Duration> p99_of(std::vector<Duration>& times) {
  if (times.empty()) return std::nullopt;
  const auto place = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) * 99 / 100);
  std::ranges::nth_element(times, place);
  return *place;
}

class Measurement {
 public:
  explicit Measurement(const Course& course) : course_(course), fates_(course.history.fates) {}

  Measures take() {
    count();
    measure_usual();
    for (const Fault& fault : course_.scenario.faults) measure_fault(fault);
    for (std::size_t i = 0; i < slice_count; ++i) measure_slice(i);
    return std::move(out_);
  }

 private:
  void count() {
    std::uint64_t away = 0, away_attempts = 0;
    for (std::size_t i = 0; i < fates_.size(); ++i) {
      const Fate& fate = fates_[i];
      ++out_.requests;
      if (fate.ending == Ending::whole) ++out_.whole;
      if (fate.ending == Ending::left) ++out_.left;
      if (had_begun(fate))
        ++out_.broken;
      else if (is_error(fate))
        ++out_.errors;
      if (is_error(fate)) ++out_.kinds[kind_of(fate)];
      out_.attempts += course_.attempts.at(i);
      if (!all_away(course_, fate.sent, fate.ended)) continue;
      ++away;
      away_attempts += course_.attempts[i];
    }
    if (away > 0)
      out_.amplification = static_cast<double>(away_attempts) / static_cast<double>(away);
  }

  static std::string kind_of(const Fate& fate) {
    if (fate.ending == Ending::error_status) return fmt::format("status {}", fate.status);
    return std::string(to_string(fate.ending));
  }

  // The times until the first content of what was sent from `from` until `until`; nothing where one
  // got an error.
  std::optional<std::vector<Duration>> times(Duration from, Duration until) const {
    std::vector<Duration> out;
    for (const Fate& fate : fates_) {
      if (sent_at(fate) < from || sent_at(fate) >= until) continue;
      if (is_error(fate)) return std::nullopt;
      if (fate.tokens > 0) out.push_back(fate.first_content - fate.sent);
    }
    return out;
  }

  void measure_usual() {
    Duration until = course_.scenario.lasts;
    for (const Fault& fault : course_.scenario.faults) until = std::min<Duration>(until, fault.at);
    std::vector<Duration> all;
    for (const Fate& fate : fates_)
      if (fate.tokens > 0 && !is_error(fate) && sent_at(fate) < until)
        all.push_back(fate.first_content - fate.sent);
    out_.usual_p99 = p99_of(all);
  }

  void measure_fault(const Fault& fault) {
    FaultMeasures& one = out_.faults.emplace_back();
    const Duration from = fault.at;
    const Duration until = std::min<Duration>(fault.at + fault.lasts, course_.scenario.lasts);
    std::vector<int> whose;
    for (std::size_t i = 0; i < course_.windows.size(); ++i)
      for (const Window& window : course_.windows[i])
        if (window.of == &fault - course_.scenario.faults.data())
          whose.push_back(static_cast<int>(i));
    for (const int provider : whose)
      one.whose +=
          (one.whose.empty() ? "" : ", ") + course_.providers[static_cast<std::size_t>(provider)];
    for (const BreakerTurn& turn : course_.breakers) {
      const int provider = course_.target_providers[turn.target];
      const bool out =
          turn.state == routing::BreakerState::open || turn.state == routing::BreakerState::cooling;
      const Duration at = turn.at.time_since_epoch();
      if (out && !one.detected && at >= from && at < until &&
          std::ranges::find(whose, provider) != whose.end())
        one.detected = at - from;
    }
    for (const Fate& fate : fates_)
      if (is_error(fate) && sent_at(fate) >= from && sent_at(fate) < until) ++one.errors;
    one.normal = time_to_normal(from, until);
    for (const Arrival& arrival : course_.history.arrivals) {
      const Duration at = arrival.at.time_since_epoch();
      const bool theirs = std::ranges::find(whose, arrival.provider) != whose.end();
      if (!theirs || at < until || !arrival.answered || arrival.status != 200) continue;
      one.back = at - until;
      break;
    }
  }

  std::optional<Duration> time_to_normal(Duration from, Duration until) const {
    if (!out_.usual_p99) return std::nullopt;
    const std::int64_t rate = requests_per_second();
    const Duration step = std::chrono::seconds((requests_in_window + rate - 1) / rate);
    std::optional<Duration> normal;
    for (Duration at = from; at < until; at += step) {
      auto taken = times(at, std::min(at + step, until));
      const std::optional<Duration> p99 = taken ? p99_of(*taken) : std::nullopt;
      const bool fine = taken && (!p99 || 2 * *p99 <= normal_times_two * *out_.usual_p99);
      if (!fine) normal.reset();
      if (fine && !normal) normal = at - from;
    }
    return normal;
  }

  // Of a script on average, at least one.
  std::int64_t requests_per_second() const {
    if (!course_.scenario.script) return course_.scenario.traffic.requests_per_second;
    const std::int64_t seconds =
        std::max<std::int64_t>(1, course_.scenario.lasts / std::chrono::seconds(1));
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(fates_.size()) / seconds);
  }

  void measure_slice(std::size_t index) {
    const Duration whole = course_.scenario.lasts;
    Slice slice;
    slice.from = whole / slice_count * static_cast<std::int64_t>(index);
    slice.until = whole / slice_count * static_cast<std::int64_t>(index + 1);
    slice.answered.resize(course_.providers.size());
    std::vector<Duration> first;
    for (const Fate& fate : fates_) {
      if (sent_at(fate) < slice.from || sent_at(fate) >= slice.until) continue;
      ++slice.requests;
      if (is_error(fate)) ++slice.errors;
      if (fate.ending != Ending::whole) continue;
      ++slice.answered[static_cast<std::size_t>(fate.provider)];
      first.push_back(fate.first_content - fate.sent);
    }
    slice.p99 = p99_of(first);
    out_.slices.push_back(std::move(slice));
  }

  const Course& course_;
  const std::vector<Fate>& fates_;
  Measures out_;
};
}  // namespace

Measures measure(const Course& course) { return Measurement(course).take(); }

}  // namespace holdfast::simulation
