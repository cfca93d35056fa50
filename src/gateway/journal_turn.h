// Makes a loop's journal durable once per turn of the loop: an attempt waits here until its start
// is on file, and all that start in one turn share one write.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/task.h"
#include "records/journal.h"

namespace holdfast::gateway {

class JournalTurn {
 public:
  JournalTurn(boost::asio::io_context& loop, records::Journal& journal)
      : loop_(loop), journal_(journal) {}

  // Resumes when everything journalled so far is on file (or the journal has said why it cannot).
  // The first of those that wait writes for them all: the others find nothing left to write.
  Task<void> on_file() {
    const auto write_then = [this](auto handler) {
      boost::asio::post(loop_, [this, handler = std::move(handler)]() mutable {
        flush();
        std::move(handler)();
      });
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        write_then, boost::asio::use_awaitable);
  }

  // Writes soon, without anybody waiting: for the ends of attempts.
  void schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    boost::asio::post(loop_, [this] {
      scheduled_ = false;
      flush();
    });
  }

 private:
  void flush() {
    const auto written = journal_.flush();
    (void)written;  // serving goes on; the journal counts what it loses and says so in the log
  }

  boost::asio::io_context& loop_;
  records::Journal& journal_;
  bool scheduled_ = false;
};

}  // namespace holdfast::gateway
