#include "gateway/virtual_key.h"

#include <fmt/format.h>

namespace holdfast::gateway {
namespace {

Refusal unauthorized(std::string_view message) {
  return refuse(401, message, error_type(401), "invalid_api_key");
}

Refusal forbidden(std::string_view message, std::string_view code) {
  return refuse(403, message, error_type(403), code);
}

}  // namespace

std::optional<Refusal> refuse_key(const identity::KeyTable::Found& found,
                                  const boost::asio::ip::address& address) {
  switch (found.verdict) {
    case identity::KeyVerdict::accepted:
      break;
    case identity::KeyVerdict::unknown:
      return unauthorized("a valid key is needed: Authorization: Bearer KEY");
    case identity::KeyVerdict::revoked:
      return unauthorized("this key was revoked: ask for another");
    case identity::KeyVerdict::not_yet:
      return unauthorized("this key is not valid yet");
    case identity::KeyVerdict::expired:
      return unauthorized("this key has expired: ask for another");
  }
  const identity::UsableKey& key = *found.key;
  if (!key.may_come_from(address))
    return forbidden("this key may not be used from this address", "network_not_allowed");
  if (!key.nothing_left.empty())
    return forbidden(
        fmt::format("this key may do nothing any more: its own {} and those of its parent have "
                    "nothing in common",
                    key.nothing_left),
        "key_scope_empty");
  return std::nullopt;
}

std::optional<Refusal> refuse_endpoint(const identity::UsableKey& key, const Front& front) {
  if (key.endpoints == 0 || front.route == observe::Route::models) return std::nullopt;
  if ((key.endpoints >> static_cast<unsigned>(front.endpoint) & 1U) != 0) return std::nullopt;
  return forbidden(fmt::format("this key may not be used for {}", to_string(front.endpoint)),
                   "endpoint_not_allowed");
}

std::optional<Refusal> keep_permitted(const identity::UsableKey& key, std::string_view model,
                                      std::vector<Candidate>& fitting) {
  if (key.providers.empty()) return std::nullopt;
  std::erase_if(fitting,
                [&key](const Candidate& one) { return !key.may_ask(one.target->provider->name); });
  if (!fitting.empty()) return std::nullopt;
  return forbidden(fmt::format("this key may ask no provider that serves '{}'", model),
                   "provider_not_allowed");
}

Refusal key_ended() {
  return unauthorized("the answer ends here: the key was revoked or has expired");
}

}  // namespace holdfast::gateway
