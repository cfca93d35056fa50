// The stream of an upstream. Blocks are opened by the first piece of their kind; text, refusals and
// thoughts follow each other, calls stay open until the choice has ended, since servers interleave
// them. The finish of a choice is told once nothing can follow it any more: with the usage behind
// it, at [DONE], or at the end of the body.
#include <fmt/format.h>

#include <algorithm>
#include <forward_list>
#include <optional>

#include "dialect/citation.h"
#include "dialect/openai/annotations.h"
#include "dialect/openai/chat_errors.h"
#include "dialect/openai/chat_wire.h"
#include "dialect/openai/codec.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

constexpr std::size_t most_choices = 128;
constexpr std::size_t most_calls = 512;  // of one choice
constexpr std::size_t most_texts = 64;   // of one choice, the last ones, that are looked through

struct Call {
  std::optional<std::int64_t> wire_index;
  std::string id;
  std::uint32_t block = 0;
};

struct ChoiceState {
  std::uint32_t index = 0;
  std::uint32_t blocks = 0;       // opened so far
  std::optional<BlockKind> open;  // the one that is not a call
  std::uint32_t open_block = 0;
  std::int64_t points = 0;  // of all texts
  struct Text {
    std::uint32_t block;
    std::int64_t begin;  // the points of those before it
  };
  std::vector<Text> texts;
  std::int64_t referred = 0;  // Mistral: of all texts, what has its references
  bool cited = false;
  std::vector<Call> calls;
  FinishReason finish = FinishReason::none;
  std::string stop_sequence;
  bool told = false;      // that it has finished
  bool thoughts = false;  // have come as text: the same text in details is no more of them
};

// The members of a delta that mean something.
struct Delta {
  JsonValue content, reasoning_content, reasoning, details, refusal, audio, calls, annotations;
};

class ChatStreamReader final : public StreamReader {
 public:
  explicit ChatStreamReader(const Deviations& deviations) : d_(deviations) {}

  Result<void> feed(string_view bytes, std::vector<StreamEvent>& out) override {
    arena_.clear();
    citations_.clear();
    events_.clear();
    if (auto fed = parser_.feed(bytes, events_); !fed)
      return fail(ErrorCode::malformed_response, std::move(fed).error().detail);
    for (const net::SseEvent& event : events_) {
      if (!event.has_data) continue;
      if (auto taken = take(event.data, out); !taken) return taken;
    }
    return {};
  }

  Result<void> finish(std::vector<StreamEvent>& out) override {
    arena_.clear();
    citations_.clear();
    if (const auto last = parser_.finish(); last && last->has_data) {
      if (auto taken = take(last->data, out); !taken) return taken;
    }
    if (!ended_ && all_finished()) end(out);  // some close without [DONE]
    return {};
  }

  void broke_off(std::vector<StreamEvent>& out) override {
    if (!ended_ && all_finished()) tell_finishes(out);
  }

 private:
  Result<void> take(string_view data, std::vector<StreamEvent>& out) {
    const auto first = data.find_first_not_of(" \t\r\n");
    if (ended_ || first == string_view::npos) return {};
    if (data.substr(first).starts_with("[DONE]")) {
      end(out);
      return {};
    }
    if (const auto parsed = document_.parse(data, {.allow_lone_surrogates = true}); !parsed)
      return fail(ErrorCode::malformed_response, "an event is not JSON: " + parsed.error().message);
    return take_chunk(document_.root(), out);
  }

  Result<void> take_chunk(JsonValue root, std::vector<StreamEvent>& out) {
    JsonValue id, model, created, choices, usage, groq, citations, results, error;
    for (const auto& [key, value] : root.members()) {
      const string_view name = key.text(arena_);
      if (name == "choices") {
        choices = value;
      } else if (name == "id") {
        id = value;
      } else if (name == "model") {
        model = value;
      } else if (name == "created") {
        created = value;
      } else if (name == "usage") {
        usage = value;
      } else if (name == "x_groq") {
        groq = value["usage"];
      } else if (name == "citations") {
        citations = value;
      } else if (name == "search_results") {
        results = value;
      } else if (name == "error" && !value.is_null()) {
        error = value;
      }
    }
    if (error || !choices) {
      const WireError found = read_wire_error(root, arena_);
      if (found.found) {
        tell_error(found, out);
      } else if (!root.is_object()) {
        return fail(ErrorCode::malformed_response, "an event is no object");
      }
    }
    if (ended_) return {};
    if (!started_ && (choices.size() > 0 || id.text(arena_).size() > 0)) {
      started_ = true;
      StreamEvent& start = add(out, EventKind::start);
      start.id = id.text(arena_);
      start.name = model.text(arena_);
      start.created_s = created.integer().value_or(0);
    }
    keep_sources(citations, results);
    for (const JsonValue choice : choices.elements()) {
      if (auto taken = take_choice(choice, out); !taken) return taken;
      if (ended_) return {};
    }
    take_usage(usage.is_object() ? usage : groq, out);
    return {};
  }

  // Perplexity repeats them with each chunk: those of the last one are all.
  void keep_sources(JsonValue citations, JsonValue results) {
    if (citations.size() > 0 && citations.raw() != cited_) cited_ = citations.raw();
    if (results.size() > 0 && results.raw() != results_) results_ = results.raw();
  }
  // Of the whole text, unless its pieces have theirs.
  void tell_sources(const ChoiceState& state, std::vector<StreamEvent>& out) {
    if ((cited_.empty() && results_.empty()) || state.cited || state.texts.empty()) return;
    JsonDocument cited, results;
    const JsonScanOptions options{.allow_lone_surrogates = true};
    if (!cited.parse(arena_.keep(cited_.empty() ? "[]" : cited_), options) ||
        !results.parse(arena_.keep(results_.empty() ? "[]" : results_), options))
      return;  // they were read before
    std::vector<Citation> found;
    read_sources(cited.root(), results.root(), arena_, found);
    for (const Citation& each : found) cite(state, state.texts.back().block, each, out);
  }
  void cite(const ChoiceState& state, std::uint32_t block, const Citation& citation,
            std::vector<StreamEvent>& out) {
    StreamEvent& event = add(out, EventKind::citation, state, block);
    event.block_kind = BlockKind::text;
    event.citation = &citations_.emplace_front(citation);
  }

  void take_usage(JsonValue value, std::vector<StreamEvent>& out) {
    if (!value.is_object()) return;
    const Usage usage = read_usage(value, d_);
    if (!usage.given()) return;
    if (all_finished()) tell_finishes(out);
    add(out, EventKind::usage).usage = usage;
  }

  ChoiceState* state_of(JsonValue index) {
    const auto wanted = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(index.integer().value_or(0), 0, 1'000'000));
    for (ChoiceState& each : choices_)
      if (each.index == wanted) return &each;
    if (choices_.size() == most_choices) return nullptr;
    choices_.emplace_back().index = wanted;
    return &choices_.back();
  }

  Result<void> take_choice(JsonValue choice, std::vector<StreamEvent>& out) {
    JsonValue index, delta, finish, logprobs, stop, error;
    for (const auto& [key, value] : choice.members()) {
      const string_view name = key.text(arena_);
      if (name == "delta") {
        delta = value;
      } else if (name == "index") {
        index = value;
      } else if (name == "finish_reason") {
        finish = value;
      } else if (name == "logprobs") {
        logprobs = value;
      } else if (name == "stop_reason" || name == "matched_stop") {
        stop = value;
      } else if (name == "error" && !value.is_null()) {
        error = value;
      }
    }
    if (const WireError found = read_wire_error_object(error, arena_); found.found) {
      tell_error(found, out);
      return {};
    }
    ChoiceState* state = state_of(index);
    if (state == nullptr)
      return fail(ErrorCode::malformed_response, "the answer has too many choices");
    if (!state->told) {
      if (auto taken = take_delta(*state, delta, logprobs, out); !taken) return taken;
    }
    if (const FinishReason reason = finish_from(finish.text(arena_));
        reason != FinishReason::none) {
      const bool calls = reason == FinishReason::stop && !state->calls.empty();
      state->finish = calls ? FinishReason::tool_calls : reason;
      if (state->finish == FinishReason::stop && stop.is_string()) {
        state->finish = FinishReason::stop_sequence;
        state->stop_sequence = stop.text(arena_);
      }
    }
    return {};
  }

  Result<void> take_delta(ChoiceState& state, JsonValue value, JsonValue logprobs,
                          std::vector<StreamEvent>& out) {
    Delta delta;
    for (const auto& [key, member] : value.members()) {
      const string_view name = key.text(arena_);
      if (name == "content") {
        delta.content = member;
      } else if (name == "tool_calls") {
        delta.calls = member;
      } else if (name == "reasoning_content") {
        delta.reasoning_content = member;
      } else if (name == "reasoning") {
        delta.reasoning = member;
      } else if (name == "reasoning_details") {
        delta.details = member;
      } else if (name == "refusal") {
        delta.refusal = member;
      } else if (name == "audio") {
        delta.audio = member;
      } else if (name == "annotations") {
        delta.annotations = member;
      }
    }
    take_thoughts(state, delta, out);
    const std::size_t before = out.size();
    take_content(state, delta.content, out);
    if (logprobs.is_object()) {
      if (out.size() == before && state.open == BlockKind::text)
        add_delta(state, BlockKind::text, {}, out, true);
      if (out.size() > before) out.back().logprobs = logprobs.raw();
    }
    take_annotations(state, delta.annotations, out);
    add_delta(state, BlockKind::refusal, delta.refusal.text(arena_), out);
    add_delta(state, BlockKind::audio, delta.audio["data"].text(arena_), out);
    for (const JsonValue call : delta.calls.elements())
      if (auto taken = take_call(state, call, out); !taken) return taken;
    return {};
  }

  void take_content(ChoiceState& state, JsonValue content, std::vector<StreamEvent>& out) {
    add_delta(state, BlockKind::text, content.text(arena_), out);
    for (const JsonValue part : content.elements()) {  // Mistral
      if (part["type"].text_is("thinking")) {
        for (const JsonValue piece : part["thinking"].elements())
          add_delta(state, BlockKind::thinking, piece["text"].text(arena_), out);
        if (const string_view signature = part["signature"].text(arena_); !signature.empty())
          add_signature(state, BlockKind::thinking, {signature, d_.house, {}}, out);
      } else if (!take_reference(state, part, out)) {
        add_delta(state, BlockKind::text, part["text"].text(arena_), out);
      }
    }
  }

  // It backs what was said since the one before it.
  bool take_reference(ChoiceState& state, JsonValue part, std::vector<StreamEvent>& out) {
    std::vector<Citation> found;
    read_reference(part, arena_, found);
    if (found.empty() || state.texts.empty()) return !found.empty();
    const ChoiceState::Text& text = state.texts.back();
    for (Citation& each : found) {
      set_piece(each, std::max(state.referred, text.begin) - text.begin, state.points - text.begin);
      cite(state, text.block, each, out);
    }
    state.referred = state.points;
    state.cited = true;
    return true;
  }

  // Their places count from the beginning of the content; without one it is the text that came
  // last. Most come at the end, when their text may be complete.
  void take_annotations(ChoiceState& state, JsonValue annotations, std::vector<StreamEvent>& out) {
    if (state.texts.empty()) return;
    for (const JsonValue each : annotations.elements()) {
      Citation citation = read_annotation(each, arena_);
      auto text = state.texts.rbegin();
      if (citation.from >= 0) {
        text = std::find_if(text, state.texts.rend(), [&citation](const ChoiceState::Text& one) {
          return one.begin <= citation.from;
        });
        if (text == state.texts.rend()) continue;
        citation.from -= text->begin;
        citation.to -= text->begin;
      }
      cite(state, text->block, citation, out);
      state.cited = true;
    }
  }

  void take_thoughts(ChoiceState& state, const Delta& delta, std::vector<StreamEvent>& out) {
    string_view text = delta.reasoning_content.text(arena_);
    if (text.empty()) text = delta.reasoning.text(arena_);
    state.thoughts = state.thoughts || !text.empty();
    add_delta(state, BlockKind::thinking, text, out);
    for (const JsonValue entry : delta.details.elements()) {
      const auto detail = read_detail(entry, d_.house, arena_);
      if (!detail) continue;
      if (!state.thoughts) add_delta(state, BlockKind::thinking, detail->text, out);
      if (detail->signature.value.empty()) continue;
      add_signature(state, detail->kind, detail->signature, out);
      if (detail->kind == BlockKind::redacted_thinking) close(state, out);
    }
  }

  Call* find_call(ChoiceState& state, std::optional<std::int64_t> index, string_view id,
                  string_view name) {
    Call* found = nullptr;
    for (Call& call : state.calls)
      if (index ? call.wire_index == index : id.empty() || call.id == id) found = &call;
    // Some give every call the index 0; some give every piece of one call another id.
    const bool another =
        found != nullptr && !name.empty() && (id.empty() ? !index : found->id != id);
    return another ? nullptr : found;
  }

  Result<void> take_call(ChoiceState& state, JsonValue value, std::vector<StreamEvent>& out) {
    const JsonValue type = value["type"], function = value["function"];
    if (type.is_string() && !type.text_is("function") && !function) return {};
    const auto index = value["index"].integer();
    const string_view id = value["id"].text(arena_), name = function["name"].text(arena_);
    Call* call = find_call(state, index, id, name);
    if (call == nullptr) {
      if (state.calls.size() == most_calls)
        return fail(ErrorCode::malformed_response, "the answer has too many tool calls");
      close(state, out);
      call = &state.calls.emplace_back();
      call->wire_index = index;
      call->id = id.empty() ? made_call_id("", state.index, state.calls.size() - 1) : id;
      call->block = state.blocks++;
      StreamEvent& start = add(out, EventKind::block_start, state, call->block);
      start.block_kind = BlockKind::tool_call;
      start.id = id.empty() ? arena_.keep(call->id) : id;
      start.name = name;
    }
    const JsonValue arguments = function["arguments"];
    const string_view text = arguments.is_object() ? arguments.raw() : arguments.text(arena_);
    if (!text.empty()) {
      StreamEvent& delta = add(out, EventKind::delta, state, call->block);
      delta.block_kind = BlockKind::tool_call;
      delta.text = text;
    }
    const JsonValue signature = value["extra_content"]["google"]["thought_signature"];
    if (signature) {
      StreamEvent& event = add(out, EventKind::signature, state, call->block);
      event.block_kind = BlockKind::tool_call;
      event.signature = signature_of_client(signature.text(arena_), "google");
    }
    return {};
  }

  // --- events

  static StreamEvent& add(std::vector<StreamEvent>& out, EventKind kind) {
    StreamEvent& event = out.emplace_back();
    event.kind = kind;
    return event;
  }
  static StreamEvent& add(std::vector<StreamEvent>& out, EventKind kind, const ChoiceState& state,
                          std::uint32_t block) {
    StreamEvent& event = add(out, kind);
    event.choice = state.index;
    event.block = block;
    return event;
  }

  void open(ChoiceState& state, BlockKind kind, std::vector<StreamEvent>& out) {
    if (state.open == kind) return;
    close(state, out);
    state.open = kind;
    state.open_block = state.blocks++;
    if (kind == BlockKind::text) {
      if (state.texts.size() == most_texts) state.texts.erase(state.texts.begin());
      state.texts.push_back({state.open_block, state.points});
    }
    add(out, EventKind::block_start, state, state.open_block).block_kind = kind;
  }
  void close(ChoiceState& state, std::vector<StreamEvent>& out) {
    if (!state.open) return;
    add(out, EventKind::block_stop, state, state.open_block).block_kind = *state.open;
    state.open.reset();
  }
  void add_delta(ChoiceState& state, BlockKind kind, string_view text,
                 std::vector<StreamEvent>& out, bool even_empty = false) {
    if (text.empty() && !even_empty) return;
    open(state, kind, out);
    StreamEvent& event = add(out, EventKind::delta, state, state.open_block);
    event.block_kind = kind;
    event.text = text;
    if (kind == BlockKind::text) state.points += count_points(text);
  }
  void add_signature(ChoiceState& state, BlockKind kind, const Signature& signature,
                     std::vector<StreamEvent>& out) {
    open(state, kind, out);
    StreamEvent& event = add(out, EventKind::signature, state, state.open_block);
    event.block_kind = kind;
    event.signature = signature;
  }

  bool all_finished() const {
    return !choices_.empty() && std::all_of(choices_.begin(), choices_.end(), [](const auto& each) {
      return each.finish != FinishReason::none;
    });
  }
  void tell_finishes(std::vector<StreamEvent>& out) {
    for (ChoiceState& state : choices_) {
      if (state.told) continue;
      state.told = true;
      tell_sources(state, out);
      close(state, out);
      for (const Call& call : state.calls)
        add(out, EventKind::block_stop, state, call.block).block_kind = BlockKind::tool_call;
      if (state.finish == FinishReason::none) continue;
      StreamEvent& event = add(out, EventKind::finish, state, 0);
      event.finish = state.finish;
      event.stop_sequence = state.stop_sequence;
    }
  }
  void end(std::vector<StreamEvent>& out) {
    ended_ = true;
    tell_finishes(out);
    add(out, EventKind::end);
  }
  void tell_error(const WireError& error, std::vector<StreamEvent>& out) {
    ended_ = true;
    StreamEvent& event = add(out, EventKind::error);
    event.error_message = error.message;
    event.error_type = error.type;
    event.error_code = error.code;
  }

  const Deviations& d_;
  net::SseParser parser_;
  std::vector<net::SseEvent> events_;
  JsonDocument document_;
  Arena arena_;
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<ChoiceState> choices_;
  std::string cited_, results_;  // sources beside the choices, as they came last
  bool started_ = false, ended_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> ChatCodec::stream_reader() const {
  return std::make_unique<ChatStreamReader>(deviations_);
}

}  // namespace holdfast::dialect::openai
