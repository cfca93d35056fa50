#include "dialect/cohere/codec.h"

#include "dialect/cohere/chat.h"

namespace holdfast::dialect::cohere {
namespace {

struct NothingWritten final : StreamWriter {
  void write(const StreamEvent& /*event*/, std::string& /*out*/) override {}
  void keep_alive(std::string& /*out*/) override {}
  void error(const ErrorReport& /*report*/, std::string& /*out*/) override {}
};

class Cohere final : public dialect::Codec {
 public:
  Dialect dialect() const override { return Dialect::cohere; }
  std::string_view stream_content_type(const AnswerContext& /*context*/) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::expected<Request, RequestProblem> read_request(std::string_view /*body*/,
                                                      std::string_view /*path_model*/,
                                                      bool /*path_stream*/) const override {
    return std::unexpected(
        RequestProblem{404, "Cohere's chat is not served to clients", "not_found", {}});
  }
  std::string write_answer(const Response& /*response*/,
                           const AnswerContext& /*context*/) const override {
    return {};
  }
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& /*context*/) const override {
    return std::make_unique<NothingWritten>();
  }
  std::string write_error(const ErrorReport& report) const override {
    return cohere::write_error(report);
  }
  Result<WireRequest> write_request(const Request& request, std::string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override {
    return cohere::write_request(request, model, abilities, losses);
  }
  Result<Response> read_answer(std::string_view body) const override {
    return cohere::read_answer(body);
  }
  std::unique_ptr<StreamReader> stream_reader() const override { return cohere::stream_reader(); }
  ErrorFacts read_error(int status, std::string_view body) const override {
    return cohere::read_error(status, body);
  }
};

}  // namespace

const dialect::Codec& codec() {
  static const Cohere cohere;
  return cohere;
}

}  // namespace holdfast::dialect::cohere
