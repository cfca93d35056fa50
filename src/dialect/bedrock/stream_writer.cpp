#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "dialect/bedrock/parts.h"
#include "dialect/citation.h"
#include "net/event_stream.h"

namespace holdfast::dialect::bedrock {
namespace {

using net::EventStreamHeader;

std::array<EventStreamHeader, 3> headers_of(std::string_view event) {
  return {EventStreamHeader{":event-type", event},
          EventStreamHeader{":content-type", "application/json"},
          EventStreamHeader{":message-type", "event"}};
}

// The exception as which a stream ends; ConverseStream knows fewer than Converse.
std::string_view stream_exception_of(const ErrorReport& report) {
  switch (report.failure) {
    case FailureClass::error_in_stream:
    case FailureClass::error_after_content:
    case FailureClass::cut_stream:
    case FailureClass::stall:
    case FailureClass::empty_stream:
    case FailureClass::malformed_body:
      return "modelStreamErrorException";
    case FailureClass::rate_limited:
    case FailureClass::unpaid:
      return "throttlingException";
    case FailureClass::overloaded:
      return "serviceUnavailableException";
    default:
      break;
  }
  if (report.status == 429) return "throttlingException";
  if (report.status == 503 || report.status == 529) return "serviceUnavailableException";
  return report.status >= 400 && report.status < 500 ? "validationException"
                                                     : "internalServerException";
}

class ConverseStreamWriter final : public StreamWriter {
 public:
  explicit ConverseStreamWriter(const AnswerContext& context)
      : pad_(context.pad), random_(context.pad_seed | 1U) {}

  void write(const StreamEvent& event, std::string& out) override {
    if (event.choice != 0 || ended_) return;  // Converse has one answer
    switch (event.kind) {
      case EventKind::start:
        return start(out);
      case EventKind::block_start:
      case EventKind::delta:
      case EventKind::signature:
      case EventKind::citation:
      case EventKind::block_stop:
        return block_event(event, out);
      case EventKind::finish:
        finish_ = event.finish;
        stop_sequence_ = event.stop_sequence;
        explanation_ = event.explanation;
        ending_ = true;
        return advance(out);
      case EventKind::usage:
        return usage_.update(event.usage);
      case EventKind::end:
        return end(out);
      case EventKind::ping:
      case EventKind::error:  // told by error(), once it is known what it means
        return;
    }
  }

  // SDKs skip events that they do not know.
  void keep_alive(std::string& out) override {
    if (ended_) return;
    begin("ping", out);
    out.append("{");
    finish_message(out, false);
  }

  void error(const ErrorReport& report, std::string& out) override {
    if (ended_) return;
    ended_ = true;
    if (!blocks_.empty() && blocks_.front().closed) close(blocks_.front(), out);
    const EventStreamHeader headers[] = {{":exception-type", stream_exception_of(report)},
                                         {":content-type", "application/json"},
                                         {":message-type", "exception"}};
    begin_ = net::begin_event_stream_message(out, headers);
    out.append(R"({"message":)");
    append_json_string(out, report.message);
    out.push_back('}');
    net::end_event_stream_message(out, begin_);
  }
  bool gave_up() const override { return gave_up_; }

 private:
  // A block that has begun: the first of them is written, the others wait for its end, since
  // blocks of Converse never overlap. The end of a text waits for the next block or the end, since
  // some upstreams cite a text only after it.
  struct Block {
    std::uint32_t block = 0;
    BlockKind kind = BlockKind::text;
    std::string id, name, text;          // text: what waits
    std::string envelope;                // of the signature that waits; empty: none
    std::vector<std::string> citations;  // those that wait
    bool closed = false;
    bool opened = false;  // the client has heard of it
    bool spoken = false;  // it has had a delta
  };

  void begin(std::string_view event, std::string& out) {
    begin_ = net::begin_event_stream_message(out, headers_of(event));
  }
  // Closes the payload's object, in which something stands already when `more`.
  void finish_message(std::string& out, bool more = true) {
    if (pad_) {
      constexpr std::string_view letters =
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
      random_ ^= random_ << 13U;
      random_ ^= random_ >> 7U;
      random_ ^= random_ << 17U;
      const std::size_t from = (random_ >> 32U) % letters.size();
      const std::size_t count = 1 + (random_ >> 40U) % 36;
      out.append(more ? R"(,"p":")" : R"("p":")");
      out.append(letters.substr(from, count));
      if (from + count > letters.size())
        out.append(letters.substr(0, from + count - letters.size()));
      out.push_back('"');
    }
    out.push_back('}');
    net::end_event_stream_message(out, begin_);
  }

  void start(std::string& out) {
    if (started_) return;  // a second one is of an upstream that changed its mind
    started_ = true;
    begin("messageStart", out);
    out.append(R"({"role":"assistant")");
    finish_message(out);
  }

  void block_event(const StreamEvent& event, std::string& out) {
    start(out);
    if (event.kind == EventKind::block_start) {
      Block& block = blocks_.emplace_back();
      block.block = event.block;
      block.kind = event.block_kind;
      block.id = event.id;
      block.name = event.name;
      if (blocks_.size() == 1)
        open(block, out);
      else
        advance(out);
      return;
    }
    const auto at = std::ranges::find(blocks_, event.block, &Block::block);
    if (at == blocks_.end()) {  // a text that has gone out whole may be cited still
      untold_ = untold_ || event.kind == EventKind::citation;
      return;
    }
    const bool now = at == blocks_.begin();
    switch (event.kind) {
      case EventKind::delta:
        if (now)
          delta(*at, event.text, out);
        else
          hold(*at, event.text, out);
        break;
      case EventKind::signature:
        if (now && is_thought(*at))
          sign(*at, event.signature, out);
        else
          at->envelope = wrap_signature(event.signature);
        break;
      case EventKind::citation:
        cite(*at, *event.citation, now, out);
        break;
      default:
        at->closed = true;
        if (now) advance(out);
    }
  }

  // What a block says while another one is open waits for that one's end.
  void hold(Block& block, std::string_view text, std::string& out) {
    if (hold(text.size(), out)) block.text.append(text);
  }
  // False: it is more than fits, and the stream has ended with that.
  bool hold(std::size_t bytes, std::string& out) {
    held_ += bytes;
    if (held_ <= limits::response_buffer_bytes) return true;
    gave_up_ = true;
    ErrorReport report;
    report.message = "the answer's blocks overlap for too long";
    report.failure = FailureClass::malformed_body;
    error(report, out);
    return false;
  }

  // It is of the whole block here: the text before its piece has gone out.
  void cite(Block& block, const Citation& citation, bool now, std::string& out) {
    if (!can_tell(Dialect::bedrock, citation)) {
      untold_ = true;
      return;
    }
    WireText text;
    JsonWriter json(text);
    write_citation(json, citation);
    if (now) return say_citation(block, text.own(), out);
    if (hold(text.size(), out)) block.citations.push_back(std::move(text.own()));
  }
  void say_citation(Block& block, std::string_view citation, std::string& out) {
    begin("contentBlockDelta", out);
    out.append(R"({"delta":{"citation":)").append(citation).append("}");
    append_index(out);
    finish_message(out);
    block.opened = block.spoken = true;
  }

  static bool is_thought(const Block& block) {
    return block.kind == BlockKind::thinking || block.kind == BlockKind::redacted_thinking;
  }
  // Converse has no deltas of these.
  static bool is_said(const Block& block) {
    return block.kind == BlockKind::text || block.kind == BlockKind::refusal ||
           block.kind == BlockKind::tool_call || is_thought(block);
  }

  void open(Block& block, std::string& out) {
    if (block.kind != BlockKind::tool_call) return;  // texts and thoughts open with a delta
    begin("contentBlockStart", out);
    out.append(R"({"start":{"toolUse":{"toolUseId":)");
    append_json_string(out, block.id);
    out.append(R"(,"name":)");
    append_json_string(out, block.name);
    out.append("}}");
    append_index(out);
    finish_message(out);
    block.opened = true;
    calls_ = true;
  }

  void append_index(std::string& out) {
    const fmt::format_int digits(index_);
    out.append(R"(,"contentBlockIndex":)").append(digits.data(), digits.size());
  }

  // One contentBlockDelta: `before`, the text as a string, `after`.
  void say(Block& block, std::string_view before, std::string_view text, std::string_view after,
           std::string& out) {
    begin("contentBlockDelta", out);
    out.append(R"({"delta":)").append(before);
    append_json_string(out, text);
    out.append(after);
    append_index(out);
    finish_message(out);
    block.opened = block.spoken = true;
  }

  void delta(Block& block, std::string_view text, std::string& out) {
    if (text.empty() || !is_said(block)) return;
    if (block.kind == BlockKind::tool_call)
      say(block, R"({"toolUse":{"input":)", text, "}}", out);
    else if (is_thought(block))
      say(block, R"({"reasoningContent":{"text":)", text, "}}", out);
    else
      say(block, R"({"text":)", text, "}", out);
  }

  // No thought is without a text.
  void say_signature(Block& block, std::string_view signature, std::string& out) {
    if (!block.spoken) say(block, R"({"reasoningContent":{"text":)", "", "}}", out);
    say(block, R"({"reasoningContent":{"signature":)", signature, "}}", out);
  }

  void sign(Block& block, const Signature& signature, std::string& out) {
    if (block.kind == BlockKind::redacted_thinking)
      say(block, R"({"reasoningContent":{"redactedContent":)", redacted_for_client(signature), "}}",
          out);
    else
      say_signature(block, signature_for_client(signature), out);
  }

  void stop(std::string& out) {
    begin("contentBlockStop", out);
    const fmt::format_int digits(index_++);
    out.append(R"({"contentBlockIndex":)").append(digits.data(), digits.size());
    finish_message(out);
  }

  void close(Block& block, std::string& out) {
    if (block.kind == BlockKind::tool_call && !block.spoken)
      delta(block, "{}", out);  // applications parse what they have collected
    if (block.opened) stop(out);
    const Signature signature = unwrap_signature(block.envelope).value_or(Signature());
    if (is_thought(block) || signature.value.empty()) return;
    // A signature of another house's on what Converse does not sign.
    Block thought;
    thought.kind = BlockKind::thinking;
    const std::string wrapped = wrap_signature({signature.value, signature.house, of_previous});
    say_signature(thought, wrapped, out);
    stop(out);
  }

  // Ends the first block, and writes what has waited for that.
  void advance(std::string& out) {
    while (!blocks_.empty() && blocks_.front().closed) {
      if (!ending_ && blocks_.size() == 1 && blocks_.front().kind == BlockKind::text) return;
      close(blocks_.front(), out);
      blocks_.erase(blocks_.begin());
      if (blocks_.empty()) return;
      Block& next = blocks_.front();
      open(next, out);
      delta(next, next.text, out);
      held_ -= next.text.size();
      for (const std::string& each : next.citations) {
        say_citation(next, each, out);
        held_ -= each.size();
      }
      const auto signature = unwrap_signature(next.envelope);
      if (is_thought(next) && signature) sign(next, *signature, out);
    }
  }

  void end(std::string& out) {
    start(out);
    for (Block& block : blocks_) block.closed = true;
    ending_ = true;
    advance(out);
    if (untold_) {  // for people: SDKs skip events that they do not know
      begin("x-holdfast-dropped", out);
      out.append(R"({"members":")").append(citations_member(Dialect::bedrock)).append("\"");
      finish_message(out);
    }
    begin("messageStop", out);
    out.append(R"({"stopReason":)");
    append_json_string(out, stop_reason_of(finish_, explanation_, calls_));
    if (!stop_sequence_.empty()) {
      out.append(R"(,"additionalModelResponseFields":{"stop_sequence":)");
      append_json_string(out, stop_sequence_);
      out.push_back('}');
    }
    finish_message(out);
    begin("metadata", out);
    out.append(R"({"usage":)");
    append_usage(out, usage_);
    out.append(R"(,"metrics":{"latencyMs":0})");
    finish_message(out);
    ended_ = true;
  }

  const bool pad_;
  std::uint64_t random_;
  std::size_t begin_ = 0;      // of the message that is being written
  std::vector<Block> blocks_;  // open, in order
  std::int64_t index_ = 0;     // of the block that is written
  FinishReason finish_ = FinishReason::none;
  std::string stop_sequence_, explanation_;
  Usage usage_;
  bool started_ = false, calls_ = false, ending_ = false, ended_ = false, gave_up_ = false;
  bool untold_ = false;   // a citation came too late, or cannot be told
  std::size_t held_ = 0;  // bytes of text that wait
};

}  // namespace

std::unique_ptr<StreamWriter> make_stream_writer(const AnswerContext& context) {
  return std::make_unique<ConverseStreamWriter>(context);
}

}  // namespace holdfast::dialect::bedrock
