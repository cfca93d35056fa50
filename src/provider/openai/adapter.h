// OpenAI itself, and every server that speaks its dialect: bytes pass through.
#pragma once
#include "provider/adapter.h"

namespace holdfast::provider::openai {

class Adapter final : public provider::Adapter {
 public:
  Adapter(const Settings& settings, std::vector<std::string> extra_stop);
  std::string splice(const dialect::openai::ScannedRequest& request, std::string_view model,
                     const Destination& destination, std::string_view attempt_id) const override;
  bool asks_usage(const dialect::openai::ScannedRequest& request) const override;
  dialect::openai::AnswerFacts scan_answer(dialect::openai::Endpoint endpoint,
                                           std::string_view body) const override;
  dialect::openai::Sight scan_event(std::string_view data) const override;
  dialect::openai::ErrorFacts classify_error(int status, std::string_view body) const override;

 private:
  UsageAsk usage_;
  std::string account_headers_;  // OpenAI-Organization, OpenAI-Project
  std::vector<std::string> extra_stop_;
};

}  // namespace holdfast::provider::openai
