// A connected byte stream, plain or TLS, client's or upstream's side. The faults of drills and the
// network of simulations stand behind the same interface.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/task.h"

namespace holdfast::net {

struct Stream {  // used by the coroutines of one loop; at most one read and one write at a time
  virtual ~Stream() = default;
  // Reads at least one byte into `into`; 0 is the end of the stream.
  // A read that ends with deadline_exceeded or cancelled has lost nothing: it can be issued again.
  //   errors   upstream_unavailable: reset; deadline_exceeded; cancelled: see cancel()
  virtual Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) = 0;
  // Writes what goes out without waiting, possibly nothing; the rest is for write().
  //   errors   upstream_unavailable: reset or closed; cancelled: closed here
  virtual Result<std::size_t> write_now(std::string_view /*bytes*/) { return 0; }
  // Writes all of `bytes`.
  //   errors   upstream_unavailable: reset or closed; deadline_exceeded; cancelled
  virtual Task<Result<void>> write(std::string_view bytes, Deadline deadline) = 0;
  // Ends the read and the write under way, if any, with `cancelled`. Same loop.
  virtual void cancel() = 0;
  // Whether the peer has closed or sent something unasked for: a pooled connection that is not
  // quiet must not be used again. Never blocks.
  virtual bool quiet() = 0;
  // Whether the peer has closed or reset. Bytes that wait to be read before the end hide it. Never
  // blocks.
  virtual bool peer_closed() = 0;
  // Tells the peer that nothing more will be written; reading goes on.
  virtual void end_writing() = 0;
  // Closes at once, without a TLS goodbye. What is under way ends with `cancelled`.
  virtual void close() = 0;
};

}  // namespace holdfast::net
