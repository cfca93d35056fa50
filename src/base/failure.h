// The classes in which an attempt at a target can end. The class decides what happens next: retry,
// next target, or give up; it is what metrics, records, headers and the status page show.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

// Spelled on the wire as here (x-holdfast-fallback-reason, metrics, records). Never renumbered.
enum class FailureClass : std::uint8_t {
  none = 0,                   // the attempt succeeded
  dns = 1,                    // the name did not resolve
  connect = 2,                // refused, unreachable, or the proxy would not
  connect_timeout = 3,        // no connection within `connect`
  tls = 4,                    // certificate, hostname or handshake
  reset = 5,                  // closed or reset before a whole head came
  headers_timeout = 6,        // no head within `headers`
  first_content_timeout = 7,  // a head, perhaps events, but no content within `first_content`
  pings_only = 8,             // only comments and empty events came within `first_content`
  stall = 9,                  // content, then silence longer than `idle`
  deadline = 10,              // the attempt's or the request's total time passed
  revoked = 11,               // 401, 403: the credential is dead
  unpaid = 12,                // 402, or 429 insufficient_quota
  model_gone = 13,            // 404
  request_timeout = 14,       // 408
  conflict = 15,              // 409
  rate_limited = 16,          // 429
  overloaded = 17,            // 503, 529
  server_error = 18,          // other 5xx
  bad_request = 19,       // 400, 413, 422 and other 4xx: the caller's, or what the target refuses
  context_too_long = 20,  // the prompt does not fit
  content_filter = 21,    // refused by the provider's policy
  redirect = 22,          // 3xx: never followed, credentials would travel
  malformed_head = 23,    // the answer's head breaks HTTP
  malformed_body = 24,    // 200 with a body that is not the dialect's
  error_in_body = 25,     // 200 whose body is an error
  error_in_stream = 26,   // an error event before content
  empty_stream = 27,      // the stream ended without content
  cut_stream = 28,        // the stream broke after content
  error_after_content = 29,  // an error event after content
  truncated_body = 30,       // fewer bytes than announced
  client_left = 31,          // not the target's fault
  local = 32,                // out of descriptors, stopping: not the target's fault
  over_budget = 33,          // not asked: a budget has no room for what it may cost
  hedge_lost = 34,           // another target of the same request had content first: ended by us
};

inline constexpr std::size_t failure_class_count = 35;

// The wire spelling.
std::string_view to_string(FailureClass failure);
// The class spelled `name`; nothing when there is none.
std::optional<FailureClass> failure_class_from(std::string_view name);

}  // namespace holdfast
