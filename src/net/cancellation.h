// Ends what somebody else waits for: the opening of a connection, when the client has left.
#pragma once
#include <functional>
#include <utility>

namespace holdfast::net {

// Used by one loop. It stays cancelled.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void cancel() {
    cancelled_ = true;
    if (end_) std::exchange(end_, nullptr)();
  }
  bool cancelled() const { return cancelled_; }

  // What is under way while it lives; one at a time.
  class Step {
   public:
    //   end   ends it; called by cancel(), at most once, and at once when it came before
    Step(Cancellation& cancellation, std::function<void()> end) : owner_(cancellation) {
      if (owner_.cancelled_)
        end();
      else
        owner_.end_ = std::move(end);
    }
    ~Step() { owner_.end_ = nullptr; }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Cancellation& owner_;
  };

 private:
  std::function<void()> end_;
  bool cancelled_ = false;
};

}  // namespace holdfast::net
