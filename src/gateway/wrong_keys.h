// Who tries secrets: ids of virtual keys that come with a wrong secret, by the address they come
// from.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace holdfast::limits {
inline constexpr std::size_t wrong_keys = 1024;      // pairs of an address and an id, of each loop
inline constexpr unsigned wrong_keys_a_minute = 10;  // of one pair; from then on it is told to wait
}  // namespace holdfast::limits

namespace holdfast::gateway {

// Used by one loop.
class WrongKeys {
 public:
  // Counts one more.
  //   returns   how long whoever it is should wait; nothing: not yet too many
  std::optional<Duration> note(const boost::asio::ip::address& address, std::string_view id,
                               MonoTime now);

 private:
  struct Tries {
    MonoTime since{};
    unsigned count = 0;
  };
  std::unordered_map<std::string, Tries> tries_;  // by address and id
};

}  // namespace holdfast::gateway
