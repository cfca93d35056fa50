// Each event is a whole answer with the parts that are new. Calls come whole: their arguments are
// collected until the block ends. The reason why a candidate ended, and the usage, come last.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "dialect/citation.h"
#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/grounding.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

// Spaces before the closing brace hide how long an event's text is.
constexpr std::uint64_t most_padding = 64;
// Of one candidate, the last ones, that late citations may be of.
constexpr std::size_t most_texts = 64;

class Writer final : public StreamWriter {
 public:
  explicit Writer(const AnswerContext& context)
      : array_(context.json_array),
        pad_(context.pad),
        model_(context.model),
        request_id_(context.request_id),
        id_(context.request_id),
        random_(context.pad_seed * 2 + 1) {}

  void write(const StreamEvent& event, std::string& out) override {
    if (ended_) return;
    switch (event.kind) {
      case EventKind::start:
        if (model_.empty()) model_ = event.name;
        if (id_.empty()) id_ = event.id;
        return;
      case EventKind::block_start:
        return begin_block(event);
      case EventKind::delta:
        return write_delta(event, out);
      case EventKind::signature:
        return write_signature(event, out);
      case EventKind::citation:
        return hold_citation(event, out);
      case EventKind::block_stop:
        return end_block(event, out);
      case EventKind::finish:
        finished_.push_back({event.choice, event.finish, std::string(event.explanation)});
        return;
      case EventKind::usage:
        usage_.update(event.usage);
        return;
      case EventKind::ping:
        return keep_alive(out);
      case EventKind::error: {
        ErrorReport report;
        report.message = event.error_message;
        report.code = event.error_code;
        return error(report, out);
      }
      case EventKind::end:
        return write_end(out);
    }
  }

  // A blank line: Google's SDKs parse every line that is not, comments too.
  void keep_alive(std::string& out) override { out += "\r\n"; }

  void error(const ErrorReport& report, std::string& out) override {
    if (ended_) return;
    ended_ = true;
    begin_event(out);
    out += write_error(report);
    end_event(out);
    if (array_) out += "]";
  }
  bool gave_up() const override { return gave_up_; }

 private:
  // A block that is open.
  struct Open {
    std::uint32_t choice = 0, block = 0;
    BlockKind kind = BlockKind::text;
    std::string id, name;  // of a call; name: the type of media
    std::string arguments, signature;
    // Sources of a text by their numbers, and the pieces that they back: characters from `begin`
    // on.
    struct Cited {
      std::size_t source;
      std::int64_t from, to;
    };
    std::vector<Cited> cited;
    std::int64_t begin = 0;
  };
  // A text that is complete, whose citations may still come.
  struct Text {
    std::uint32_t block;
    std::int64_t begin, end;  // in the characters of the candidate's texts
    std::size_t cited;        // how often
  };
  // The texts of a candidate, as long as nothing cites them only measured.
  struct Texts {
    TextMeasure measure;
    Grounding grounding;
    std::vector<Text> ended;
  };
  struct Finished {
    std::uint32_t choice = 0;
    FinishReason reason = FinishReason::none;
    std::string explanation;
  };

  void begin_block(const StreamEvent& event) {
    Open open;
    open.choice = event.choice;
    open.block = event.block;
    open.kind = event.block_kind;
    open.id = event.id;
    open.name = event.name;
    if (open.kind == BlockKind::text) open.begin = texts_of(event.choice).measure.points();
    open_.push_back(std::move(open));
  }
  Open* find(const StreamEvent& event) {
    const auto found = std::ranges::find_if(open_, [&event](const Open& open) {
      return open.choice == event.choice && open.block == event.block;
    });
    return found == open_.end() ? nullptr : &*found;
  }

  void write_delta(const StreamEvent& event, std::string& out) {
    Open* open = find(event);
    switch (event.block_kind) {
      case BlockKind::tool_call:
        if (open != nullptr) hold(*open, event.text, out);
        return;
      case BlockKind::text:
      case BlockKind::refusal:
      case BlockKind::thinking:
        if (event.text.empty() && event.logprobs.empty()) return;
        if (event.block_kind == BlockKind::text) texts_of(event.choice).measure.add(event.text);
        begin_answer(out);
        out += R"({"text":")";
        append_json_escaped(out, event.text);
        out += event.block_kind == BlockKind::thinking ? R"(","thought":true})" : R"("})";
        return end_answer(event.choice, event.logprobs, out);
      case BlockKind::image:
      case BlockKind::document:
      case BlockKind::audio:
      case BlockKind::video:
        begin_answer(out);
        out += R"({"inlineData":{"mimeType":)";
        append_json_string(out, open != nullptr ? string_view(open->name) : string_view());
        out += R"(,"data":)";
        append_json_string(out, event.text);
        out += "}}";
        return end_answer(event.choice, {}, out);
      case BlockKind::tool_result:
      case BlockKind::redacted_thinking:
      case BlockKind::native:
        return;
    }
  }

  Texts& texts_of(std::uint32_t choice) {
    if (choice == 0) return first_texts_;
    for (auto& [each, texts] : texts_)
      if (each == choice) return texts;
    return texts_.emplace_back(choice, Texts()).second;
  }
  // They are told at the end, together.
  void hold_citation(const StreamEvent& event, std::string& out) {
    if (!can_tell(Dialect::gemini, *event.citation)) return;
    Open* open = find(event);
    Texts& texts = texts_of(event.choice);
    const auto ended = std::ranges::find(texts.ended, event.block, &Text::block);
    if (open == nullptr && ended == texts.ended.end()) return;
    if ((open != nullptr ? open->cited.size() : ended->cited) >= most_citations) return;
    const std::size_t before = texts.grounding.size();
    const Open::Cited cited{texts.grounding.source(*event.citation), event.citation->from,
                            event.citation->to};
    if (open != nullptr) {
      open->cited.push_back(cited);
    } else {
      ++ended->cited;
      support(texts, cited, *ended);
    }
    hold(texts.grounding.size() - before, out);
  }
  static void support(Texts& texts, const Open::Cited& cited, const Text& of) {
    const bool all = cited.from < 0;
    const std::int64_t from = texts.measure.byte_of(of.begin + (all ? 0 : cited.from));
    const std::int64_t to = texts.measure.byte_of(all ? of.end : of.begin + cited.to);
    texts.grounding.support(cited.source, 0, from, from < 0 ? -1 : to, {});
  }
  void end_text(const Open& open) {
    Texts& texts = texts_of(open.choice);
    const Text text{open.block, open.begin, texts.measure.points(), open.cited.size()};
    for (const Open::Cited& each : open.cited) support(texts, each, text);
    if (texts.ended.size() == most_texts) texts.ended.erase(texts.ended.begin());
    texts.ended.push_back(text);
  }

  // Arguments wait until they are complete.
  void hold(Open& open, string_view arguments, std::string& out) {
    if (hold(arguments.size(), out)) open.arguments += arguments;
  }
  // False: it is more than fits, and the stream has ended with that.
  bool hold(std::size_t bytes, std::string& out) {
    held_ += bytes;
    if (held_ <= limits::response_buffer_bytes) return true;
    gave_up_ = true;
    ErrorReport report;
    report.status = 502;
    report.message = "the answer's calls or sources are longer than this gateway holds";
    report.failure = FailureClass::malformed_body;
    report.request_id = request_id_;
    error(report, out);
    return false;
  }

  void write_signature(const StreamEvent& event, std::string& out) {
    const std::string signature = client_signature(event.signature);
    if (event.block_kind == BlockKind::tool_call) {
      if (Open* open = find(event)) open->signature = signature;
      return;
    }
    begin_answer(out);
    const bool thought =
        event.block_kind == BlockKind::thinking || event.block_kind == BlockKind::redacted_thinking;
    out += event.block_kind == BlockKind::redacted_thinking ? "{" : R"({"text":"",)";
    if (thought) out += R"("thought":true,)";
    out += R"("thoughtSignature":)";
    append_json_string(out, signature);
    out += "}";
    end_answer(event.choice, {}, out);
  }

  void end_block(const StreamEvent& event, std::string& out) {
    const Open* open = find(event);
    if (open == nullptr) return;
    if (open->kind == BlockKind::tool_call) write_call(*open, out);
    if (open->kind == BlockKind::text) end_text(*open);
    held_ -= open->arguments.size();
    open_.erase(open_.begin() + (open - open_.data()));
  }

  void write_call(const Open& call, std::string& out) {
    if (!is_object(call.arguments)) {  // cut, or never right: the wire has objects only
      broken_.push_back(call.choice);
      return;
    }
    begin_answer(out);
    out += R"({"functionCall":{)";
    if (!call.id.empty()) {
      out += R"("id":)";
      append_json_string(out, call.id);
      out += ",";
    }
    out += R"("name":)";
    append_json_string(out, call.name);
    out += R"(,"args":)";
    out += call.arguments.contains('{') ? call.arguments : "{}";
    out += "}";
    if (!call.signature.empty()) {
      out += R"(,"thoughtSignature":)";
      append_json_string(out, call.signature);
    }
    out += "}";
    end_answer(call.choice, {}, out);
  }

  void write_end(std::string& out) {
    if (ended_) return;
    ended_ = true;
    begin_event(out);
    WireText text;
    JsonWriter json(text);
    json.begin_object().key("candidates").begin_array();
    for (const Finished& each : finished_) {
      Finish finish{each.reason, each.explanation};
      if (std::ranges::find(broken_, each.choice) != broken_.end() &&
          each.reason != FinishReason::length)
        finish = {FinishReason::fault, "MALFORMED_FUNCTION_CALL"};
      // SDKs keep a turn in the history only if each of its events has a part.
      json.begin_object().key("content").begin_object().key("parts").begin_array();
      json.begin_object().field("text", "").end_object().end_array();
      json.field("role", "model").end_object();
      write_finish(json, finish);
      json.field("index", std::int64_t{each.choice});
      const Grounding& grounding = texts_of(each.choice).grounding;
      if (!grounding.empty()) json.raw_field("groundingMetadata", grounding.text());
      json.end_object();
    }
    json.end_array();
    write_usage(json, usage_);
    out += text.own();
    end_members(out);
    if (array_) out += "]";
  }

  void begin_answer(std::string& out) {
    begin_event(out);
    out += R"({"candidates":[{"content":{"parts":[)";
  }
  void end_answer(std::uint32_t choice, string_view logprobs, std::string& out) {
    out += R"(],"role":"model"},"index":)";
    append_number(choice, out);
    if (!logprobs.empty()) {
      WireText text;
      JsonWriter json(text);
      write_logprobs(json, logprobs);
      if (!text.own().empty()) out.append(",").append(text.own());
    }
    out += "}]";
    end_members(out);
  }
  static void append_number(std::uint32_t number, std::string& out) {
    if (number < 10)
      out.push_back(static_cast<char>('0' + number));
    else
      out += std::to_string(number);
  }

  void end_members(std::string& out) {
    if (tail_.empty()) {
      tail_ = R"(,"modelVersion":)";
      append_json_string(tail_, model_);
      tail_ += R"(,"responseId":)";
      append_json_string(tail_, id_);
    }
    out += tail_;
    if (pad_) out.append(next_random() % most_padding, ' ');
    out += "}";
    end_event(out);
  }
  void begin_event(std::string& out) {
    if (!array_)
      out += "data: ";
    else
      out += std::exchange(begun_, true) ? ",\r\n" : "[";
  }
  void end_event(std::string& out) const {
    if (!array_) out += "\r\n\r\n";
  }
  // xorshift64
  std::uint64_t next_random() {
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return random_ >> 20U;
  }

  bool array_, pad_;
  bool begun_ = false, ended_ = false, gave_up_ = false;
  std::size_t held_ = 0;  // bytes of arguments and sources that wait
  std::string model_, request_id_, id_;
  std::uint64_t random_;
  std::string tail_;  // what every answer ends with
  std::vector<Open> open_;
  Texts first_texts_;                                   // of candidate 0
  std::vector<std::pair<std::uint32_t, Texts>> texts_;  // of the others
  std::vector<Finished> finished_;
  std::vector<std::uint32_t> broken_;  // candidates with a call that could not be written
  Usage usage_;
};

}  // namespace

std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) {
  return std::make_unique<Writer>(context);
}

}  // namespace holdfast::dialect::gemini
