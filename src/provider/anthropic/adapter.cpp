#include "provider/anthropic/adapter.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/section.h"
#include "dialect/anthropic/codec.h"

namespace holdfast::provider::anthropic {
namespace {

std::unique_ptr<provider::Adapter> make(const Settings& settings,
                                        const std::vector<std::string>& /*extra_stop*/) {
  return std::make_unique<Adapter>(settings);
}

void read(config::Section& section, Settings& settings) {
  auto own = std::make_shared<OwnSettings>();
  own->version = dialect::anthropic::written_version;
  section.word("anthropic_version", own->version, "of requests that are translated for it");
  settings.own = std::move(own);
}

using Facts = RateLimitFacts;
using Part = RateLimitHeader::Part;
constexpr RateLimitHeader rate_limit_headers[] = {
    {"anthropic-ratelimit-requests-limit", &Facts::requests, Part::limit},
    {"anthropic-ratelimit-requests-remaining", &Facts::requests, Part::remaining},
    {"anthropic-ratelimit-requests-reset", &Facts::requests, Part::reset},
    {"anthropic-ratelimit-tokens-limit", &Facts::tokens, Part::limit},
    {"anthropic-ratelimit-tokens-remaining", &Facts::tokens, Part::remaining},
    {"anthropic-ratelimit-tokens-reset", &Facts::tokens, Part::reset},
    {"anthropic-ratelimit-input-tokens-limit", &Facts::tokens_in, Part::limit},
    {"anthropic-ratelimit-input-tokens-remaining", &Facts::tokens_in, Part::remaining},
    {"anthropic-ratelimit-input-tokens-reset", &Facts::tokens_in, Part::reset},
    {"anthropic-ratelimit-output-tokens-limit", &Facts::tokens_out, Part::limit},
    {"anthropic-ratelimit-output-tokens-remaining", &Facts::tokens_out, Part::remaining},
    {"anthropic-ratelimit-output-tokens-reset", &Facts::tokens_out, Part::reset},
};

}  // namespace

const Kind kind{"anthropic", "https://api.anthropic.com", "anthropic", true, false, make, read};

Adapter::Adapter(const Settings& settings)
    : provider_(settings.name),
      house_(settings.owner.empty() ? "anthropic" : settings.owner),
      version_(dialect::anthropic::written_version) {
  if (const auto* own = dynamic_cast<const OwnSettings*>(settings.own.get()))
    version_ = own->version;
}

const dialect::Codec& Adapter::codec() const { return dialect::anthropic::codec(); }

bool Adapter::passes(dialect::Dialect dialect, Endpoint /*endpoint*/) const {
  return dialect == dialect::Dialect::anthropic;
}

dialect::Abilities Adapter::abilities(std::string_view model) const {
  dialect::Abilities out;
  out.house = house_;
  out.provider = provider_;
  out.sampling = version_ == dialect::anthropic::version_2023;
  out.prefill = out.sampling && dialect::anthropic::goes_on_with_answers(model);
  return out;
}

std::string Adapter::list_models(const Destination& destination) const {
  if (version_ != dialect::anthropic::written_version) return {};  // a cloud's, which has no list
  std::string lines = fmt::format("anthropic-version: {}\r\n", version_);
  if (!destination.key.empty()) lines += fmt::format("x-api-key: {}\r\n", destination.key);
  return get(destination, "/v1/models?limit=1", lines);
}

Outgoing Adapter::pass(const Passed& request, std::string_view model,
                       const Destination& destination) const {
  dialect::WireText body = with_model(request, model);
  std::string lines;
  if (!destination.key.empty()) lines = fmt::format("x-api-key: {}\r\n", destination.key);
  for (const auto& [name, value] : request.headers) lines += fmt::format("{}: {}\r\n", name, value);
  std::string path =
      request.endpoint == Endpoint::count_tokens ? "/v1/messages/count_tokens" : "/v1/messages";
  if (!request.query.empty()) path.append("?").append(request.query);
  return post(destination, path, std::move(body), accepted(request.stream), lines);
}

Outgoing Adapter::send(dialect::WireRequest request, std::string_view /*model*/, bool stream,
                       const Destination& destination) const {
  std::string lines;
  if (!destination.key.empty()) lines = fmt::format("x-api-key: {}\r\n", destination.key);
  const bool versioned = std::ranges::any_of(
      request.headers, [](const auto& header) { return header.first == "anthropic-version"; });
  if (!versioned) lines += fmt::format("anthropic-version: {}\r\n", version_);
  for (const auto& [name, value] : request.headers) lines += fmt::format("{}: {}\r\n", name, value);
  return post(destination, request.path, std::move(request.body), accepted(stream), lines);
}

RateLimitFacts Adapter::read_rate_limits(const net::HeaderFields& headers,
                                         std::int64_t now_us) const {
  return provider::read_rate_limits(rate_limit_headers, headers, now_us);
}

}  // namespace holdfast::provider::anthropic
