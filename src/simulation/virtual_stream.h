// Two ends of a connection that exists in memory: bytes take time, rates are bounded, and what the
// reader does not take holds the writer back.
#pragma once
#include <memory>
#include <utility>

#include "net/stream.h"
#include "simulation/timeline.h"

namespace holdfast::simulation {

inline constexpr std::size_t window_bytes = 65'536;  // sent and not yet read, each way

struct Link {
  Duration latency = std::chrono::milliseconds(1);  // one way
  std::uint64_t bytes_per_second = 125'000'000;     // each way; at least 1
};

// What both ends share; breaks the connection from outside.
class Wire {
 public:
  virtual ~Wire() = default;
  // Both ends are reset at once; bytes on their way are lost.
  virtual void reset() = 0;
  virtual bool open() const = 0;  // at least one end has not been closed
};

struct StreamPair {
  std::unique_ptr<net::Stream> near, far;
  std::shared_ptr<Wire> wire;
};

// Both ends live on the timeline's loop.
StreamPair make_pair_of_streams(Timeline& time, Link link);

}  // namespace holdfast::simulation
