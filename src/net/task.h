// The coroutine type of all asynchronous work, and the loop it runs on.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"

namespace holdfast {

// Work that suspends. It runs on the loop of whoever awaits it; it never changes threads.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace holdfast

namespace holdfast::net {
namespace asio = boost::asio;

using Deadline = MonoTime;  // absolute; passed down, only ever shrinks
inline constexpr Deadline no_deadline = MonoTime::max();

}  // namespace holdfast::net
