#include "provider/openai_shaped/adapter.h"

#include <fmt/format.h>

#include "dialect/multipart.h"
#include "dialect/openai/embedding.h"
#include "dialect/openai/media.h"
#include "dialect/openai_responses/codec.h"
#include "net/url.h"

namespace holdfast::provider::openai_shaped {

using dialect::openai::ScannedRequest;
constexpr std::size_t usual_head_bytes = 512;
constexpr std::size_t one_piece_bytes = 65'536;  // larger bodies are not copied

namespace {

// Every spelling there is: who answers behind an `openai_compatible` is not known, and no two of
// them mean different things.
using Facts = RateLimitFacts;
using Part = RateLimitHeader::Part;
constexpr RateLimitHeader rate_limit_headers[] = {
    {"x-ratelimit-limit-requests", &Facts::requests, Part::limit},
    {"x-ratelimit-remaining-requests", &Facts::requests, Part::remaining},
    {"x-ratelimit-reset-requests", &Facts::requests, Part::reset},
    {"x-ratelimit-limit-tokens", &Facts::tokens, Part::limit},
    {"x-ratelimit-remaining-tokens", &Facts::tokens, Part::remaining},
    {"x-ratelimit-reset-tokens", &Facts::tokens, Part::reset},
    // Mistral
    {"x-ratelimit-limit-req-minute", &Facts::requests, Part::limit},
    {"x-ratelimit-remaining-req-minute", &Facts::requests, Part::remaining},
    {"x-ratelimit-limit-tokens-minute", &Facts::tokens, Part::limit},
    {"x-ratelimit-remaining-tokens-minute", &Facts::tokens, Part::remaining},
    // Together, OpenRouter
    {"x-ratelimit-limit", &Facts::requests, Part::limit},
    {"x-ratelimit-remaining", &Facts::requests, Part::remaining},
    {"x-ratelimit-reset", &Facts::requests, Part::reset},
    {"x-tokenlimit-limit", &Facts::tokens, Part::limit},
    {"x-tokenlimit-remaining", &Facts::tokens, Part::remaining},
    {"x-tokenlimit-reset", &Facts::tokens, Part::reset},
    // Fireworks
    {"x-ratelimit-limit-tokens-prompt", &Facts::tokens_in, Part::limit},
    {"x-ratelimit-remaining-tokens-prompt", &Facts::tokens_in, Part::remaining},
    {"x-ratelimit-limit-tokens-generated", &Facts::tokens_out, Part::limit},
    {"x-ratelimit-remaining-tokens-generated", &Facts::tokens_out, Part::remaining},
};

}  // namespace

// Nobody else's, where it is not known: what comes from there goes back there alone.
std::string house_of(const Settings& settings, const Shape& shape) {
  if (!settings.owner.empty()) return settings.owner;
  return shape.house.empty() ? fmt::format("@{}", settings.name) : std::string(shape.house);
}

Adapter::Adapter(const Settings& settings, const Shape& shape, std::vector<std::string> extra_stop)
    : shape_(shape),
      codec_(*shape.deviations),
      provider_(settings.name),
      house_(house_of(settings, shape)),
      usage_(settings.usage),
      extra_stop_(std::move(extra_stop)) {
  if (!settings.organization.empty())
    account_headers_ += fmt::format("OpenAI-Organization: {}\r\n", settings.organization);
  if (!settings.project.empty())
    account_headers_ += fmt::format("OpenAI-Project: {}\r\n", settings.project);
  if (const auto* azure = dynamic_cast<const AzureSettings*>(settings.own.get()))
    api_version_ = azure->api_version;
  entra_ = settings.auth.has_value();
}

bool Adapter::passes(dialect::Dialect dialect, Endpoint endpoint) const {
  if (dialect == dialect::Dialect::openai_responses) return shape_.responses;
  if (dialect != dialect::Dialect::openai) return false;
  if (dialect::openai::is_media(endpoint)) return shape_.media.has(endpoint);
  return shape_.plain || endpoint != Endpoint::chat_completions;
}

bool Adapter::says_beginnings_again() const {
  switch (codec_.deviations().prefill) {
    case dialect::openai::Prefill::none:
    case dialect::openai::Prefill::continue_final:
      return false;
    case dialect::openai::Prefill::prefix:
    case dialect::openai::Prefill::last_message:
      return true;
  }
  return false;
}

dialect::Abilities Adapter::abilities(std::string_view /*model*/) const {
  dialect::Abilities out;
  out.house = house_;
  out.provider = provider_;
  return out;
}

bool Media::has(Endpoint endpoint) const {
  switch (endpoint) {
    case Endpoint::moderations:
      return moderations;
    case Endpoint::images_generations:
      return images;
    case Endpoint::images_edits:
      return edits;
    case Endpoint::images_variations:
      return variations;
    case Endpoint::audio_speech:
      return speech;
    case Endpoint::audio_transcriptions:
      return transcripts;
    case Endpoint::audio_translations:
      return translations;
    default:
      return false;
  }
}

bool Adapter::asks_usage(const ScannedRequest& request) const {
  return !dialect::openai::is_media(request.endpoint) && request.stream && !request.include_usage &&
         usage_ == UsageAsk::ask;
}

std::string Adapter::authorization(const Destination& destination) const {
  if (destination.key.empty()) return account_headers_;
  if (shape_.azure && !entra_) return fmt::format("api-key: {}\r\n", destination.key);
  return bearer(destination).append(account_headers_);
}

std::string Adapter::place(std::string_view path, std::string_view model) const {
  if (!shape_.azure) return std::string(path);
  if (api_version_.empty()) return fmt::format("/openai/v1{}", path);
  return fmt::format("/openai/deployments/{}{}?api-version={}", net::percent_encode(model), path,
                     net::percent_encode(api_version_));
}

Outgoing Adapter::splice(const ScannedRequest& request, std::string_view model,
                         const Destination& destination) const {
  const bool generates =
      request.endpoint == Endpoint::chat_completions || request.endpoint == Endpoint::completions;
  const dialect::openai::Splice body(
      request, {model, asks_usage(request), generates ? &extra_stop_ : nullptr});
  const fmt::format_int length(body.size());
  const bool whole = body.size() < one_piece_bytes;
  Outgoing outgoing;
  std::string& out = outgoing.head;
  out.reserve((whole ? body.size() : 0) + usual_head_bytes);
  const std::string_view path = dialect::openai::path_of(request.endpoint);
  out.append("POST ").append(destination.path);
  if (shape_.azure)
    out.append(place(path, model));
  else
    out.append(path);
  out.append(" HTTP/1.1\r\nHost: ").append(destination.authority);
  out.append("\r\nContent-Type: ");
  if (request.boundary.empty())
    out.append("application/json");
  else
    out.append(dialect::form_content_type(request.boundary));
  out.append("\r\nContent-Length: ");
  out.append(length.data(), length.size()).append("\r\nAccept: ");
  const bool json = request.stream || request.answers == dialect::openai::AnswerForm::json;
  out.append(json ? accepted(request.stream) : "*/*");
  out.append("\r\nAccept-Encoding: identity\r\nUser-Agent: holdfast\r\nX-Request-Id: ");
  out.append(destination.attempt_id).append("\r\n");
  out.append(authorization(destination)).append("\r\n");
  if (whole)
    body.append_to(out);
  else
    body.refer_to(outgoing.body);
  return outgoing;
}

std::string Adapter::list_models(const Destination& destination) const {
  if (shape_.azure) return {};  // a deployment is not told there
  return get(destination, "/models", authorization(destination));
}

Outgoing Adapter::pass(const Passed& request, std::string_view model,
                       const Destination& destination) const {
  dialect::WireText body = with_model(request, model);
  return post(destination, place("/responses", model), std::move(body), accepted(request.stream),
              authorization(destination));
}

Outgoing Adapter::send(dialect::WireRequest request, std::string_view model, bool stream,
                       const Destination& destination) const {
  return post(destination, place(request.path, model), std::move(request.body), accepted(stream),
              authorization(destination));
}

Result<dialect::WireRequest> Adapter::write_embed(const dialect::EmbedRequest& request,
                                                  std::string_view model,
                                                  std::vector<dialect::Loss>& losses) const {
  return dialect::openai::write_embed_request(request, model, losses);
}

Result<dialect::EmbedResponse> Adapter::read_embed(std::string_view body) const {
  return dialect::openai::read_embed_answer(body);
}

dialect::AnswerFacts Adapter::scan_answer(Endpoint endpoint, std::string_view body) const {
  if (endpoint == Endpoint::responses) return dialect::openai_responses::codec().scan_answer(body);
  return dialect::openai::scan_answer(endpoint, body);
}

dialect::Sight Adapter::scan_event(std::string_view data) const {
  return dialect::openai::scan_event(data);
}

dialect::ErrorFacts Adapter::classify_error(int status, const net::HeaderFields& /*headers*/,
                                            std::string_view body) const {
  return shape_.plain ? dialect::openai::classify_error(status, body)
                      : codec_.read_error(status, body);
}

RateLimitFacts Adapter::read_rate_limits(const net::HeaderFields& headers,
                                         std::int64_t now_us) const {
  return provider::read_rate_limits(rate_limit_headers, headers, now_us);
}

}  // namespace holdfast::provider::openai_shaped
