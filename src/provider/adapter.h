// One upstream's way of being called. Pure: no sockets, clock or locks; the same input gives the
// same bytes. Const after construction, so that all threads share it.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/openai/answer.h"
#include "dialect/openai/request.h"
#include "net/http_head.h"
#include "provider/settings.h"

namespace holdfast::provider {

// Where a call goes and what it proves itself with; for local engines it is known only once they
// run.
struct Destination {
  std::string authority;  // the value of Host
  std::string path;       // of the base URL, without a trailing slash
  std::string_view key;   // empty: no Authorization
};

struct Adapter {
  virtual ~Adapter() = default;
  // The whole HTTP request: the client's own body with the permitted changes put in place.
  //   attempt_id   sent as x-request-id, so that both sides' records can be matched
  virtual std::string splice(const dialect::openai::ScannedRequest& request, std::string_view model,
                             const Destination& destination, std::string_view attempt_id) const = 0;
  // Whether the usage in the stream was asked for by us and not by the client.
  virtual bool asks_usage(const dialect::openai::ScannedRequest& request) const = 0;
  // What a whole answer with status 200 is worth.
  virtual dialect::openai::AnswerFacts scan_answer(dialect::openai::Endpoint endpoint,
                                                   std::string_view body) const = 0;
  virtual dialect::openai::Sight scan_event(std::string_view data) const = 0;
  virtual dialect::openai::ErrorFacts classify_error(int status, std::string_view body) const = 0;
};

// The adapter for a configured provider.
//   extra_stop   stop strings to add to every request (local base models); empty for none
std::unique_ptr<Adapter> make_adapter(const Settings& settings,
                                      std::vector<std::string> extra_stop);

// How long the upstream asks to be left alone: retry-after-ms, retry-after (seconds, fractions, or
// an HTTP date held against `now_us`), or "try again in 20s" in the body (wire format notes of
// OpenAI, Azure and Groq, read 2026-11). At least 100 ms, at most one hour; nothing when it does
// not say, or says nonsense.
std::optional<std::chrono::milliseconds> read_retry_after(const net::HeaderFields& headers,
                                                          std::string_view body,
                                                          std::int64_t now_us);

}  // namespace holdfast::provider
