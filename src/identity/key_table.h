// The virtual keys as one immutable table, so that a loop finds one without a lock and without the
// store. What is made, changed or revoked comes as a new table.
#pragma once
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/key_text.h"
#include "identity/network.h"
#include "identity/virtual_key.h"

namespace holdfast::identity {

// What happened with a key since the start; written by the loops, relaxed.
struct KeyUse {
  std::atomic<std::int64_t> last_used_us{0};  // wall time, of its last request; 0: none
  std::atomic<std::uint64_t> wrong{0};        // times its id came with another secret
};

enum class KeyVerdict : std::uint8_t {
  accepted,
  unknown,  // no key has this id, or its secret is another: nobody is told which
  revoked,  // it or a parent
  not_yet,
  expired,
};

// A key as requests meet it: within its parents, as they are now.
struct UsableKey {
  std::string id;
  KeySettings settings;  // without a secret
  std::vector<std::string> providers;
  std::uint32_t endpoints = 0;                     // bits of records::Endpoint; 0: all
  std::vector<std::vector<Network>> networks;      // an address must be in one of each
  std::vector<std::string> ancestors;              // names of its parent, its parent's and so on
  std::string_view nothing_left;                   // a list of its scope in which nothing is left
  std::int64_t not_before_us = 0, expires_us = 0;  // as KeyScope has them
  bool revoked = false;
  KeyHash hash{}, old_hash{};
  std::int64_t old_until_us = 0;
  std::shared_ptr<KeyUse> use;

  // Whether it may be used now, however it was proven.
  KeyVerdict standing(std::int64_t now_us) const;
  bool may_come_from(const boost::asio::ip::address& address) const;
  bool may_ask(std::string_view provider) const;
};

class KeyTable {
 public:
  // None.
  KeyTable();
  //   uses   of the keys by their id, kept by whoever makes the tables
  KeyTable(Pepper pepper, std::span<const VirtualKey> keys,
           std::unordered_map<std::string, std::shared_ptr<KeyUse>>& uses);
  KeyTable(const KeyTable&) = delete;
  KeyTable(KeyTable&&) = default;
  KeyTable& operator=(const KeyTable&) = delete;
  KeyTable& operator=(KeyTable&&) = default;
  ~KeyTable() = default;

  // Whether there is no virtual key, not even one that is revoked.
  bool empty() const { return keys_.empty(); }
  struct Found {
    KeyVerdict verdict = KeyVerdict::unknown;
    const UsableKey* key = nullptr;  // null: unknown
  };
  // The key that is offered. Takes the same way and the same time for an id that is none and for a
  // wrong secret.
  //   offered   text: what read_key_text made of it
  Found find(std::string_view offered, const KeyText& text, std::int64_t now_us) const;
  const UsableKey* find_id(std::string_view id) const;  // null: there is none
  std::span<const UsableKey> keys() const { return keys_; }

 private:
  Pepper pepper_;
  std::vector<UsableKey> keys_;
  std::unordered_map<std::string_view, std::size_t> by_id_;  // views into keys_
  UsableKey nobody_;                                         // whose hash is no key's
};

}  // namespace holdfast::identity
