// OpenAI's chat completions, read and written for both sides. Clients are answered as OpenAI
// answers; upstreams may deviate, by a table. Everything is pure and const: any thread.
#pragma once
#include "dialect/codec.h"
#include "dialect/openai/deviations.h"

namespace holdfast::dialect::openai {

class ChatCodec final : public dialect::Codec {
 public:
  // The table outlives the codec.
  explicit ChatCodec(const Deviations& deviations) : deviations_(deviations) {}

  Dialect dialect() const override { return Dialect::openai; }
  std::string_view stream_content_type(const AnswerContext& context) const override;

  // `path_model`, when not empty, stands for the body's model (Azure's deployments).
  std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                      std::string_view path_model,
                                                      bool path_stream) const override;
  std::string write_answer(const Response& response, const AnswerContext& context) const override;
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const override;
  std::string write_error(const ErrorReport& report) const override;

  Result<WireRequest> write_request(const Request& request, std::string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override;
  Result<Response> read_answer(std::string_view body) const override;
  std::unique_ptr<StreamReader> stream_reader() const override;
  ErrorFacts read_error(int status, std::string_view body) const override;

  const Deviations& deviations() const { return deviations_; }

 private:
  const Deviations& deviations_;
};

// OpenAI's own; every client of the dialect is served by it.
const dialect::Codec& codec();

}  // namespace holdfast::dialect::openai
