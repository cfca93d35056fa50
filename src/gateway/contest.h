// Whose the client is while several attempts of one request are under way at once: until one of
// them has content each may send it a comment, one at a time; from then on that one alone writes.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <utility>

#include "base/check.h"
#include "net/signal.h"

namespace holdfast::gateway {

// Used by one loop; the request owns it.
class Contest {
 public:
  // One attempt's part in it, from before anything of it is waited for until it has ended.
  class Entrant {
   public:
    //   hedge   it was begun beside another
    Entrant(Contest& contest, bool hedge) : contest_(contest), hedge_(hedge) {
      Entrant*& place = contest_.entrants_[hedge ? 1 : 0];
      HF_CHECK(place == nullptr);
      place = this;
    }
    ~Entrant() {
      contest_.entrants_[hedge_ ? 1 : 0] = nullptr;
      if (contest_.winner_ == this) contest_.winner_ = nullptr;
    }
    Entrant(const Entrant&) = delete;
    Entrant& operator=(const Entrant&) = delete;

    // It has content: whether the client is its own from now on. The others have lost then.
    bool claim() {
      if (lost_ || (contest_.winner_ != nullptr && contest_.winner_ != this)) return false;
      contest_.winner_ = this;
      for (Entrant* other : contest_.entrants_)
        if (other != nullptr && other != this) other->lose();
      return true;
    }
    // The client is not to hear of it, unless it is its own already; what it waits for ends.
    void lose() {
      if (contest_.winner_ == this) return;
      lost_ = true;
      end();
    }
    bool lost() const { return lost_; }
    bool hedge() const { return hedge_; }
    // Ends what it waits for, now.
    void end() {
      if (ends_) ends_();
    }
    //   ends   ends what is waited for from now on; empty: nothing can be ended
    void on_end(std::function<void()> ends) { ends_ = std::move(ends); }

   private:
    Contest& contest_;
    bool hedge_;
    bool lost_ = false;
    std::function<void()> ends_;
  };

  bool claimed() const { return winner_ != nullptr; }
  // The client has left, or the process stops.
  void end_all() {
    for (Entrant* entrant : entrants_)
      if (entrant != nullptr) entrant->end();
  }

  // A comment is on its way to the client: nobody else may write meanwhile.
  bool commenting() const { return commenting_; }
  void comment_begins() { commenting_ = true; }
  void comment_ends() {
    commenting_ = false;
    if (waiting_ != nullptr) waiting_->notify();
  }
  // Waits for it, as long as a client may take to read it. Of the one that has the client.
  Task<void> comment_sent(boost::asio::io_context& loop, net::Watchdog& watchdog) {
    if (!commenting_) co_return;
    net::Signal sent(loop, watchdog);
    waiting_ = &sent;
    auto told = co_await sent.wait(net::no_deadline);
    (void)told;  // nothing else ends it
    waiting_ = nullptr;
  }

 private:
  std::array<Entrant*, 2> entrants_{};  // the attempt in its turn, and its hedge
  Entrant* winner_ = nullptr;
  bool commenting_ = false;
  net::Signal* waiting_ = nullptr;  // of the winner
};

}  // namespace holdfast::gateway
