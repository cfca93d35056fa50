#include "dialect/anthropic/codec.h"

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

class MessagesCodec final : public dialect::Codec {
 public:
  Dialect dialect() const override { return Dialect::anthropic; }
  std::string_view stream_content_type(const AnswerContext&) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::expected<Request, RequestProblem> read_request(std::string_view body, std::string_view,
                                                      bool) const override {
    return anthropic::read_request(body, false);
  }
  std::string write_answer(const Response& response, const AnswerContext& context) const override {
    return anthropic::write_answer(response, context);
  }
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const override {
    return make_stream_writer(context);
  }
  std::string write_error(const ErrorReport& report) const override {
    return anthropic::write_error(report);
  }
  Result<WireRequest> write_request(const Request& request, std::string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override {
    return anthropic::write_request(request, model, abilities, losses, Hosting{});
  }
  Result<Response> read_answer(std::string_view body) const override {
    return anthropic::read_answer(body);
  }
  std::unique_ptr<StreamReader> stream_reader() const override { return make_stream_reader(); }
  ErrorFacts read_error(int status, std::string_view body) const override {
    return anthropic::read_error(status, body);
  }
};

}  // namespace

const dialect::Codec& codec() {
  static const MessagesCodec the_codec;
  return the_codec;
}

std::expected<Request, RequestProblem> read_count_request(std::string_view body) {
  return read_request(body, true);
}

}  // namespace holdfast::dialect::anthropic
