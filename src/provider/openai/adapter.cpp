#include "provider/openai/adapter.h"

#include <fmt/format.h>

namespace holdfast::provider::openai {

using dialect::openai::ScannedRequest;

Adapter::Adapter(const Settings& settings, std::vector<std::string> extra_stop)
    : usage_(settings.usage), extra_stop_(std::move(extra_stop)) {
  if (!settings.organization.empty())
    account_headers_ += fmt::format("OpenAI-Organization: {}\r\n", settings.organization);
  if (!settings.project.empty())
    account_headers_ += fmt::format("OpenAI-Project: {}\r\n", settings.project);
}

bool Adapter::asks_usage(const ScannedRequest& request) const {
  return request.stream && !request.include_usage && usage_ == UsageAsk::ask;
}

std::string Adapter::splice(const ScannedRequest& request, std::string_view model,
                            const Destination& destination, std::string_view attempt_id) const {
  const bool generates = request.endpoint != dialect::openai::Endpoint::embeddings;
  const std::string body = dialect::openai::splice(
      request, {model, asks_usage(request), generates ? &extra_stop_ : nullptr});
  std::string out;
  out.reserve(body.size() + 512);
  fmt::format_to(std::back_inserter(out),
                 "POST {}{} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
                 "Content-Length: {}\r\nAccept: {}\r\nAccept-Encoding: identity\r\n"
                 "User-Agent: holdfast\r\nX-Request-Id: {}\r\n",
                 destination.path, dialect::openai::path_of(request.endpoint),
                 destination.authority, body.size(),
                 request.stream ? "text/event-stream" : "application/json", attempt_id);
  if (!destination.key.empty())
    fmt::format_to(std::back_inserter(out), "Authorization: Bearer {}\r\n", destination.key);
  out.append(account_headers_).append("\r\n").append(body);
  return out;
}

dialect::openai::AnswerFacts Adapter::scan_answer(dialect::openai::Endpoint endpoint,
                                                  std::string_view body) const {
  return dialect::openai::scan_answer(endpoint, body);
}

dialect::openai::Sight Adapter::scan_event(std::string_view data) const {
  return dialect::openai::scan_event(data);
}

dialect::openai::ErrorFacts Adapter::classify_error(int status, std::string_view body) const {
  return dialect::openai::classify_error(status, body);
}

}  // namespace holdfast::provider::openai
