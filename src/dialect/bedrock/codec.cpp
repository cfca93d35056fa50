#include "dialect/bedrock/codec.h"

#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

struct BedrockCodec final : Codec {
  Dialect dialect() const override { return Dialect::bedrock; }
  std::string_view stream_content_type(const AnswerContext& /*context*/) const override {
    return "application/vnd.amazon.eventstream";
  }
  std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                      std::string_view path_model,
                                                      bool path_stream) const override {
    return bedrock::read_request(body, path_model, path_stream);
  }
  std::string write_answer(const Response& response,
                           const AnswerContext& /*context*/) const override {
    return bedrock::write_answer(response);
  }
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const override {
    return make_stream_writer(context);
  }
  std::string write_error(const ErrorReport& report) const override {
    return bedrock::write_error(report);
  }
  Result<WireRequest> write_request(const Request& request, std::string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override {
    return bedrock::write_request(request, model, abilities, losses);
  }
  Result<Response> read_answer(std::string_view body) const override {
    return bedrock::read_answer(body);
  }
  std::unique_ptr<StreamReader> stream_reader() const override { return make_stream_reader(); }
  ErrorFacts read_error(int status, std::string_view body) const override {
    return bedrock::read_error(status, body);
  }
};

}  // namespace

const dialect::Codec& codec() {
  static const BedrockCodec instance;
  return instance;
}

}  // namespace holdfast::dialect::bedrock
