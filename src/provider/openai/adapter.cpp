#include "provider/openai/adapter.h"

#include <fmt/format.h>

namespace holdfast::provider::openai {

using dialect::openai::ScannedRequest;
constexpr std::size_t usual_head_bytes = 512;

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
  const dialect::openai::Splice body(
      request, {model, asks_usage(request), generates ? &extra_stop_ : nullptr});
  const fmt::format_int length(body.size());
  std::string out;
  out.reserve(body.size() + usual_head_bytes);
  out.append("POST ").append(destination.path).append(dialect::openai::path_of(request.endpoint));
  out.append(" HTTP/1.1\r\nHost: ").append(destination.authority);
  out.append("\r\nContent-Type: application/json\r\nContent-Length: ");
  out.append(length.data(), length.size()).append("\r\nAccept: ");
  out.append(request.stream ? "text/event-stream" : "application/json");
  out.append("\r\nAccept-Encoding: identity\r\nUser-Agent: holdfast\r\nX-Request-Id: ");
  out.append(attempt_id).append("\r\n");
  if (!destination.key.empty())
    out.append("Authorization: Bearer ").append(destination.key).append("\r\n");
  out.append(account_headers_).append("\r\n");
  body.append_to(out);
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
