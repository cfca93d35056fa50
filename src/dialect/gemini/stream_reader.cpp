// Streams of whole answers with partial parts: server-sent events, or one JSON array that arrives
// in pieces. No event says that the stream is over: it is when the body ends after every candidate
// gave its reason. Old models give one with each chunk, so that it counts at the end only.
#include <fmt/format.h>

#include <algorithm>
#include <forward_list>

#include "base/limits.h"
#include "dialect/base64.h"
#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/grounding.h"
#include "dialect/gemini/wire.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

// Pictures come whole in one event.
constexpr std::size_t max_event_bytes = limits::response_buffer_bytes;
constexpr std::size_t max_choices = 128;
constexpr std::size_t most_tellings = 64;  // of a candidate's sources
constexpr std::size_t most_texts = 64;     // of a candidate, the last ones, that are looked through

// The objects of an array that arrives in pieces; a lone object too.
class ObjectSplitter {
 public:
  // Calls take(object) for each that `bytes` complete, until it fails.
  template <class Take>
  Result<void> feed(string_view bytes, Take take) {
    std::size_t from = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      if (in_string_) {
        if (escaped_)
          escaped_ = false;
        else if (c == '\\')
          escaped_ = true;
        else if (c == '"')
          in_string_ = false;
        continue;
      }
      if (depth_ == 0) {
        from = i;
        if (c == '{')
          depth_ = 1;
        else if (!string_view("[], \t\r\n").contains(c))
          return fail(ErrorCode::malformed_response, "the stream is neither events nor an array");
        continue;
      }
      if (c == '"') in_string_ = true;
      if (c == '{' || c == '[') ++depth_;
      if (c == '}' || c == ']') --depth_;
      if (depth_ != 0) continue;
      string_view object = bytes.substr(from, i + 1 - from);
      if (!held_.empty()) {
        held_.append(object);
        completed_.swap(held_);
        held_.clear();
        object = completed_;
      }
      auto taken = take(object);
      if (!taken) return taken;
    }
    if (depth_ == 0) return {};
    held_.append(bytes.substr(from));
    if (held_.size() > max_event_bytes)
      return fail(ErrorCode::malformed_response, "an event is larger than the limit");
    return {};
  }
  bool within_object() const { return depth_ != 0; }

 private:
  std::string held_;       // an object whose end has not come yet
  std::string completed_;  // the object that this feed completed
  std::size_t depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

class Reader final : public StreamReader {
 public:
  Reader() : sse_(max_event_bytes) { options_.allow_lone_surrogates = true; }

  Result<void> feed(string_view bytes, std::vector<StreamEvent>& out) override {
    out_ = &out;
    arena_.clear();
    citations_.clear();
    if (framing_ == Framing::unknown) {
      while (!bytes.empty() && (bytes[0] == '\r' || bytes[0] == '\n')) bytes.remove_prefix(1);
      if (bytes.empty()) return {};
      framing_ = bytes[0] == '[' || bytes[0] == '{' ? Framing::array : Framing::events;
    }
    if (framing_ == Framing::array)
      return array_.feed(bytes, [this](string_view object) { return read_chunk(object); });
    events_.clear();
    auto fed = sse_.feed(bytes, events_);
    for (const net::SseEvent& event : events_) {
      auto read = read_event(event);
      if (!read) return read;
    }
    return fed;
  }

  Result<void> finish(std::vector<StreamEvent>& out) override {
    out_ = &out;
    if (array_.within_object())
      return fail(ErrorCode::malformed_response, "the stream ends within an object");
    if (const auto last = sse_.finish()) {
      auto read = read_event(*last);
      if (!read) return read;
    }
    const bool ended = std::ranges::all_of(choices_, [](const Open& choice) {
      return !choice.seen || choice.finish.reason != FinishReason::none;
    });
    if (failed_ || !ended || choices_.empty()) return {};
    for (std::size_t i = 0; i < choices_.size(); ++i)
      if (choices_[i].seen) end_choice(static_cast<std::uint32_t>(i));
    emit(EventKind::end);
    return {};
  }

 private:
  enum class Framing : std::uint8_t { unknown, events, array };

  // A candidate and the block of it that is open.
  struct Open {
    bool seen = false, block_open = false, has_calls = false;
    std::uint32_t blocks = 0;  // opened so far
    BlockKind kind = BlockKind::text;
    Finish finish;
    std::string explanation;  // what finish.explanation views
    bool part_ended = false;  // what comes next is another part
    // The sources, in the words that came last, and where the texts are that they are of: places
    // count through all texts of the candidate.
    std::string grounding, cited;
    TextMeasure text;
    struct Text {
      std::uint32_t block;
      std::int64_t begin;    // the points before it
      std::size_t told = 0;  // in which telling its sources were; 0: not yet
    };
    std::vector<Text> texts;
    std::size_t tellings = 0;
    bool untold = false;  // sources have come since the last of them
  };

  StreamEvent& emit(EventKind kind) {
    StreamEvent& event = out_->emplace_back();
    event.kind = kind;
    return event;
  }
  StreamEvent& emit(EventKind kind, std::uint32_t index) {
    const Open& choice = choices_[index];
    StreamEvent& event = emit(kind);
    event.choice = index;
    event.block = choice.blocks - 1;
    event.block_kind = choice.kind;
    return event;
  }

  void close_block(std::uint32_t index) {
    if (!choices_[index].block_open) return;
    if (choices_[index].kind == BlockKind::text) tell_sources(index);
    emit(EventKind::block_stop, index);
    choices_[index].block_open = false;
  }
  StreamEvent& open_block(std::uint32_t index, BlockKind kind) {
    close_block(index);
    Open& choice = choices_[index];
    choice.kind = kind;
    choice.block_open = true;
    choice.part_ended = false;
    if (kind == BlockKind::text) {
      if (choice.texts.size() == most_texts) choice.texts.erase(choice.texts.begin());
      choice.texts.push_back({choice.blocks, choice.text.points()});
    }
    ++choice.blocks;
    return emit(EventKind::block_start, index);
  }
  // At the end of a text, and of the candidate: those of texts that have none yet. Those of a text
  // still to come stay.
  void tell_sources(std::uint32_t index) {
    Open& choice = choices_[index];
    choice.untold = false;
    if (choice.tellings == most_tellings || choice.texts.empty() ||
        (choice.grounding.empty() && choice.cited.empty()))
      return;
    JsonDocument grounding, cited;
    const auto parsed =
        grounding.parse(arena_.keep(choice.grounding.empty() ? "{}" : choice.grounding), options_);
    const auto parsed_too =
        cited.parse(arena_.keep(choice.cited.empty() ? "{}" : choice.cited), options_);
    if (!parsed || !parsed_too) return;  // they were read before
    const std::size_t telling = ++choice.tellings;
    for (const Grounded& each : read_grounding(grounding.root(), cited.root(), arena_)) {
      if (each.from >= choice.text.bytes() && each.from > 0) continue;
      Citation& citation = citations_.emplace_front(each.citation);
      const std::int64_t from = choice.text.points_before(each.from);
      const std::int64_t to = choice.text.points_before(std::min(each.to, choice.text.bytes()));
      auto text = choice.texts.rbegin();
      if (from < 0 || to < 0) {  // of all that was said
        if (telling > 1) continue;
      } else {
        text = std::find_if(text, choice.texts.rend(),
                            [from](const Open::Text& one) { return one.begin <= from; });
        if (text == choice.texts.rend()) continue;
        citation.from = from - text->begin;
        citation.to = to - text->begin;
      }
      if (text->told != 0 && text->told != telling) continue;
      text->told = telling;
      StreamEvent& event = emit(EventKind::citation, index);
      event.block = text->block;
      event.block_kind = BlockKind::text;
      event.citation = &citation;
    }
  }
  void end_choice(std::uint32_t index) {
    close_block(index);
    const Open& choice = choices_[index];
    if (choice.untold) tell_sources(index);
    StreamEvent& event = emit(EventKind::finish);
    event.choice = index;
    event.finish = choice.finish.reason;
    if (choice.has_calls && event.finish == FinishReason::stop)
      event.finish = FinishReason::tool_calls;
    event.explanation = choice.explanation;
  }

  Result<void> read_event(const net::SseEvent& event) {
    if (!event.has_data) return {};
    const auto begin = event.data.find_first_not_of(" \t\r\n");
    if (begin == string_view::npos || event.data.substr(begin).starts_with("[DONE]")) return {};
    return read_chunk(event.data);
  }

  Result<void> read_chunk(string_view text) {
    if (const auto parsed = document_.parse(text, options_); !parsed)
      return fail(ErrorCode::malformed_response, "an event is not JSON: " + parsed.error().message);
    JsonValue root = document_.root();
    if (root.is_array() && root.size() == 1) root = *root.elements().begin();
    if (!root.is_object()) return fail(ErrorCode::malformed_response, "an event is not an object");
    chunk_ = text;
    JsonValue candidates, usage, feedback, id, model, created, error;
    for (const auto& [key, value] : root.members()) {
      const string_view name = key.raw();
      if (name == R"("candidates")") candidates = value;
      if (name == R"("usageMetadata")") usage = value;
      if (name == R"("promptFeedback")") feedback = value;
      if (name == R"("responseId")") id = value;
      if (name == R"("modelVersion")") model = value;
      if (name == R"("createTime")") created = value;
      if (name == R"("error")") error = value;
    }
    if (error && !error.is_null()) return read_error(error);
    if (!started_) {
      started_ = true;
      answer_id_ = id.text(arena_);
      StreamEvent& start = emit(EventKind::start);
      start.id = id.text(arena_);
      start.name = model.text(arena_);
      start.created_s = seconds_of(created.text(arena_));
    }
    for (const JsonValue candidate : candidates.elements()) {
      auto read = read_candidate(candidate);
      if (!read) return read;
    }
    if (feedback["blockReason"].is_string() && choices_.empty()) {
      Open& choice = choices_.emplace_back();
      choice.seen = true;
      choice.finish.reason = FinishReason::content_filter;
      choice.explanation =
          fmt::format("the prompt was blocked: {}", feedback["blockReason"].text(arena_));
    }
    if (usage.is_object() && usage.raw() != last_usage_) {
      last_usage_ = usage.raw();
      emit(EventKind::usage).usage = read_usage(usage);
    }
    return {};
  }

  Result<void> read_error(JsonValue error) {
    failed_ = true;
    StreamEvent& event = emit(EventKind::error);
    event.error_message = error.is_string() ? error.text(arena_) : error["message"].text(arena_);
    event.error_type = error["status"].text(arena_);
    event.error_code = error["code"].is_string() ? error["code"].text(arena_) : error["code"].raw();
    return {};
  }

  Result<void> read_candidate(JsonValue candidate) {
    JsonValue index_value, content, reason, message, logprobs, grounding, cited;
    for (const auto& [key, value] : candidate.members()) {
      const string_view name = key.raw();
      if (name == R"("index")") index_value = value;
      if (name == R"("content")") content = value;
      if (name == R"("finishReason")") reason = value;
      if (name == R"("finishMessage")") message = value;
      if (name == R"("logprobsResult")") logprobs = value;
      if (name == R"("groundingMetadata")") grounding = value;
      if (name == R"("citationMetadata")") cited = value;
    }
    const std::int64_t number = index_value.integer().value_or(0);
    if (number < 0 || number >= static_cast<std::int64_t>(max_choices))
      return fail(ErrorCode::malformed_response, "a candidate's index is out of range");
    const auto index = static_cast<std::uint32_t>(number);
    if (choices_.size() <= index) choices_.resize(index + 1);
    choices_[index].seen = true;
    if (grounding["groundingSupports"].size() > 0) {
      choices_[index].grounding = grounding.raw();
      choices_[index].untold = true;
    }
    if (cited.size() > 0) {
      choices_[index].cited = cited.raw();
      choices_[index].untold = true;
    }
    string_view told = logprobs ? read_logprobs(logprobs, arena_) : string_view();
    for (const JsonValue part : content["parts"].elements()) {
      auto read = read_part(part, index, told);
      if (!read) return read;
    }
    if (reason.is_string()) {
      Open& choice = choices_[index];
      const Finish finish = read_finish(reason.text(arena_), message.text(arena_), arena_);
      choice.finish.reason = finish.reason;
      choice.explanation = finish.explanation;
    }
    return {};
  }

  Result<void> read_part(JsonValue part, std::uint32_t index, string_view& logprobs) {
    const AnswerPart read = read_answer_part(part, arena_);
    if (read.call) return read_call(read, index);
    if (read.inline_data) {
      read_media(read.inline_data, index);
      return {};
    }
    if (read.native || read.file_data) return {};
    const string_view text = read.text.text(arena_);
    if (text.empty() && read.signature.empty()) return {};
    const BlockKind kind = !read.thought ? BlockKind::text
                           : read.text   ? BlockKind::thinking
                                         : BlockKind::redacted_thinking;
    const Open& choice = choices_[index];
    if (!choice.block_open || choice.kind != kind || choice.part_ended) open_block(index, kind);
    if (!text.empty()) {
      if (kind == BlockKind::text) choices_[index].text.add(text);
      StreamEvent& delta = emit(EventKind::delta, index);
      delta.text = text;
      if (kind == BlockKind::text) delta.logprobs = std::exchange(logprobs, {});
    }
    if (read.signature.empty()) return {};
    emit(EventKind::signature, index).signature = {read.signature, house, {}};
    // A signature ends its part; its sources may still come.
    choices_[index].part_ended = true;
    return {};
  }

  Result<void> read_call(const AnswerPart& part, std::uint32_t index) {
    if (part.call["partialArgs"] || part.call["willContinue"].boolean().value_or(false))
      return fail(ErrorCode::malformed_response, "a call in pieces, which nobody asked for");
    StreamEvent& start = open_block(index, BlockKind::tool_call);
    start.name = part.call["name"].text(arena_);
    start.id = part.call["id"].text(arena_);
    if (start.id.empty()) start.id = arena_.keep(made_call_id(answer_id_, chunk_, calls_));
    ++calls_;
    choices_[index].has_calls = true;
    const JsonValue args = part.call["args"];
    emit(EventKind::delta, index).text = args.is_object() ? args.raw() : "{}";
    if (!part.signature.empty())
      emit(EventKind::signature, index).signature = {part.signature, house, {}};
    close_block(index);
    return {};
  }

  // The media type is the block's name, its base64 the text.
  void read_media(JsonValue data, std::uint32_t index) {
    string_view bytes = data["data"].text(arena_);
    const Base64Alphabet alphabet = alphabet_of(bytes);
    if (alphabet == Base64Alphabet::none) return;
    if (alphabet == Base64Alphabet::other) bytes = arena_.keep(standard_base64(bytes));
    const string_view type = data["mimeType"].text(arena_);
    open_block(index, kind_of_media(type)).name = type;
    emit(EventKind::delta, index).text = bytes;
    close_block(index);
  }

  net::SseParser sse_;
  ObjectSplitter array_;
  std::vector<net::SseEvent> events_;
  JsonScanOptions options_;
  JsonDocument document_;  // events view its text and the arena, not itself
  Arena arena_;
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<StreamEvent>* out_ = nullptr;
  std::vector<Open> choices_;
  string_view chunk_;
  std::string answer_id_, last_usage_;
  std::size_t calls_ = 0;
  Framing framing_ = Framing::unknown;
  bool started_ = false, failed_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

}  // namespace holdfast::dialect::gemini
