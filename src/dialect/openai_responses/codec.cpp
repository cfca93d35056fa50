#include "dialect/openai_responses/codec.h"

#include "dialect/openai_responses/answer_reader.h"
#include "dialect/openai_responses/errors.h"
#include "dialect/openai_responses/request_writer.h"
#include "dialect/openai_responses/stream_reader.h"

namespace holdfast::dialect::openai_responses {
namespace {

// The state of an answer that is kept, or of one that is not.
StateFields state_of(const AnswerContext& context) {
  return {std::string(context.previous_id), {}, !context.answer_id.empty(), false};
}

class Responses final : public dialect::Codec {
 public:
  Dialect dialect() const override { return Dialect::openai_responses; }
  std::string_view stream_content_type(const AnswerContext& /*context*/) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                      std::string_view /*path_model*/,
                                                      bool /*path_stream*/) const override {
    return openai_responses::read_request(body, {});
  }
  std::string write_answer(const Response& response, const AnswerContext& context) const override {
    return write_response(response, context, state_of(context));
  }
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const override {
    return response_stream(context, state_of(context));
  }
  std::string write_error(const ErrorReport& report) const override {
    return openai_responses::write_error(report);
  }
  Result<WireRequest> write_request(const Request& request, std::string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override {
    return openai_responses::write_request(request, model, abilities, losses);
  }
  Result<Response> read_answer(std::string_view body) const override {
    return openai_responses::read_answer(body);
  }
  std::unique_ptr<StreamReader> stream_reader() const override {
    return openai_responses::stream_reader();
  }
  ErrorFacts read_error(int status, std::string_view body) const override {
    return openai_responses::read_error(status, body);
  }
};

}  // namespace

const dialect::Codec& codec() {
  static const Responses responses;
  return responses;
}

}  // namespace holdfast::dialect::openai_responses
