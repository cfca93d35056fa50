// Cohere's v2 interface.
#pragma once
#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider::cohere {

class Adapter final : public provider::Adapter {
 public:
  explicit Adapter(const Settings& settings);
  const dialect::Codec& codec() const override;
  bool passes(dialect::Dialect dialect, Endpoint endpoint) const override;
  dialect::Abilities abilities(std::string_view model) const override;
  Outgoing pass(const Passed& request, std::string_view model,
                const Destination& destination) const override;
  Outgoing send(dialect::WireRequest request, std::string_view model, bool stream,
                const Destination& destination) const override;
  Result<dialect::WireRequest> write_embed(const dialect::EmbedRequest& request,
                                           std::string_view model,
                                           std::vector<dialect::Loss>& losses) const override;
  Result<dialect::EmbedResponse> read_embed(std::string_view body) const override;
  bool reranks() const override { return true; }
  RateLimitFacts read_rate_limits(const net::HeaderFields& headers,
                                  std::int64_t now_us) const override;

 private:
  std::string provider_;
};

extern const Kind kind;

}  // namespace holdfast::provider::cohere
