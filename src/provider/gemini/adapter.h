// Google's models, at the Gemini API (a key) or at Vertex AI (a token, a project, a location).
#pragma once
#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider::gemini {

class Adapter final : public provider::Adapter {
 public:
  //   is_vertex   proves itself with a bearer token
  Adapter(const Settings& settings, bool is_vertex);
  std::string list_models(const Destination& destination) const override;
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

 private:
  std::string authorization(const Destination& destination) const;
  std::string provider_, house_;
  bool vertex_;
};

extern const Kind gemini, vertex;

}  // namespace holdfast::provider::gemini
