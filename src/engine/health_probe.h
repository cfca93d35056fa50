// Asks a local server once whether it is well, without blocking: GET /health over loopback.
#pragma once
#include <cstdint>
#include <string>

#include "engine/process.h"

namespace holdfast::engine {

enum class ProbeResult : std::uint8_t {
  pending,  // poll descriptor() for wanted(), then step() again
  well,     // 200
  busy,     // another status: it answers, but is not ready
  gone,     // refused, closed, or not HTTP
};

class HealthProbe {  // used by one thread
 public:
  // Connects to 127.0.0.1:`port`; forgets the probe before.
  void start(std::uint16_t port);
  ProbeResult step();
  void stop() { socket_.reset(); }
  bool active() const { return static_cast<bool>(socket_); }
  int descriptor() const { return socket_.get(); }
  short wanted() const;  // POLLIN or POLLOUT

 private:
  ProbeResult finish(ProbeResult result);
  Descriptor socket_;
  bool asked_ = false;
  bool refused_ = false;
  std::string answer_;
};

}  // namespace holdfast::engine
