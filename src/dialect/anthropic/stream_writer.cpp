// An answer's stream as an Anthropic client takes it: one block after the other. A block that opens
// while another is open waits until that one has ended. message_start waits for what comes next, so
// that it has the input's tokens when they are told first; message_delta waits for the end, so that
// it has all counters. The end of a text waits for the next block or the end, since some upstreams
// cite a text only after it; what they cite once another block has begun has no place here, and the
// end says so by a comment, which SDKs skip and people read.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/limits.h"
#include "dialect/anthropic/parts.h"
#include "dialect/citation.h"
#include "dialect/estimate.h"

namespace holdfast::dialect::anthropic {
namespace {

// Spaces that hide how long an event's text is, each count as likely as any other.
class Padding {
 public:
  Padding(bool on, std::uint64_t seed) : on_(on), state_(seed == 0 ? 1 : seed) {}
  void append(std::string& out) {
    if (!on_) return;
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    constexpr unsigned most = 32;
    out.append((state_ >> 32U) % most, ' ');
  }

 private:
  bool on_;
  std::uint64_t state_;
};

class MessagesWriter final : public StreamWriter {
 public:
  explicit MessagesWriter(const AnswerContext& context)
      : request_id_(context.request_id),
        model_(context.model),
        padding_(context.pad, context.pad_seed) {
    if (context.request != nullptr) estimated_in_ = estimate_tokens(*context.request);
  }

  void write(const StreamEvent& event, std::string& out) override {
    if (closed_ || event.choice != 0) return;
    switch (event.kind) {
      case EventKind::start:
        id_ = event.id;
        if (model_.empty()) model_ = event.name;
        return;
      case EventKind::usage:
        return usage_.update(event.usage);
      case EventKind::ping:
        return keep_alive(out);
      case EventKind::error:
        return upstream_error(event, out);
      case EventKind::block_start:
        return open(event, out);
      case EventKind::delta:
        return add(event, out);
      case EventKind::signature:
        return sign(event, out);
      case EventKind::citation:
        return cite(event, out);
      case EventKind::block_stop:
        return stop(event, out);
      case EventKind::finish:
        finish_ = event.finish;
        stop_sequence_ = event.stop_sequence;
        explanation_ = event.explanation;
        ending_ = true;
        return drain(out);
      case EventKind::end:
        return end(out);
    }
  }

  void keep_alive(std::string& out) override {
    if (!closed_) out.append("event: ping\ndata: {\"type\": \"ping\"}\n\n");
  }

  void error(const ErrorReport& report, std::string& out) override {
    if (std::exchange(closed_, true)) return;
    if (!blocks_.empty() && blocks_.front().started && blocks_.front().stopped)
      close(blocks_.front(), out);
    out.append("event: error\ndata: ").append(write_error(report)).append("\n\n");
  }
  bool gave_up() const override { return gave_up_; }

 private:
  // A block of the answer: the first is the one being written, the others wait.
  struct Pending {
    std::uint32_t number = 0;
    BlockKind kind = BlockKind::text;
    std::string id, name;
    std::string text;                    // not written yet
    std::size_t held = 0;                // bytes of it that were counted as waiting
    std::string own_signature;           // as the client gets it; not written yet
    std::vector<std::string> citations;  // not written yet
    bool marked = false;                 // it goes into a block of its own behind this one
    bool started = false;
    bool stopped = false;
  };

  static bool shown(BlockKind kind) {
    return kind == BlockKind::text || kind == BlockKind::refusal || kind == BlockKind::thinking ||
           kind == BlockKind::redacted_thinking || kind == BlockKind::tool_call;
  }

  void open(const StreamEvent& event, std::string& out) {
    if (!shown(event.block_kind)) return;
    Pending& block = blocks_.emplace_back();
    block.number = event.block;
    block.kind = event.block_kind;
    if (block.kind == BlockKind::tool_call) {
      ++calls_;
      block.id = event.id.empty() ? fmt::format("toolu_{}_{}", request_id_, calls_)
                                  : std::string(event.id);
      block.name = event.name;
    }
    refused_ = refused_ || block.kind == BlockKind::refusal;
    drain(out);
  }

  Pending* find(const StreamEvent& event) {
    const auto found = std::ranges::find_if(blocks_, [&event](const Pending& block) {
      return block.number == event.block && !block.stopped;
    });
    return found == blocks_.end() ? nullptr : &*found;
  }

  void add(const StreamEvent& event, std::string& out) {
    Pending* block = find(event);
    if (block == nullptr || event.text.empty()) return;
    bytes_out_ += event.text.size();
    if (block->kind == BlockKind::refusal && refusal_.size() < most_explanation)
      refusal_.append(event.text);
    if (block->started) return write_delta(*block, event.text, out);
    block->text.append(event.text);
    hold(*block, event.text.size(), out);
  }

  // The signature of a thought goes into it; one on anything else stands behind it.
  void sign(const StreamEvent& event, std::string& out) {
    Pending* block = find(event);
    if (block == nullptr || event.signature.value.empty()) return;
    if (block->kind != BlockKind::thinking && block->kind != BlockKind::redacted_thinking) {
      if (event.signature.house != "google") return;
      block->marked = true;
    }
    block->own_signature = signature_for_client(event.signature);
    if (!block->started) hold(*block, block->own_signature.size(), out);
  }

  // It is of the whole block here: the text before its piece has gone out.
  void cite(const StreamEvent& event, std::string& out) {
    const auto block = std::ranges::find(blocks_, event.block, &Pending::number);
    if (block == blocks_.end() || !can_tell(Dialect::anthropic, *event.citation)) {
      untold_ = true;
      return;
    }
    WireText text;
    JsonWriter json(text);
    write_citation(json, *event.citation);
    if (block->started) return write_citation_delta(text.own(), out);
    block->citations.push_back(std::move(text.own()));
    hold(*block, block->citations.back().size(), out);
  }
  void write_citation_delta(std::string_view citation, std::string& out) {
    begin_event("content_block_delta", out);
    out.append(R"("index":)").append(digits(index_));
    out.append(R"(,"delta":{"type":"citations_delta","citation":)").append(citation);
    out.push_back('}');
    end_event(out);
  }

  void stop(const StreamEvent& event, std::string& out) {
    Pending* block = find(event);
    if (block == nullptr) return;
    block->stopped = true;
    drain(out);
  }

  // Ends the block being written if it has ended, and goes on with those that waited.
  void drain(std::string& out) {
    while (!blocks_.empty() && !closed_) {
      Pending& block = blocks_.front();
      if (!block.started) start(block, out);
      if (!block.stopped) return;
      if (!ending_ && blocks_.size() == 1 && block.kind == BlockKind::text) return;
      close(block, out);
      held_ -= block.held;
      blocks_.pop_front();
    }
  }

  void hold(Pending& block, std::size_t bytes, std::string& out) {
    block.held += bytes;
    held_ += bytes;
    if (held_ <= limits::response_buffer_bytes) return;
    gave_up_ = true;
    error({502,
           "the answer's blocks overlap for too long",
           {},
           {},
           FailureClass::malformed_body,
           request_id_},
          out);
  }

  // Begins to write `block`, with what of it has come.
  void start(Pending& block, std::string& out) {
    begin_message(out);
    if (block.kind == BlockKind::redacted_thinking) return;  // it comes in one piece
    block.started = true;
    begin_event("content_block_start", out);
    fmt::format_to(std::back_inserter(out), R"("index":{},"content_block":)", index_);
    if (block.kind == BlockKind::tool_call) {
      out.append(R"({"type":"tool_use","id":)");
      append_json_string(out, block.id);
      out.append(R"(,"name":)");
      append_json_string(out, block.name);
      out.append(R"(,"input":{}})");
    } else if (block.kind == BlockKind::thinking) {
      out.append(R"({"type":"thinking","thinking":"","signature":""})");
    } else {
      out.append(R"({"type":"text","text":""})");
    }
    end_event(out);
    if (!block.text.empty()) write_delta(block, std::exchange(block.text, {}), out);
    for (const std::string& each : block.citations) write_citation_delta(each, out);
  }

  void write_delta(const Pending& block, std::string_view text, std::string& out) {
    if (block.kind == BlockKind::tool_call)
      write_delta("input_json_delta", "partial_json", text, out);
    else if (block.kind == BlockKind::thinking)
      write_delta("thinking_delta", "thinking", text, out);
    else
      write_delta("text_delta", "text", text, out);
  }
  void write_delta(std::string_view type, std::string_view member, std::string_view text,
                   std::string& out) {
    begin_event("content_block_delta", out);
    out.append(R"("index":)").append(digits(index_)).append(R"(,"delta":{"type":")");
    out.append(type).append(R"(",")").append(member).append(R"(":)");
    append_json_string(out, text);
    out.push_back('}');
    padding_.append(out);
    end_event(out);
  }

  void close(const Pending& block, std::string& out) {
    if (block.kind == BlockKind::redacted_thinking) {
      if (!block.own_signature.empty()) write_redacted(block.own_signature, out);
      return;
    }
    if (block.kind == BlockKind::thinking && !block.own_signature.empty())
      write_delta("signature_delta", "signature", block.own_signature, out);
    write_stop(out);
    if (block.marked) write_redacted(block.own_signature, out);
  }
  void write_stop(std::string& out) {
    begin_event("content_block_stop", out);
    out.append(R"("index":)").append(digits(index_++));
    end_event(out);
  }
  void write_redacted(std::string_view data, std::string& out) {
    begin_event("content_block_start", out);
    out.append(R"("index":)").append(digits(index_));
    out.append(R"(,"content_block":{"type":"redacted_thinking","data":)");
    append_json_string(out, data);
    out.push_back('}');
    end_event(out);
    write_stop(out);
  }

  void begin_message(std::string& out) {
    if (std::exchange(started_, true)) return;
    AnswerContext context;
    context.request_id = request_id_;
    WireText text;
    JsonWriter json(text);
    json.begin_object()
        .field("id", message_id(id_, context))
        .field("type", "message")
        .field("role", "assistant")
        .field("model", model_);
    json.key("content").begin_array().end_array();
    json.key("stop_reason").null().key("stop_sequence").null().key("usage").begin_object();
    Usage so_far = usage_;
    so_far.tokens_reasoning = -1;
    write_usage_fields(json, so_far, estimated_in_, 1);
    json.end_object().end_object();
    begin_event("message_start", out);
    out.append(R"("message":)").append(text.joined());
    end_event(out);
  }

  void end(std::string& out) {
    for (Pending& block : blocks_) block.stopped = true;
    ending_ = true;
    drain(out);
    if (closed_) return;
    begin_message(out);
    if (finish_ == FinishReason::none) finish_ = FinishReason::stop;
    WireText text;
    JsonWriter json(text);
    json.begin_object();
    write_stop_fields(json, stop_reason_of(finish_, calls_ > 0, refused_), stop_sequence_,
                      explanation_.empty() ? refusal_ : explanation_, {});
    json.end_object();
    begin_event("message_delta", out);
    out.append(R"("delta":)").append(text.own()).append(R"(,"usage":)");
    WireText counters;
    JsonWriter usage(counters);
    usage.begin_object();
    write_usage_fields(usage, usage_, estimated_in_,
                       static_cast<std::int64_t>((bytes_out_ + 3) / 4));
    usage.end_object();
    out.append(counters.own());
    end_event(out);
    if (untold_)
      out.append(": x-holdfast-dropped: ")
          .append(citations_member(Dialect::anthropic))
          .append("\n\n");
    out.append("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    closed_ = true;
  }

  void upstream_error(const StreamEvent& event, std::string& out) {
    ErrorReport report;
    report.message = event.error_message;
    report.request_id = request_id_;
    report.status = 500;
    if (event.error_type == "overloaded_error")
      report.status = 529;
    else if (event.error_type == "rate_limit_error" || event.error_type == "rate_limit_exceeded")
      report.status = 429;
    error(report, out);
  }

  static void begin_event(std::string_view type, std::string& out) {
    out.append("event: ").append(type).append("\ndata: {\"type\":\"").append(type).append("\",");
  }
  static void end_event(std::string& out) { out.append("}\n\n"); }
  std::string_view digits(std::uint32_t value) {
    const fmt::format_int text(value);
    digits_.assign(text.data(), text.size());
    return digits_;
  }

  static constexpr std::size_t most_explanation = 4096;

  std::string request_id_, id_, model_;
  Padding padding_;
  std::deque<Pending> blocks_;
  std::size_t held_ = 0;     // bytes that wait
  std::uint32_t index_ = 0;  // of the block being written
  std::size_t calls_ = 0;
  std::size_t bytes_out_ = 0;
  std::int64_t estimated_in_ = 0;
  Usage usage_;
  FinishReason finish_ = FinishReason::none;
  std::string stop_sequence_, explanation_, refusal_;
  std::string digits_;
  bool untold_ = false;  // a citation came too late, or cannot be told
  bool refused_ = false;
  bool started_ = false;
  bool ending_ = false;  // no block waits for anything
  bool closed_ = false;  // nothing more is written
  bool gave_up_ = false;
};

}  // namespace

std::unique_ptr<StreamWriter> make_stream_writer(const AnswerContext& context) {
  return std::make_unique<MessagesWriter>(context);
}

}  // namespace holdfast::dialect::anthropic
