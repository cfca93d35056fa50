#include "observe/quantile.h"

#include <gtest/gtest.h>

namespace holdfast::observe {
namespace {

TEST(Quantile, NothingCountedHasNone) { EXPECT_FALSE(quantile_us({}, 0.5)); }

TEST(Quantile, LiesWithinTheBucketThatHoldsIt) {
  BucketCounts counts{};
  counts[2] = 90;  // 1 ms to 2.5 ms
  counts[7] = 10;  // 50 ms to 100 ms
  EXPECT_EQ(quantile_us(counts, 0.45), 1'750);
  EXPECT_EQ(quantile_us(counts, 0.9), 2'500);
  EXPECT_EQ(quantile_us(counts, 0.95), 75'000);
  EXPECT_EQ(quantile_us(counts, 1), 100'000);
}

TEST(Quantile, BeyondTheLastBoundIsTheBound) {
  BucketCounts counts{};
  counts.back() = 1;
  EXPECT_EQ(quantile_us(counts, 0.5), bucket_bounds_us.back());
}

TEST(Quantile, AddsThreadsAndTargets) {
  Registry registry("test");
  const std::size_t near = registry.target_index("a", "m"), far = registry.target_index("b", "m");
  const std::size_t other = registry.target_index("c", "m");
  for (int thread = 0; thread < 2; ++thread) {
    ThreadCounters& counters = registry.add_thread();
    counters.target(near).attempt_duration.observe_us(2'000);
    counters.target(far).attempt_duration.observe_us(60'000);
    counters.target(other).attempt_duration.observe_us(400'000'000);
  }
  const std::size_t both[] = {near, far};
  const BucketCounts counts = merge(registry, both, &TargetCounters::attempt_duration);
  EXPECT_EQ(total(counts), 4U);
  EXPECT_EQ(quantile_us(counts, 1), 100'000);
}

}  // namespace
}  // namespace holdfast::observe
