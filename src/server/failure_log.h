// The last failures of attempts, as the loops tell them: for the status page and the log.
#pragma once
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "gateway/gateway.h"

namespace holdfast::server {

class FailureLog {
 public:
  // `home` is the loop that reads the log; it outlives the log.
  explicit FailureLog(boost::asio::io_context& home) : home_(home) {}
  // Who hears of every notice too, on the home loop's thread. Before the first notice.
  void also_tell(std::function<void(const gateway::FailureNotice&)> listener) {
    listener_ = std::move(listener);
  }

  // Any thread. Beyond 1024 waiting notices more are dropped: the counters have them all.
  void notice(gateway::FailureNotice notice);

  // The last failure at a target; null when there was none. The home loop's thread only, and so on.
  const gateway::FailureNotice* last(const std::string& provider, const std::string& model) const;
  const std::deque<gateway::FailureNotice>& recent() const { return recent_; }  // newest first
  // The last copy of a request for `logical_model` that its target on trial could not express; null
  // when there was none.
  const gateway::FailureNotice* last_unfit(const std::string& logical_model,
                                           const std::string& provider,
                                           const std::string& model) const;

 private:
  void keep(gateway::FailureNotice notice);
  void keep_unfit(gateway::FailureNotice notice);

  boost::asio::io_context& home_;
  std::function<void(const gateway::FailureNotice&)> listener_;
  std::atomic<int> waiting_{0};
  std::deque<gateway::FailureNotice> recent_;
  std::map<std::pair<std::string, std::string>, gateway::FailureNotice> last_;
  struct Told {
    std::int64_t at_us = 0;
    std::uint64_t silent = 0;  // since
  };
  std::map<std::pair<std::string, FailureClass>, Told> told_;
  struct Unfit {
    gateway::FailureNotice last;
    Told told;
  };
  std::map<std::array<std::string, 3>, Unfit> unfit_;  // by logical model and target
};

}  // namespace holdfast::server
