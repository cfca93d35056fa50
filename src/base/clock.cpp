#include "base/clock.h"

namespace holdfast {
namespace {
struct SystemClock final : Clock {
  MonoTime now() const override { return std::chrono::steady_clock::now(); }
  std::int64_t wall_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};
}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}
}  // namespace holdfast
