#include "net/watchdog.h"

namespace holdfast::net {
namespace {
constexpr Duration shortest_sleep = std::chrono::milliseconds(25);
// So that a loop whose work is done ends soon: the timer is not taken back when the last operation
// ends, since the next one would set it again.
constexpr Duration longest_sleep = std::chrono::milliseconds(250);
}  // namespace

Watchdog::Watchdog(asio::io_context& loop, const Clock& clock, Alarm alarm)
    : clock_(clock), timer_(loop), alarm_(std::move(alarm)) {}

Watchdog::~Watchdog() {
  *alive_ = false;
  while (armed_.next != &armed_) armed_.next->unlink();
}

void Watchdog::arm(Node& node, Deadline deadline) {
  node.unlink();
  if (deadline == no_deadline) return;
  node.deadline_ = deadline;
  node.insert_before(armed_);
  if (deadline < earliest_) earliest_ = deadline;
  const bool timer_serves = wakes_ != no_deadline && wakes_ <= deadline + shortest_sleep;
  if (!timer_serves) set_timer(clock_.now());
}

void Watchdog::set_timer(MonoTime now) {
  const Duration sleep = earliest_ <= now
                             ? shortest_sleep
                             : std::clamp<Duration>(earliest_ - now, shortest_sleep, longest_sleep);
  if (wakes_ != no_deadline && wakes_ <= now + sleep) return;
  wakes_ = now + sleep;
  if (alarm_) return alarm_(wakes_);
  timer_.expires_after(sleep);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) alarmed();
  });
}

void Watchdog::alarmed() {
  wakes_ = no_deadline;
  check();
}

void Watchdog::check() {
  const MonoTime now = clock_.now();
  if (earliest_ <= now) {
    Link due;
    earliest_ = no_deadline;
    for (Link* link = armed_.next; link != &armed_;) {
      Node& node = static_cast<Node&>(*link);
      link = link->next;
      if (node.deadline_ > now) {
        earliest_ = std::min(earliest_, node.deadline_);
        continue;
      }
      node.unlink();
      node.insert_before(due);
    }
    const std::shared_ptr<bool> alive = alive_;
    while (due.next != &due) {
      Node& node = static_cast<Node&>(*due.next);
      node.unlink();
      if (*alive) node.expire();
    }
    if (!*alive) return;
  }
  if (armed_.next != &armed_) set_timer(now);
}

}  // namespace holdfast::net
