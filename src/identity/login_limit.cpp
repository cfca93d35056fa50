#include "identity/login_limit.h"

#include <algorithm>

namespace holdfast::identity {
namespace {
using namespace std::chrono_literals;
constexpr auto window = 60s;
}  // namespace

std::chrono::seconds LoginLimit::wait(std::string_view name, MonoTime now) {
  while (!wrong_.empty() && now - wrong_.front().at >= window) wrong_.pop_front();
  const auto until = [now](const Wrong& first) {
    return std::chrono::ceil<std::chrono::seconds>(first.at + window - now);
  };
  if (wrong_.size() >= limits::wrong_passwords) return until(wrong_.front());
  const auto counts = [name](const Wrong& one) { return one.name == name; };
  if (std::ranges::count_if(wrong_, counts) <
      static_cast<std::ptrdiff_t>(limits::wrong_passwords_per_name))
    return 0s;
  return until(*std::ranges::find_if(wrong_, counts));
}

void LoginLimit::wrong(std::string_view name, MonoTime now) {
  if (wrong_.size() >= limits::wrong_passwords) wrong_.pop_front();
  wrong_.push_back({std::string(name), now});
}

void LoginLimit::right(std::string_view name) {
  std::erase_if(wrong_, [name](const Wrong& one) { return one.name == name; });
}

}  // namespace holdfast::identity
