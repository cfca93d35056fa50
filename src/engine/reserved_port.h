// A port of 127.0.0.1 that stays ours while nobody listens on it: it is bound, without listening,
// for as long as the reservation lives. The server that we start binds it too (both sides set
// SO_REUSEADDR), no other user's program can take it between two starts, and so the address of an
// engine never changes.
#pragma once
#include <cstdint>

#include "engine/process.h"

namespace holdfast::engine {

struct ReservedPort {
  Descriptor socket;
  std::uint16_t number = 0;  // 0: none
};

//   errors   io: no descriptor, or no free port
Result<ReservedPort> reserve_port();

}  // namespace holdfast::engine
