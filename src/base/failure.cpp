#include "base/failure.h"

namespace holdfast {
namespace {
constexpr std::array<std::string_view, failure_class_count> names = {"none",
                                                                     "dns",
                                                                     "connect",
                                                                     "connect_timeout",
                                                                     "tls",
                                                                     "reset",
                                                                     "headers_timeout",
                                                                     "first_content_timeout",
                                                                     "pings_only",
                                                                     "stall",
                                                                     "deadline",
                                                                     "revoked",
                                                                     "unpaid",
                                                                     "model_gone",
                                                                     "request_timeout",
                                                                     "conflict",
                                                                     "rate_limited",
                                                                     "overloaded",
                                                                     "server_error",
                                                                     "bad_request",
                                                                     "context_too_long",
                                                                     "content_filter",
                                                                     "redirect",
                                                                     "malformed_head",
                                                                     "malformed_body",
                                                                     "error_in_body",
                                                                     "error_in_stream",
                                                                     "empty_stream",
                                                                     "cut_stream",
                                                                     "error_after_content",
                                                                     "truncated_body",
                                                                     "client_left",
                                                                     "local",
                                                                     "over_budget",
                                                                     "hedge_lost"};
}  // namespace

std::string_view to_string(FailureClass failure) {
  return names[static_cast<std::size_t>(failure)];
}

std::optional<FailureClass> failure_class_from(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<FailureClass>(i);
  return std::nullopt;
}
}  // namespace holdfast
