// A stream for a client, as OpenAI's own SDKs read it: the role first, one chunk for each event,
// the usage behind the last choice when the client asked for it, then [DONE].
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/limits.h"
#include "dialect/citation.h"
#include "dialect/openai/annotations.h"
#include "dialect/openai/answer.h"
#include "dialect/openai/chat_errors.h"
#include "dialect/openai/chat_wire.h"
#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

// The text of thoughts that is kept to be sent again beside its signature; longer ones lose it.
constexpr std::size_t most_thought_bytes = limits::stream_event_bytes / 4;
constexpr std::size_t most_texts =
    64;                             // of one choice, the last ones, that late citations may be of
constexpr std::size_t pad_to = 16;  // bytes of text and padding together are a multiple of it

struct OpenBlock {
  std::uint32_t block = 0;
  BlockKind kind = BlockKind::text;
  std::int64_t call = 0;   // tool_call: its place among the calls
  std::string thought;     // thinking: its text so far
  std::int64_t begin = 0;  // text: the content's characters before it
  // text: to be said at its end, when its whole is known.
  struct Cited {
    std::string head;
    std::int64_t from, to;
  };
  std::vector<Cited> cited;
};

struct ChoiceState {
  std::uint32_t index = 0;
  bool begun = false, said = false;  // said: a text, or why there is none
  std::int64_t calls = 0, details = 0;
  std::int64_t points = 0;  // of the content so far
  std::vector<OpenBlock> open;
  // Texts that are complete, whose citations may still come.
  struct Text {
    std::uint32_t block;
    std::int64_t begin, end;  // in the content's characters
  };
  std::vector<Text> texts;
};

class ChatStreamWriter final : public StreamWriter {
 public:
  explicit ChatStreamWriter(const AnswerContext& context)
      : request_id_(context.request_id),
        model_(context.model),
        now_s_(context.now_s),
        include_usage_(context.include_usage),
        pad_(context.pad),
        random_(context.pad_seed | 1U) {}

  void write(const StreamEvent& event, std::string& out) override {
    if (closed_) return;
    switch (event.kind) {
      case EventKind::start:
        make_head(event.id, event.name, event.created_s);
        break;
      case EventKind::block_start:
        start_block(event, out);
        break;
      case EventKind::delta:
        write_delta(event, out);
        break;
      case EventKind::signature:
        write_signature(event, out);
        break;
      case EventKind::citation:
        hold_citation(event, out);
        break;
      case EventKind::block_stop:
        stop_block(event, out);
        break;
      case EventKind::finish:
        write_finish(event, out);
        break;
      case EventKind::usage:
        usage_.update(event.usage);
        break;
      case EventKind::ping:
        keep_alive(out);
        break;
      case EventKind::error:
        close_with(error_body(event.error_message, "server_error", event.error_code), out);
        break;
      case EventKind::end:
        write_end(out);
        break;
    }
  }

  void keep_alive(std::string& out) override {
    if (!closed_) out += ": keep-alive\n\n";
  }

  void error(const ErrorReport& report, std::string& out) override {
    if (!closed_) close_with(error_text(report), out);
  }
  bool gave_up() const override { return gave_up_; }

 private:
  void close_with(const std::string& body, std::string& out) {
    closed_ = true;
    out.append("data: ").append(body).append("\n\n");
  }

  // What all chunks begin with.
  void make_head(string_view id, string_view model, std::int64_t created_s) {
    head_ = "data: {\"id\":";
    append_json_string(head_, answer_id(request_id_, id));
    head_ += fmt::format(R"(,"object":"chat.completion.chunk","created":{},"model":)",
                         created_s != 0 ? created_s : now_s_);
    append_json_string(head_, model_.empty() ? model : model_);
    head_ += R"(,"choices":[)";
  }

  void begin_chunk(const ChoiceState& state, std::string& out) {
    if (head_.empty()) make_head({}, {}, 0);
    const fmt::format_int index(state.index);
    out.append(head_).append("{\"index\":").append(index.data(), index.size());
    out.append(",\"delta\":{");
    delta_at_ = out.size();
  }
  void end_chunk(std::string& out, string_view finish = {}, string_view logprobs = {}) {
    const std::size_t written = out.size() - delta_at_;
    out.append("},\"logprobs\":").append(logprobs.empty() ? "null" : logprobs);
    if (finish.empty()) {
      out.append(",\"finish_reason\":null}]");
    } else {
      out.append(",\"finish_reason\":\"").append(finish).append("\"}]");
    }
    if (include_usage_) out.append(",\"usage\":null");
    if (pad_) pad(written, out);
    out.append("}\n\n");
  }

  // Hides the length of what was written.
  void pad(std::size_t written, std::string& out) {
    constexpr string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";
    std::array<char, pad_to> padding{};
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    std::uint64_t bits = random_;
    for (char& c : padding) {
      c = alphabet[bits & 63U];
      bits = bits >> 4U | bits << 60U;
    }
    out.append(",\"obfuscation\":\"").append(padding.data(), pad_to - written % pad_to);
    out.push_back('"');
  }

  ChoiceState& state_of(std::uint32_t index) {
    for (ChoiceState& each : choices_)
      if (each.index == index) return each;
    choices_.emplace_back().index = index;
    return choices_.back();
  }
  void begin_choice(ChoiceState& state, bool with_call, std::string& out) {
    if (state.begun) return;
    state.begun = true;
    begin_chunk(state, out);
    out.append(with_call ? R"("role":"assistant","content":null)"
                         : R"("role":"assistant","content":"")");
    end_chunk(out);
  }
  static OpenBlock* find(ChoiceState& state, std::uint32_t block) {
    for (OpenBlock& each : state.open)
      if (each.block == block) return &each;
    return nullptr;
  }

  void start_block(const StreamEvent& event, std::string& out) {
    ChoiceState& state = state_of(event.choice);
    const bool call = event.block_kind == BlockKind::tool_call;
    begin_choice(state, call, out);
    OpenBlock& block = state.open.emplace_back();
    block.block = event.block;
    block.kind = event.block_kind;
    block.begin = state.points;
    if (!call) return;
    block.call = state.calls++;
    begin_chunk(state, out);
    append_call(block.call, out);
    out.append(",\"id\":");
    append_json_string(out, event.id.empty() ? made_call_id(request_id_, state.index,
                                                            static_cast<std::size_t>(block.call))
                                             : std::string(event.id));
    out.append(R"(,"type":"function","function":{"name":)");
    append_json_string(out, event.name);
    out.append(R"(,"arguments":""}}])");
    end_chunk(out);
  }

  static void append_call(std::int64_t call, std::string& out) {
    const fmt::format_int index(call);
    out.append("\"tool_calls\":[{\"index\":").append(index.data(), index.size());
  }

  void write_delta(const StreamEvent& event, std::string& out) {
    ChoiceState& state = state_of(event.choice);
    OpenBlock* block = find(state, event.block);
    if (block == nullptr || (event.text.empty() && event.logprobs.empty())) return;
    const string_view member = member_of(*block);
    if (member.empty()) return;
    begin_chunk(state, out);
    if (block->kind == BlockKind::tool_call) {
      append_call(block->call, out);
      out.append(",\"function\":{\"arguments\":\"");
      append_json_escaped(out, event.text);
      out.append("\"}}]");
    } else {
      out.append(member);
      append_json_escaped(out, event.text);
      out.append(block->kind == BlockKind::audio ? "\"}" : "\"");
    }
    end_chunk(out, {}, event.logprobs);
    if (block->kind == BlockKind::refusal || block->kind == BlockKind::text) state.said = true;
    if (block->kind == BlockKind::text) state.points += count_points(event.text);
    if (block->kind == BlockKind::thinking && block->thought.size() <= most_thought_bytes)
      block->thought.append(event.text);
  }

  // How the delta of a block begins; empty: chunks have no place for it.
  static string_view member_of(const OpenBlock& block) {
    switch (block.kind) {
      case BlockKind::text:
        return R"("content":")";
      case BlockKind::thinking:
        return R"("reasoning_content":")";
      case BlockKind::refusal:
        return R"("refusal":")";
      case BlockKind::audio:
        return R"("audio":{"data":")";
      case BlockKind::tool_call:
        return "tool_calls";
      default:
        return {};
    }
  }

  void write_signature(const StreamEvent& event, std::string& out) {
    ChoiceState& state = state_of(event.choice);
    const OpenBlock* block = find(state, event.block);
    if (block == nullptr || event.signature.value.empty()) return;
    const bool thought =
        block->kind == BlockKind::thinking || block->kind == BlockKind::redacted_thinking;
    if (!thought && block->kind != BlockKind::tool_call) return;
    if (block->thought.size() > most_thought_bytes) return;
    begin_chunk(state, out);
    if (thought) {
      WireText detail;
      JsonWriter json(detail);
      write_detail(json, block->kind, block->thought, event.signature, state.details++, true);
      out.append("\"reasoning_details\":[").append(detail.own()).append("]");
    } else {
      append_call(block->call, out);
      // SDKs read the arguments of every piece of a call.
      out.append(R"(,"function":{"arguments":""},"extra_content":{"google":{"thought_signature":)");
      append_json_string(out, kept_signature(event.signature));
      out.append("}}}]");
    }
    end_chunk(out);
  }

  void hold_citation(const StreamEvent& event, std::string& out) {
    if (!can_tell(Dialect::openai, *event.citation)) return;
    ChoiceState& state = state_of(event.choice);
    OpenBlock* block = find(state, event.block);
    if (block == nullptr) return write_late_citation(state, event, out);
    block->cited.push_back(
        {annotation_head(*event.citation), event.citation->from, event.citation->to});
    held_ += block->cited.back().head.size();
    if (held_ <= limits::response_buffer_bytes) return;
    gave_up_ = true;
    ErrorReport report;
    report.status = 502;
    report.message = "the answer's citations are longer than this gateway holds";
    report.failure = FailureClass::malformed_body;
    report.request_id = request_id_;
    error(report, out);
  }

  void write_late_citation(const ChoiceState& state, const StreamEvent& event, std::string& out) {
    const auto text = std::ranges::find(state.texts, event.block, &ChoiceState::Text::block);
    if (text == state.texts.end()) return;
    const OpenBlock::Cited cited{annotation_head(*event.citation), event.citation->from,
                                 event.citation->to};
    write_annotations(state, {&cited, 1}, *text, out);
  }
  void write_annotations(const ChoiceState& state, std::span<const OpenBlock::Cited> cited,
                         const ChoiceState::Text& of, std::string& out) {
    begin_chunk(state, out);
    out.append("\"annotations\":");
    char before = '[';
    for (const OpenBlock::Cited& each : cited) {
      out.push_back(std::exchange(before, ','));
      append_annotation(out, each.head, of.begin + std::max<std::int64_t>(each.from, 0),
                        each.from < 0 ? of.end : of.begin + each.to);
    }
    out.push_back(']');
    end_chunk(out);
  }

  void stop_block(const StreamEvent& event, std::string& out) {
    ChoiceState& state = state_of(event.choice);
    const OpenBlock* block = find(state, event.block);
    if (block != nullptr && block->kind == BlockKind::text) {
      const ChoiceState::Text text{block->block, block->begin, state.points};
      if (!block->cited.empty()) write_annotations(state, block->cited, text, out);
      if (state.texts.size() == most_texts) state.texts.erase(state.texts.begin());
      state.texts.push_back(text);
    }
    std::erase_if(state.open,
                  [&event](const OpenBlock& each) { return each.block == event.block; });
  }

  void write_finish(const StreamEvent& event, std::string& out) {
    ChoiceState& state = state_of(event.choice);
    begin_choice(state, false, out);
    if (event.finish == FinishReason::content_filter && !event.explanation.empty() && !state.said) {
      begin_chunk(state, out);
      out.append("\"refusal\":");
      append_json_string(out, event.explanation);
      end_chunk(out);
    }
    const bool stopped = event.finish == FinishReason::stop && state.calls > 0;
    begin_chunk(state, out);
    end_chunk(out, finish_name(stopped ? FinishReason::tool_calls : event.finish));
  }

  void write_end(std::string& out) {
    closed_ = true;
    if (include_usage_ && usage_.given()) {
      if (head_.empty()) make_head({}, {}, 0);
      WireText usage;
      JsonWriter json(usage);
      write_usage(json, usage_);
      out.append(head_).append("],\"usage\":").append(usage.own()).append("}\n\n");
    }
    out += "data: [DONE]\n\n";
  }

  std::string request_id_, model_;
  std::int64_t now_s_;
  bool include_usage_, pad_;
  std::uint64_t random_;
  std::string head_;
  std::size_t delta_at_ = 0;  // where the delta of the chunk being written begins
  std::vector<ChoiceState> choices_;
  Usage usage_;
  std::size_t held_ = 0;  // bytes of citations that wait, or have waited
  bool closed_ = false, gave_up_ = false;
};

}  // namespace

string_view ChatCodec::stream_content_type(const AnswerContext& /*context*/) const {
  return "text/event-stream; charset=utf-8";
}

std::unique_ptr<StreamWriter> ChatCodec::stream_writer(const AnswerContext& context) const {
  return std::make_unique<ChatStreamWriter>(context);
}

const dialect::Codec& codec() {
  static const ChatCodec instance(deviations::openai);
  return instance;
}

}  // namespace holdfast::dialect::openai
