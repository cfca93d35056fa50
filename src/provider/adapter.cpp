#include "provider/adapter.h"

#include <fmt/format.h>

#include "dialect/json_document.h"

namespace holdfast::provider {

const std::vector<std::string>& Adapter::extra_stop() const {
  static const std::vector<std::string> none;
  return none;
}

Outgoing Adapter::splice(const dialect::openai::ScannedRequest& /*request*/,
                         std::string_view /*model*/, const Destination& /*destination*/) const {
  return {};  // asked only of those that pass OpenAI's dialect
}

Result<dialect::WireRequest> Adapter::write_embed(const dialect::EmbedRequest& /*request*/,
                                                  std::string_view /*model*/,
                                                  std::vector<dialect::Loss>& /*losses*/) const {
  return fail(ErrorCode::configuration, "makes no vectors");
}

Result<dialect::EmbedResponse> Adapter::read_embed(std::string_view /*body*/) const {
  return fail(ErrorCode::malformed_response, "makes no vectors");
}

dialect::AnswerFacts Adapter::scan_answer(Endpoint endpoint, std::string_view body) const {
  if (endpoint != Endpoint::count_tokens && endpoint != Endpoint::embed_content)
    return codec().scan_answer(body);
  dialect::AnswerFacts facts;
  dialect::JsonDocument document;
  if (auto parsed = document.parse(body, {.allow_lone_surrogates = true}); !parsed) {
    facts.failure = FailureClass::malformed_body;
    facts.detail = std::move(parsed.error().message);
  } else if (!document.root().is_object() || document.root()["error"].exists()) {
    facts.failure = FailureClass::error_in_body;
    facts.detail = "an error with status 200";
  }
  return facts;
}

dialect::Sight Adapter::scan_event(std::string_view /*data*/) const { return {}; }

dialect::ErrorFacts Adapter::classify_error(int status, const net::HeaderFields& /*headers*/,
                                            std::string_view body) const {
  return codec().read_error(status, body);
}

Outgoing post(const Destination& destination, std::string_view path, dialect::WireText body,
              std::string_view accept, std::string_view authorization) {
  constexpr std::size_t usual_head_bytes = 512;
  const fmt::format_int length(body.size());
  std::string out;
  out.reserve(usual_head_bytes + path.size() + authorization.size());
  out.append("POST ").append(destination.path).append(path);
  out.append(" HTTP/1.1\r\nHost: ").append(destination.authority);
  out.append("\r\nContent-Type: application/json\r\nContent-Length: ");
  out.append(length.data(), length.size()).append("\r\nAccept: ").append(accept);
  out.append("\r\nAccept-Encoding: identity\r\nUser-Agent: holdfast\r\nX-Request-Id: ");
  out.append(destination.attempt_id).append("\r\n").append(authorization).append("\r\n");
  return {std::move(out), std::move(body)};
}

std::string get(const Destination& destination, std::string_view path,
                std::string_view authorization) {
  return fmt::format(
      "GET {}{} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
      "User-Agent: holdfast\r\nX-Request-Id: {}\r\n{}\r\n",
      destination.path, path, destination.authority, destination.attempt_id, authorization);
}

std::string_view accepted(bool stream) { return stream ? "text/event-stream" : "application/json"; }

std::string bearer(const Destination& destination) {
  if (destination.key.empty()) return {};
  constexpr std::string_view name = "Authorization: Bearer ", end = "\r\n";
  std::string line;
  line.reserve(name.size() + destination.key.size() + end.size());
  return line.append(name).append(destination.key).append(end);
}

dialect::WireText with_model(const Passed& request, std::string_view model) {
  dialect::WireText out;
  std::size_t done = 0;
  if (request.model_at.end > 0) {
    out.refer(request.body.substr(0, request.model_at.begin));
    out.append(dialect::quote_json_string(model));
    done = request.model_at.end;
  }
  const std::string resource = dialect::quote_json_string(fmt::format("models/{}", model));
  for (const dialect::openai::Span& at : request.resources_at) {  // many and small: copied
    out.append(request.body.substr(done, at.begin - done));
    out.append(resource);
    done = at.end;
  }
  out.refer(request.body.substr(done));
  return out;
}

}  // namespace holdfast::provider
