#include "vault/schedule.h"

#include <algorithm>

namespace holdfast::vault {
namespace {
using namespace std::chrono_literals;
constexpr Duration ahead = 5min;
constexpr Duration shortest_wait = 1s;
constexpr Duration longest_backoff = 60s;
constexpr Duration longest_asked = 5min;

// Uniform in [0, most].
Duration up_to(Duration most, Random& random) {
  return Duration(
      random.below(static_cast<std::uint64_t>(std::max(most.count(), Duration::rep{0})) + 1));
}
}  // namespace

Duration refresh_after(Duration life, Random& random) {
  const Duration latest = std::max(life / 5 * 4, life - ahead);
  return std::max(shortest_wait, latest - up_to((life - latest) / 10, random));
}

Duration renew_after(Duration life, Random& random) {
  const Duration latest = life / 3 * 2;
  return std::max(shortest_wait, latest - up_to(latest / 10, random));
}

Duration retry_after(int failures, Duration asked, Random& random) {
  const Duration full =
      std::min<Duration>(longest_backoff, 1s * (1L << std::clamp(failures - 1, 0, 6)));
  return std::max(full - up_to(full / 4, random), std::min(asked, longest_asked));
}

}  // namespace holdfast::vault
