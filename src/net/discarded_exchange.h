// An exchange with nobody behind it: the request is a copy, and what is answered goes nowhere.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "net/exchange.h"

namespace holdfast::net {

// Used by one loop. The watchdog and the clock outlive it.
class DiscardedExchange {
 public:
  // Whose head is a copy of `original`.
  //   most     bytes of the answer; with more of them the client counts as gone
  //   errors   the head is not one: never, of one that the reader has taken
  static std::expected<std::unique_ptr<DiscardedExchange>, HeadProblem> of(
      const RequestHead& original, std::size_t most, Watchdog& watchdog, const Clock& clock);
  DiscardedExchange(const DiscardedExchange&) = delete;
  DiscardedExchange& operator=(const DiscardedExchange&) = delete;

  Exchange& exchange() { return *exchange_; }
  bool overflowed() const { return exchange_->client_left(); }  // more than that was answered

 private:
  DiscardedExchange(std::string head, std::size_t most, Watchdog& watchdog, const Clock& clock);

  std::string head_;  // its views point into this
  ServerShared shared_;
  ClientConnection connection_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace holdfast::net
