// The deadlines of one loop's operations, kept so cheaply that every read and write can have one:
// arming is a few stores, and one timer serves all.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "net/task.h"

namespace holdfast::net {

// Used by one thread, the loop's. A deadline is noticed at most 25 ms late.
class Watchdog {
  struct Link {
    Link* previous = this;
    Link* next = this;
    void unlink();
    void insert_before(Link& other);
  };

 public:
  // What is watched. Leaves the watchdog when it is destroyed.
  class Node : private Link {
   public:
    Node() = default;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

   protected:
    ~Node() { unlink(); }
    // Called once the deadline has passed; the node is disarmed by then. It may arm, disarm and
    // destroy nodes, this one too. Never called from arm().
    virtual void expire() = 0;

   private:
    friend class Watchdog;
    Deadline deadline_ = no_deadline;
  };

  // Asked to call alarmed() at a time; only the last time asked for counts.
  using Alarm = std::function<void(MonoTime)>;

  //   alarm   wakes it in place of a timer of the loop, where time is not the machine's; may be
  //           empty
  Watchdog(asio::io_context& loop, const Clock& clock, Alarm alarm = {});
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Watches `node` from now on, in place of an earlier deadline of its own.
  void arm(Node& node, Deadline deadline);
  void disarm(Node& node) { node.unlink(); }
  // Expires what is due. The timer calls it; so does a test that moves its clock.
  void check();
  void alarmed();
  // Whether nothing is watched.
  bool idle() const { return armed_.next == &armed_; }
  const Clock& clock() const { return clock_; }

 private:
  void set_timer(MonoTime now);

  const Clock& clock_;
  asio::steady_timer timer_;
  Alarm alarm_;
  Link armed_;
  Deadline earliest_ = no_deadline;  // no armed node is due before
  Deadline wakes_ = no_deadline;     // when the timer fires; none: it is not set
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

inline void Watchdog::Link::unlink() {
  previous->next = next;
  next->previous = previous;
  previous = next = this;
}

inline void Watchdog::Link::insert_before(Link& other) {
  previous = other.previous;
  next = &other;
  previous->next = this;
  other.previous = this;
}

}  // namespace holdfast::net
