#include "simulation/timeline.h"

#include <algorithm>

#include "net/signal.h"

namespace holdfast::simulation {
std::int64_t Timeline::VirtualClock::wall_us() const {
  return first_us_ +
         std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()).count();
}

Timeline::Timeline(std::int64_t wall_us)
    : clock_(wall_us),
      work_(loop_.get_executor()),
      watchdog_(loop_, clock_, [this](MonoTime when) { alarm_ = when; }) {}

bool Timeline::later(const Event& a, const Event& b) {
  return a.when != b.when ? a.when > b.when : a.order > b.order;
}

void Timeline::at(MonoTime when, std::function<void()> what) {
  events_.push_back({std::max(when, now()), ordered_++, std::move(what)});
  std::push_heap(events_.begin(), events_.end(), later);
}

Task<void> Timeline::sleep_until(MonoTime when) {
  net::Signal due(loop_, watchdog_);
  at(when, [&due] { due.notify(); });
  const Result<void> slept = co_await due.wait(net::no_deadline);
  (void)slept;  // nothing else ends it
}

void Timeline::run_until(MonoTime end) {
  while (true) {
    loop_.poll();
    const MonoTime event = events_.empty() ? net::no_deadline : events_.front().when;
    const MonoTime next = std::min(event, alarm_);
    if (next > end) break;
    if (next > now()) {
      clock_.set(next);
      ++jumps_;
    }
    if (event <= alarm_) {
      std::pop_heap(events_.begin(), events_.end(), later);
      const std::function<void()> what = std::move(events_.back().what);
      events_.pop_back();
      what();
    } else {
      alarm_ = net::no_deadline;
      watchdog_.alarmed();
    }
  }
  clock_.set(std::max(now(), end));
}

}  // namespace holdfast::simulation
