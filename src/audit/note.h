// Checkpoints of the log as signed notes (c2sp.org/signed-note and c2sp.org/tlog-checkpoint), with
// Ed25519 of OpenSSL: anybody who has the public key can check them, with these or other tools.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audit/tree.h"
#include "base/error.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace holdfast::limits {
inline constexpr std::size_t audit_note_bytes = 16'384;
inline constexpr std::size_t audit_note_signatures = 16;
}  // namespace holdfast::limits

namespace holdfast::audit {

// What a log was at a time: how many entries, and the root over them.
struct Checkpoint {
  std::string origin;  // the log's name, also its key's
  std::uint64_t size = 0;
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};

// "NAME+HEX+BASE64": what verifies.
class PublicKey {
 public:
  //   errors   configuration: not a key of that form, or its parts do not fit together
  static Result<PublicKey> parse(std::string_view text);
  std::string text() const;
  const std::string& name() const { return name_; }
  bool operator==(const PublicKey&) const = default;

 private:
  friend class Signer;
  friend Result<Checkpoint> open_note(std::string_view note, const PublicKey& key);
  PublicKey(std::string name, std::string raw);
  bool verify(std::string_view text, std::string_view signature) const;
  std::string name_, raw_, id_;  // 32 and 4 bytes
};

// "PRIVATE+KEY+NAME+HEX+BASE64": what signs.
class Signer {
 public:
  static Result<Signer> make(const std::string& name);  // from the operating system's randomness
  //   errors   configuration: not such a key
  static Result<Signer> parse(const Secret& text);
  Secret text() const;
  const PublicKey& public_key() const { return public_; }
  // The note of a checkpoint of this key's log; the origin is the key's name.
  Result<std::string> sign(std::uint64_t size, const Hash& root) const;

 private:
  Signer(PublicKey key, std::shared_ptr<evp_pkey_st> pair, Secret seed);
  static Result<Signer> from_seed(const std::string& name, Secret seed);
  PublicKey public_;
  std::shared_ptr<evp_pkey_st> pair_;
  Secret seed_;
};

// The checkpoint in a note that `key` has signed; signatures of others are passed over.
//   errors   malformed_response: not a note, or no checkpoint in it; configuration: not signed by
//            this key, or its signature is wrong
Result<Checkpoint> open_note(std::string_view note, const PublicKey& key);

}  // namespace holdfast::audit
