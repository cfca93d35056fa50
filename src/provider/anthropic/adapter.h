// Anthropic's own interface, and who else offers it under another URL.
#pragma once
#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider::anthropic {

struct OwnSettings final : provider::OwnSettings {
  std::string version;  // anthropic-version of requests that are written here
};

class Adapter final : public provider::Adapter {
 public:
  explicit Adapter(const Settings& settings);
  std::string list_models(const Destination& destination) const override;
  const dialect::Codec& codec() const override;
  bool passes(dialect::Dialect dialect, Endpoint endpoint) const override;
  dialect::Abilities abilities(std::string_view model) const override;
  Outgoing pass(const Passed& request, std::string_view model,
                const Destination& destination) const override;
  Outgoing send(dialect::WireRequest request, std::string_view model, bool stream,
                const Destination& destination) const override;
  std::string_view request_id_header() const override { return "request-id"; }
  RateLimitFacts read_rate_limits(const net::HeaderFields& headers,
                                  std::int64_t now_us) const override;

 private:
  std::string provider_, house_, version_;
};

extern const Kind kind;

}  // namespace holdfast::provider::anthropic
