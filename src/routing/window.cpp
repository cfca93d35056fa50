#include "routing/window.h"

namespace holdfast::routing {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::uint64_t most = 0xffff;  // per bucket; what comes beyond changes no rate

// A bucket's word: 32 bits of when, 16 of failures, 16 of total.
std::uint64_t tick_of(MonoTime now, Duration window) {
  const auto bucket = window.count() / static_cast<std::int64_t>(OutcomeWindow::bucket_count);
  return static_cast<std::uint64_t>(Duration(now.time_since_epoch()).count() / bucket);
}
std::uint32_t when(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32U); }
std::uint32_t failures(std::uint64_t word) {
  return static_cast<std::uint32_t>((word >> 16U) & most);
}
std::uint32_t total(std::uint64_t word) { return static_cast<std::uint32_t>(word & most); }

}  // namespace

void OutcomeWindow::add(MonoTime now, Duration window, bool failed) {
  const std::uint64_t tick = tick_of(now, window);
  std::atomic<std::uint64_t>& bucket = buckets_[tick % bucket_count];
  const std::uint64_t one = failed ? (1U << 16U) + 1U : 1U;
  std::uint64_t word = bucket.load(relaxed);
  std::uint64_t next = 0;
  do {
    const bool current = when(word) == static_cast<std::uint32_t>(tick);
    if (current && total(word) == most) return;
    next = current ? word + one : (tick << 32U) + one;
  } while (!bucket.compare_exchange_weak(word, next, relaxed));
}

WindowCounts OutcomeWindow::counts(MonoTime now, Duration window) const {
  const auto tick = static_cast<std::uint32_t>(tick_of(now, window));
  WindowCounts out;
  for (const auto& bucket : buckets_) {
    const std::uint64_t word = bucket.load(relaxed);
    if (tick - when(word) >= bucket_count) continue;  // of an earlier turn
    out.total += total(word);
    out.failures += failures(word);
  }
  return out;
}

void OutcomeWindow::clear() {
  for (auto& bucket : buckets_) bucket.store(0, relaxed);
}

}  // namespace holdfast::routing
