#include "gateway/wrong_keys.h"

#include <chrono>

namespace holdfast::gateway {
namespace {
using namespace std::chrono_literals;
constexpr auto window = 60s;
}  // namespace

std::optional<Duration> WrongKeys::note(const boost::asio::ip::address& address,
                                        std::string_view id, MonoTime now) {
  std::string who = address.to_string();
  who.append(" ").append(id);
  auto found = tries_.find(who);
  if (found == tries_.end()) {
    if (tries_.size() >= limits::wrong_keys)
      std::erase_if(tries_, [now](const auto& one) { return now - one.second.since >= window; });
    if (tries_.size() >= limits::wrong_keys) tries_.clear();  // ids are free to invent
    found = tries_.emplace(std::move(who), Tries{now}).first;
  }
  Tries& tries = found->second;
  if (now - tries.since >= window) tries = {now};
  if (++tries.count <= limits::wrong_keys_a_minute) return std::nullopt;
  return tries.since + window - now;
}

}  // namespace holdfast::gateway
