#include "simulation/cohere_answers.h"

#include <fmt/format.h>

#include "dialect/json_writer.h"

namespace holdfast::simulation {
namespace {

using dialect::EventKind;

std::string quoted(std::string_view text) {
  std::string out;
  dialect::append_json_string(out, text);
  return out;
}

std::string usage_json(const dialect::Usage& usage) {
  const std::string counts =
      fmt::format(R"({{"input_tokens":{},"output_tokens":{}}})", usage.tokens_in, usage.tokens_out);
  return fmt::format(R"({{"billed_units":{},"tokens":{}}})", counts, counts);
}

class Writer final : public dialect::StreamWriter {
 public:
  void write(const dialect::StreamEvent& event, std::string& out) override {
    switch (event.kind) {
      case EventKind::start:
        add("message-start",
            fmt::format(R"("id":{},"delta":{{"message":{{"role":"assistant"}}}})",
                        quoted(event.id)),
            out);
        break;
      case EventKind::block_start:
        add("content-start",
            fmt::format(
                R"("index":{},"delta":{{"message":{{"content":{{"type":"text","text":""}}}}}})",
                event.block),
            out);
        break;
      case EventKind::delta:
        add("content-delta",
            fmt::format(R"("index":{},"delta":{{"message":{{"content":{{"text":{}}}}}}})",
                        event.block, quoted(event.text)),
            out);
        break;
      case EventKind::block_stop:
        add("content-end", fmt::format(R"("index":{})", event.block), out);
        break;
      case EventKind::usage:
        usage_ = event.usage;
        break;
      case EventKind::end:
        add("message-end",
            fmt::format(R"("delta":{{"finish_reason":"COMPLETE","usage":{}}})", usage_json(usage_)),
            out);
        break;
      case EventKind::finish:
      case EventKind::signature:
      case EventKind::citation:
      case EventKind::ping:
      case EventKind::error:
        break;  // nothing simulated has them, or the end tells it
    }
  }
  void keep_alive(std::string& /*out*/) override {}
  void error(const dialect::ErrorReport& /*report*/, std::string& /*out*/) override {}

 private:
  static void add(std::string_view type, std::string_view members, std::string& out) {
    fmt::format_to(std::back_inserter(out), "event: {}\ndata: {{\"type\":\"{}\",{}}}\n\n", type,
                   type, members);
  }

  dialect::Usage usage_;
};

}  // namespace

std::string write_cohere_answer(const dialect::Response& response) {
  std::string text;
  for (const dialect::Block& block : response.choices.front().content) text += block.text;
  return fmt::format(R"({{"id":{},"finish_reason":"COMPLETE","message":{{"role":"assistant",)"
                     R"("content":[{{"type":"text","text":{}}}]}},"usage":{}}})",
                     quoted(response.id), quoted(text), usage_json(response.usage));
}

std::unique_ptr<dialect::StreamWriter> cohere_stream_writer() { return std::make_unique<Writer>(); }

}  // namespace holdfast::simulation
