// Errors are values: every function that can fail returns Result<T>.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace holdfast {

// The closed set a caller may branch on. Stored in the audit log: never renumbered.
enum class ErrorCode : std::uint8_t {
  invalid_request = 1,       // the caller's fault; never retried
  upstream_unavailable = 2,  // refused, reset, closed early; try the next target
  malformed_response = 3,    // the upstream answered, but not in its own dialect
  deadline_exceeded = 4,     // our deadline passed
  cancelled = 5,             // the one who asked has left, or we are stopping
  too_large = 6,             // a named limit was reached
  configuration = 7,         // the operator's fault: a file, a key, a path
  io = 8,                    // disk, socket or process failed for a local reason
};

struct Error {
  ErrorCode code;
  std::string detail;  // what the operator can do about it; never a secret, never a prompt
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail) {
  return std::unexpected(Error{code, std::move(detail)});
}

}  // namespace holdfast
