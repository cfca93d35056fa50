// A short-lived credential, and what gives one out. A source is a list of steps over an exchange
// that is passed in: it has no sockets and no clock of its own.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "net/sigv4.h"
#include "net/task.h"
#include "vault/answer.h"
#include "vault/request.h"

namespace holdfast::vault {

inline constexpr std::int64_t never_us = std::numeric_limits<std::int64_t>::max();

struct Credential {  // never changed once it is published
  enum class Kind : std::uint8_t { bearer, aws };
  Kind kind = Kind::bearer;
  Secret token;                        // bearer: visible ASCII, fit for Authorization: Bearer
  net::AwsCredential aws;              // aws: what net::sign_sigv4 takes
  std::int64_t expires_us = never_us;  // UTC, microseconds
  bool leased = false;                 // replaced at two thirds of its life, as leases are
  std::int64_t version = 0;            // of a secret that has versions, from 1; 0: it has none
};

// What one fetch may use. Used by one coroutine.
struct Exchange {
  virtual ~Exchange() = default;
  // UTC, microseconds: this machine's clock, set right by what token services say the time is.
  virtual std::int64_t wall_us() const = 0;
  // The text of a file without the white space around it. Blocks on the disk.
  //   errors   configuration: unreadable, empty, longer than limits::token_file_bytes
  virtual Result<Secret> read_file(const std::string& path) = 0;
  // Sends a request and waits for the answer, which has status 200, or what `refusals_too` allows.
  //   errors   configuration: the service refuses, and what it says; upstream_unavailable,
  //   deadline_exceeded, malformed_response, too_large, cancelled
  virtual Task<Result<TokenAnswer>> send(TokenRequest request) = 0;
};

struct CredentialSource {  // const after construction
  virtual ~CredentialSource() = default;
  // One credential, anew. Files are read again each time, since they are rotated.
  //   errors   as of Exchange; malformed_response: an answer that is no credential
  virtual Task<Result<Credential>> fetch(Exchange& exchange) const = 0;
};

}  // namespace holdfast::vault
