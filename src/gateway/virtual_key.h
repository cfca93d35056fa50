// What a virtual key may not, in a client's words.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <optional>

#include "gateway/answers.h"
#include "gateway/candidate.h"
#include "gateway/front.h"
#include "identity/key_table.h"

namespace holdfast::gateway {

// Why nothing may be asked with a key that was found, for somebody at `address`; nothing: it may.
std::optional<Refusal> refuse_key(const identity::KeyTable::Found& found,
                                  const boost::asio::ip::address& address);
// Why it may not be used for what is asked; nothing: it may.
std::optional<Refusal> refuse_endpoint(const identity::UsableKey& key, const Front& front);
// Leaves out the targets of providers that the key may not ask.
//   returns   the refusal, when none is left
std::optional<Refusal> keep_permitted(const identity::UsableKey& key, std::string_view model,
                                      std::vector<Candidate>& fitting);
// What is told to a request whose key was revoked, or expired, while it was under way.
Refusal key_ended();

}  // namespace holdfast::gateway
