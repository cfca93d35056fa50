#include "routing/first_content.h"

#include <algorithm>
#include <bit>

namespace holdfast::routing {
namespace {
constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::int64_t unit_us = 250;  // a quarter of the first octave

// The bucket of a time is the place of its highest bit and the two bits after it.
std::size_t bucket_of(std::int64_t took_us, std::size_t steps, std::size_t count) {
  const auto units = static_cast<std::uint64_t>(std::max<std::int64_t>(took_us, 0) / unit_us);
  if (units < steps) return 0;  // less than a millisecond
  const auto octave = static_cast<std::size_t>(std::bit_width(units)) - 3;
  const std::size_t bucket = octave * steps + (units >> octave) - steps;
  return std::min(bucket, count - 1);
}

std::int64_t begin_us(std::size_t bucket, std::size_t steps) {
  return unit_us * static_cast<std::int64_t>((steps + bucket % steps) << (bucket / steps));
}
}  // namespace

void FirstContentTimes::note(std::int64_t took_us) {
  buckets_[bucket_of(took_us, steps, buckets_.size())].fetch_add(1, relaxed);
  std::uint32_t total = total_.fetch_add(1, relaxed) + 1;
  if (total >= most && total_.compare_exchange_strong(total, total / 2, relaxed)) forget_half();
}

void FirstContentTimes::forget_half() {
  std::uint32_t left = 0;
  for (auto& bucket : buckets_) {
    const std::uint32_t half = bucket.load(relaxed) / 2;
    bucket.store(half, relaxed);
    left += half;
  }
  total_.store(left, relaxed);  // odd ones were rounded down
}

std::optional<Duration> FirstContentTimes::within(int percent) const {
  std::array<std::uint32_t, octaves * steps> counts{};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) total += counts[i] = buckets_[i].load(relaxed);
  if (total < least) return std::nullopt;
  const std::uint64_t wanted = (total * static_cast<std::uint64_t>(percent) + 99) / 100;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (before + counts[i] < wanted) {
      before += counts[i];
      continue;
    }
    // As if those of a bucket were spread evenly over it.
    const std::int64_t begin = begin_us(i, steps);
    const auto part = static_cast<std::int64_t>(wanted - before);
    const std::int64_t width = begin_us(i + 1, steps) - begin;
    return std::chrono::microseconds(begin + width * part / counts[i]);
  }
  return std::nullopt;
}

}  // namespace holdfast::routing
