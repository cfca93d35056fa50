#include "dialect/gemini/codec.h"

#include <fmt/format.h>

#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/request_reader.h"
#include "dialect/gemini/request_writer.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

std::expected<Request, RequestProblem> read_body(string_view body, string_view path_model,
                                                 string_view within) {
  Request request;
  request.from = Dialect::gemini;
  request.model = path_model;
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("the body is not JSON: {} at byte {}", parsed.error().message,
                                   parsed.error().offset),
                       "invalid_json",
                       {}});
  JsonValue root = document.root();
  if (root[within].exists()) root = root[within];
  RequestReader reader(request);
  reader.read(root);
  if (reader.problem()) return std::unexpected(*reader.problem());
  if (!root["contents"].is_array() || request.messages.empty())
    return std::unexpected(
        RequestProblem{400, "contents: is needed", "missing_required_parameter", "contents"});
  return request;
}

class Gemini final : public Codec {
 public:
  Dialect dialect() const override { return Dialect::gemini; }
  string_view stream_content_type(const AnswerContext& context) const override {
    return context.json_array ? "application/json; charset=UTF-8" : "text/event-stream";
  }
  std::expected<Request, RequestProblem> read_request(string_view body, string_view path_model,
                                                      bool path_stream) const override {
    auto request = read_body(body, path_model, {});
    if (request) request->stream = path_stream;
    return request;
  }
  std::string write_answer(const Response& response, const AnswerContext& context) const override {
    return gemini::write_answer(response, context);
  }
  std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const override {
    return gemini::stream_writer(context);
  }
  std::string write_error(const ErrorReport& report) const override {
    return gemini::write_error(report);
  }
  Result<WireRequest> write_request(const Request& request, string_view model,
                                    const Abilities& abilities,
                                    std::vector<Loss>& losses) const override {
    WireRequest out;
    out.path = request.stream ? path_of(model, "streamGenerateContent") + "?alt=sse"
                              : path_of(model, "generateContent");
    RequestWriter(request, model, abilities, losses).write(out.body);
    return out;
  }
  Result<Response> read_answer(string_view body) const override {
    return gemini::read_answer(body);
  }
  std::unique_ptr<StreamReader> stream_reader() const override { return gemini::stream_reader(); }
  ErrorFacts read_error(int status, string_view body) const override {
    return gemini::read_error(status, body);
  }
};

}  // namespace

const dialect::Codec& codec() {
  static const Gemini the_codec;
  return the_codec;
}

std::expected<Request, RequestProblem> read_count_request(string_view body,
                                                          string_view path_model) {
  return read_body(body, path_model, "generateContentRequest");
}

std::string write_count_answer(std::int64_t tokens) {
  return fmt::format(
      R"({{"totalTokens":{0},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{0}}}]}})",
      tokens);
}

Result<WireRequest> write_count_request(const Request& request, string_view model,
                                        const Abilities& abilities, Api api,
                                        std::vector<Loss>& losses) {
  WireRequest out;
  out.path = path_of(model, "countTokens");
  JsonWriter json(out.body);
  json.begin_object();
  if (api == Api::gemini) {
    json.key("generateContentRequest").begin_object();
    json.field("model", string_view(model.contains('/') ? std::string(model)
                                                        : fmt::format("models/{}", model)));
  }
  RequestWriter(request, model, abilities, losses).write_members(json);
  if (api == Api::gemini) json.end_object();
  json.end_object();
  return out;
}

Result<std::int64_t> read_count_answer(string_view body) {
  JsonDocument document;
  if (!document.parse(body)) return fail(ErrorCode::malformed_response, "not JSON");
  const auto tokens = document.root()["totalTokens"].integer();
  if (!tokens || *tokens < 0) return fail(ErrorCode::malformed_response, "no totalTokens");
  return *tokens;
}

}  // namespace holdfast::dialect::gemini
