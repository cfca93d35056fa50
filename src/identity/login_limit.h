// How often somebody may be wrong about a password.
#pragma once
#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace holdfast::limits {
inline constexpr std::size_t wrong_passwords_per_name = 5;  // within a minute
inline constexpr std::size_t wrong_passwords = 30;          // of all names, within a minute
}  // namespace holdfast::limits

namespace holdfast::identity {

// Used by one thread. Holds no more than limits::wrong_passwords times.
class LoginLimit {
 public:
  // How long `name` has to wait before a password is looked at; 0: not at all.
  std::chrono::seconds wait(std::string_view name, MonoTime now);
  void wrong(std::string_view name, MonoTime now);
  void right(std::string_view name);  // what was wrong before is forgiven

 private:
  struct Wrong {
    std::string name;
    MonoTime at{};
  };
  std::deque<Wrong> wrong_;  // of the last minute, the oldest first
};

}  // namespace holdfast::identity
