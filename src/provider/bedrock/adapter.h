// AWS Bedrock's Converse interface: requests are signed, or carry a Bedrock API key.
#pragma once
#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider::bedrock {

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
  // The error's name stands in a header.
  dialect::ErrorFacts classify_error(int status, const net::HeaderFields& headers,
                                     std::string_view body) const override;
  std::string_view request_id_header() const override { return "x-amzn-requestid"; }
  std::string_view tokens_in_header() const override { return "x-amzn-bedrock-input-token-count"; }

 private:
  std::string authorization(std::string_view path, const dialect::WireText& body,
                            const Destination& destination) const;
  std::string provider_, owner_, region_;
};

extern const Kind kind;

}  // namespace holdfast::provider::bedrock
