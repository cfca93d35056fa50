#include "net/signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace holdfast::net {

Task<Result<void>> Signal::wait(Deadline deadline) {
  if (notified_) co_return Result<void>();
  if (cancelled_) co_return fail(ErrorCode::cancelled, "cancelled");
  expired_ = false;
  watchdog_.arm(*this, deadline);
  co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  watchdog_.disarm(*this);
  if (notified_) co_return Result<void>();
  if (expired_) co_return fail(ErrorCode::deadline_exceeded, "deadline passed");
  co_return fail(ErrorCode::cancelled, "cancelled");
}

void Signal::notify() {
  notified_ = true;
  timer_.cancel();
}

void Signal::cancel() {
  cancelled_ = true;
  timer_.cancel();
}

void Signal::expire() {
  expired_ = true;
  timer_.cancel();
}

}  // namespace holdfast::net
