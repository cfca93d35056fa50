// OpenAI itself, and every server that speaks its dialect, with the deviations of each as a table:
// where there are none bytes pass through, else they are translated.
#pragma once
#include "dialect/openai/codec.h"
#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider::openai_shaped {

// Which of the endpoints for images, sound and moderation a kind has, as OpenAI has them.
struct Media {
  bool moderations = false, images = false, variations = false;
  bool speech = false, transcripts = false, translations = false;
  bool edits = false;
  bool has(Endpoint endpoint) const;
};

// What is particular to a kind.
struct Shape {
  std::string_view house;
  const dialect::openai::Deviations* deviations = nullptr;
  bool plain = true;       // no deviation in requests: a client's bytes may pass through
  bool responses = false;  // has /responses
  bool azure = false;      // Azure's paths and header
  bool reranks = false;    // has /rerank in Cohere's shape
  Media media{};
};

class Adapter final : public provider::Adapter {
 public:
  Adapter(const Settings& settings, const Shape& shape, std::vector<std::string> extra_stop);
  std::string list_models(const Destination& destination) const override;
  const dialect::Codec& codec() const override { return codec_; }
  bool passes(dialect::Dialect dialect, Endpoint endpoint) const override;
  dialect::Abilities abilities(std::string_view model) const override;
  const std::vector<std::string>& extra_stop() const override { return extra_stop_; }
  Outgoing splice(const dialect::openai::ScannedRequest& request, std::string_view model,
                  const Destination& destination) const override;
  bool asks_usage(const dialect::openai::ScannedRequest& request) const override;
  Outgoing pass(const Passed& request, std::string_view model,
                const Destination& destination) const override;
  Outgoing send(dialect::WireRequest request, std::string_view model, bool stream,
                const Destination& destination) const override;
  Result<dialect::WireRequest> write_embed(const dialect::EmbedRequest& request,
                                           std::string_view model,
                                           std::vector<dialect::Loss>& losses) const override;
  Result<dialect::EmbedResponse> read_embed(std::string_view body) const override;
  bool reranks() const override { return shape_.reranks; }
  bool says_beginnings_again() const override;
  dialect::AnswerFacts scan_answer(Endpoint endpoint, std::string_view body) const override;
  dialect::Sight scan_event(std::string_view data) const override;
  dialect::ErrorFacts classify_error(int status, const net::HeaderFields& headers,
                                     std::string_view body) const override;
  RateLimitFacts read_rate_limits(const net::HeaderFields& headers,
                                  std::int64_t now_us) const override;

 private:
  std::string authorization(const Destination& destination) const;
  // Where `path` of OpenAI's is, for `model`.
  std::string place(std::string_view path, std::string_view model) const;

  const Shape& shape_;
  dialect::openai::ChatCodec codec_;
  std::string provider_, house_;
  UsageAsk usage_;
  std::string account_headers_;  // OpenAI-Organization, OpenAI-Project
  std::vector<std::string> extra_stop_;
  std::string api_version_;  // Azure: of the deployments' paths; empty: the paths of its v1
  bool entra_ = false;       // Azure: the key is a bearer token
};

// What only Azure has.
struct AzureSettings final : OwnSettings {
  std::string api_version;
};

extern const Kind openai, openai_compatible, llama_cpp, azure_openai, mistral, groq, deepseek, xai,
    together, fireworks, openrouter, ollama, vllm, sglang, tgi;

}  // namespace holdfast::provider::openai_shaped
