#include "provider/cohere/adapter.h"

#include "dialect/cohere/codec.h"
#include "dialect/cohere/embedding.h"

namespace holdfast::provider::cohere {
namespace {

std::unique_ptr<provider::Adapter> make(const Settings& settings,
                                        const std::vector<std::string>& /*extra_stop*/) {
  return std::make_unique<Adapter>(settings);
}

// Those of a month are another window, and not told beside them.
using Facts = RateLimitFacts;
using Part = RateLimitHeader::Part;
constexpr RateLimitHeader rate_limit_headers[] = {
    {"x-trial-endpoint-call-limit", &Facts::requests, Part::limit},
    {"x-trial-endpoint-call-remaining", &Facts::requests, Part::remaining},
};

}  // namespace

const Kind kind{"cohere", "https://api.cohere.com/v2", "cohere", true, false, make};

Adapter::Adapter(const Settings& settings) : provider_(settings.name) {}

const dialect::Codec& Adapter::codec() const { return dialect::cohere::codec(); }

bool Adapter::passes(dialect::Dialect dialect, Endpoint endpoint) const {
  return dialect == dialect::Dialect::cohere && endpoint != Endpoint::rerank;  // one shape for all
}

dialect::Abilities Adapter::abilities(std::string_view /*model*/) const {
  dialect::Abilities out;
  out.house = "cohere";
  out.provider = provider_;
  return out;
}

Outgoing Adapter::pass(const Passed& request, std::string_view model,
                       const Destination& destination) const {
  dialect::WireText body = with_model(request, model);
  return post(destination, "/chat", std::move(body), accepted(request.stream), bearer(destination));
}

Outgoing Adapter::send(dialect::WireRequest request, std::string_view /*model*/, bool stream,
                       const Destination& destination) const {
  return post(destination, request.path, std::move(request.body), accepted(stream),
              bearer(destination));
}

Result<dialect::WireRequest> Adapter::write_embed(const dialect::EmbedRequest& request,
                                                  std::string_view model,
                                                  std::vector<dialect::Loss>& losses) const {
  return dialect::cohere::write_embed_request(request, model, losses);
}

Result<dialect::EmbedResponse> Adapter::read_embed(std::string_view body) const {
  return dialect::cohere::read_embed_answer(body);
}

RateLimitFacts Adapter::read_rate_limits(const net::HeaderFields& headers,
                                         std::int64_t now_us) const {
  return provider::read_rate_limits(rate_limit_headers, headers, now_us);
}

}  // namespace holdfast::provider::cohere
