// Makes a loop's journal durable once per turn of the loop: an attempt waits here until its start
// is on file, and all that start in one turn share one write.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <vector>

#include "net/task.h"
#include "records/journal.h"

namespace holdfast::gateway {

class JournalTurn {
 public:
  JournalTurn(boost::asio::io_context& loop, records::Journal& journal)
      : loop_(loop), journal_(journal) {}

  // Resumes when everything journalled so far is on file (or the journal has said why it cannot).
  Task<void> on_file() {
    auto join = [this](auto handler) {
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      waiters_.push_back([shared] { std::move (*shared)(); });
      schedule();
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        join, boost::asio::use_awaitable);
  }

  // Writes soon, without anybody waiting: for the ends of attempts.
  void schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    boost::asio::post(loop_, [this] { flush(); });
  }

 private:
  void flush() {
    scheduled_ = false;
    const auto written = journal_.flush();
    (void)written;  // serving goes on; the journal counts what it loses and says so in the log
    running_.swap(waiters_);
    for (auto& waiter : running_) waiter();
    running_.clear();
  }

  boost::asio::io_context& loop_;
  records::Journal& journal_;
  std::vector<std::function<void()>> waiters_, running_;
  bool scheduled_ = false;
};

}  // namespace holdfast::gateway
