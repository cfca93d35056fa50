// Sessions of people at the administration. In memory: a restart ends them all. What the browser
// holds is kept as its hash.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace holdfast::limits {
inline constexpr std::size_t sessions_per_person = 16;  // the oldest goes beyond
inline constexpr std::size_t sessions = 4'096;          // the oldest goes beyond
}  // namespace holdfast::limits

namespace holdfast::identity {

struct SessionTimes {
  std::chrono::milliseconds idle = std::chrono::minutes(30);  // without a request
  std::chrono::milliseconds whole = std::chrono::hours(12);   // whatever is done
};

// Used by one thread.
class Sessions {
 public:
  struct Session {
    std::string person;
    std::string csrf;  // what a page has to send beside the cookie
    MonoTime opened{}, used{};
  };
  struct Opened {
    std::string id;  // for the cookie: 256 random bits
    std::string csrf;
  };

  Opened open(const std::string& person, MonoTime now);
  // The session of `id`, which is being used now; nullptr: there is none, or it is over.
  const Session* use(std::string_view id, const SessionTimes& times, MonoTime now);
  void end(std::string_view id);
  // All of a person's; how many there were.
  std::size_t end_all(std::string_view person);
  std::size_t count(std::string_view person) const;

 private:
  void make_room(std::string_view person);
  std::map<std::string, Session, std::less<>> sessions_;  // by the SHA-256 of their id
};

}  // namespace holdfast::identity
