#include "dialect/openai_responses/stream_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <forward_list>

#include "dialect/json_document.h"
#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/answer_reader.h"
#include "dialect/openai_responses/items.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr std::size_t most_parts = 4096;  // blocks of one answer

// A block that was, or is to be, opened: a part of a message, a call, or an item's thoughts.
struct Part {
  std::int64_t item = 0, index = 0;  // output_index, content_index
  BlockKind kind = BlockKind::text;
  std::uint32_t block = 0;
  bool open = false, said = false;  // said: something of its text has come
  std::int64_t piece = 0;           // of thoughts: the summary's part
  std::size_t cited = 0;            // annotations that have come
};

// An event's members that mean something, found in one pass.
struct Members {
  Members(JsonValue root, Arena& arena) : all(root) {
    for (const JsonValue::Member& member : root.members())
      if (JsonValue* known = find(member.key.text(arena))) *known = member.value;
  }
  JsonValue all, type, error, delta, logprobs, output_index, content_index, summary_index, item,
      part, annotation, response;

 private:
  JsonValue* find(std::string_view name) {
    if (name == "type") return &type;
    if (name == "delta") return &delta;
    if (name == "output_index") return &output_index;
    if (name == "content_index") return &content_index;
    if (name == "logprobs") return &logprobs;
    if (name == "summary_index") return &summary_index;
    if (name == "item") return &item;
    if (name == "part") return &part;
    if (name == "annotation") return &annotation;
    if (name == "response") return &response;
    return name == "error" ? &error : nullptr;
  }
};

class Reader final : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes, std::vector<StreamEvent>& out) override {
    begin(out);
    if (auto fed = parser_.feed(bytes, events_); !fed) return fed;
    for (const net::SseEvent& event : events_)
      if (auto taken = take(event); !taken) return taken;
    return {};
  }
  Result<void> finish(std::vector<StreamEvent>& out) override {
    begin(out);
    const auto last = parser_.finish();
    return last ? take(*last) : Result<void>();
  }

 private:
  void begin(std::vector<StreamEvent>& out) {
    out_ = &out;
    arena_.clear();
    citations_.clear();
    events_.clear();
  }

  Result<void> take(const net::SseEvent& event) {
    if (event.data.empty() || over_) return {};
    if (event.data.starts_with("[DONE]")) return {};  // look-alikes
    if (!document_.parse(event.data, {.allow_lone_surrogates = true}))
      return fail(ErrorCode::malformed_response, "an event of the stream is not JSON");
    if (!document_.root().is_object())
      return fail(ErrorCode::malformed_response, "an event of the stream is not an object");
    const Members root(document_.root(), arena_);
    std::string_view type = root.type.text(arena_);
    if (type.empty()) type = event.event;
    if (type == "error" || (root.error.exists() && !root.error.is_null())) {
      give_up(root.error.is_object() ? root.error : root.all);
      return {};
    }
    if (type.starts_with("response.")) take(type.substr(9), root);
    if (parts_.size() > most_parts)
      return fail(ErrorCode::malformed_response, "the stream has too many blocks");
    return {};
  }

  void take(std::string_view type, const Members& root) {
    if (type == "output_text.delta") return delta(part_at(root, BlockKind::text), root);
    if (type == "function_call_arguments.delta")
      return delta(part_at(root, BlockKind::tool_call), root);
    if (type == "reasoning_summary_text.delta" || type == "reasoning_text.delta")
      return thought(root);
    if (type == "refusal.delta") return delta(part_at(root, BlockKind::refusal), root);
    if (type == "created" || type == "in_progress" || type == "queued") return start(root.response);
    if (type == "output_item.added") return item_added(root);
    if (type == "content_part.added") return part_added(root);
    if (type == "output_text.annotation.added")
      return cite(part_at(root, BlockKind::text), root.annotation);
    if (type == "content_part.done") return part_done(root.part, root);
    if (type == "output_item.done") return item_done(root.item, root);
    if (type == "completed" || type == "incomplete") return ended(root.response);
    if (type == "failed") return failed(root.response);
  }

  StreamEvent& add(EventKind kind) {
    StreamEvent& event = out_->emplace_back();
    event.kind = kind;
    return event;
  }
  StreamEvent& add(EventKind kind, const Part& part) {
    StreamEvent& event = add(kind);
    event.block = part.block;
    event.block_kind = part.kind;
    return event;
  }

  void start(JsonValue response) {
    if (started_) return;
    started_ = true;
    StreamEvent& event = add(EventKind::start);
    event.id = response["id"].text(arena_);
    event.name = response["model"].text(arena_);
    const auto created = response["created_at"].number();
    if (created && created->value > 0 && created->value < 1e15)
      event.created_s = static_cast<std::int64_t>(created->value);
  }

  // Look-alikes leave the indices out: then it is the item that came last.
  std::int64_t item_of(const Members& root) const {
    return root.output_index.integer().value_or(last_item_);
  }
  Part* find(std::int64_t item, std::int64_t index) {
    const auto found = std::ranges::find_if(
        parts_, [&](const Part& part) { return part.item == item && part.index == index; });
    return found == parts_.end() ? nullptr : &*found;
  }
  Part& part_of(std::int64_t item, std::int64_t index, BlockKind kind) {
    if (Part* found = find(item, index)) return *found;
    Part& part = parts_.emplace_back();
    part.item = item;
    part.index = index;
    part.kind = kind;
    return part;
  }
  // The part that `root` is about, opened if it was not announced.
  Part& part_at(const Members& root, BlockKind kind) {
    const bool in_message = kind == BlockKind::text || kind == BlockKind::refusal;
    const std::int64_t index = in_message ? root.content_index.integer().value_or(0) : 0;
    return opened(part_of(item_of(root), index, kind));
  }
  Part& opened(Part& part, JsonValue item = {}) {
    if (part.open || part.said) return part;
    part.open = true;
    part.block = blocks_++;
    StreamEvent& event = add(EventKind::block_start, part);
    if (part.kind == BlockKind::tool_call) {
      called_ = true;
      event.id = item["call_id"].text(arena_);
      event.name = item["name"].text(arena_);
    }
    return part;
  }
  void close(Part& part) {
    if (part.open) add(EventKind::block_stop, part);
    part.open = false;
    part.said = true;
  }

  void delta(Part& part, const Members& root) {
    if (!part.open) return;
    say(part, root.delta.text(arena_), root.logprobs);
  }
  void say(Part& part, std::string_view text, JsonValue logprobs = {}) {
    if (text.empty()) return;
    part.said = true;
    StreamEvent& event = add(EventKind::delta, part);
    event.text = text;
    if (logprobs.exists()) event.logprobs = chat_logprobs(logprobs, arena_);
  }
  void cite(Part& part, JsonValue annotation) {
    if (part.kind != BlockKind::text || !annotation.is_object()) return;
    ++part.cited;
    add(EventKind::citation, part).citation =
        &citations_.emplace_front(read_annotation(annotation, arena_));
  }
  void thought(const Members& root) {
    Part& part = part_at(root, BlockKind::thinking);
    const JsonValue summary = root.summary_index;
    const std::int64_t piece =
        (summary.exists() ? summary : root.content_index).integer().value_or(0);
    if (part.open && part.said && piece != part.piece) say(part, between_thoughts);
    part.piece = piece;
    delta(part, root);
  }

  void item_added(const Members& root) {
    const JsonValue item = root.item;
    last_item_ = root.output_index.integer().value_or(last_item_ + 1);
    if (!item["type"].text_is("function_call")) return;
    Part& part = opened(part_of(last_item_, 0, BlockKind::tool_call), item);
    if (part.open) say(part, item["arguments"].text(arena_));
  }

  void part_added(const Members& root) {
    const JsonValue type = root.part["type"];
    const bool refusal = type.text_is("refusal");
    if (!refusal && !type.text_is("output_text")) return;
    Part& part = part_at(root, refusal ? BlockKind::refusal : BlockKind::text);
    if (part.open && !part.said) say(part, root.part[refusal ? "refusal" : "text"].text(arena_));
  }
  void part_done(JsonValue value, const Members& root) {
    const bool refusal = value["type"].text_is("refusal");
    if (!refusal && !value["type"].text_is("output_text")) return;
    whole_part(item_of(root), root.content_index.integer().value_or(0), value);
  }
  // A part of a message is complete: what was not said of it yet is said now.
  void whole_part(std::int64_t item, std::int64_t index, JsonValue value) {
    const bool refusal = value["type"].text_is("refusal");
    if (!refusal && !value["type"].text_is("output_text")) return;
    Part& part = opened(part_of(item, index, refusal ? BlockKind::refusal : BlockKind::text));
    if (!part.said) say(part, value[refusal ? "refusal" : "text"].text(arena_), value["logprobs"]);
    cite_rest(part, value);
    close(part);
  }
  // Look-alikes tell them only when a part, its item or the whole is complete.
  void cite_rest(Part& part, JsonValue value) {
    std::size_t number = 0;
    for (const JsonValue each : value["annotations"].elements())
      if (number++ >= part.cited) cite(part, each);
  }

  void item_done(JsonValue item, const Members& root) {
    const std::int64_t at = item_of(root);
    const JsonValue type = item["type"];
    if (type.text_is("message")) {
      std::int64_t index = 0;
      for (const JsonValue each : item["content"].elements()) whole_part(at, index++, each);
    } else if (type.text_is("function_call")) {
      Part& part = opened(part_of(at, 0, BlockKind::tool_call), item);
      if (part.open && !part.said) say(part, item["arguments"].text(arena_));
      close(part);
    } else if (type.text_is("reasoning")) {
      reasoning_done(item, at);
    }
    for (Part& part : parts_)
      if (part.item == at) close(part);
  }
  void reasoning_done(JsonValue item, std::int64_t at) {
    const std::string_view encrypted = item["encrypted_content"].text(arena_);
    const std::string_view text = thoughts_of(item, arena_);
    const bool known = find(at, 0) != nullptr;
    if (!known && text.empty() && encrypted.empty()) return;  // nothing to be told
    Part& part = part_of(at, 0, text.empty() ? BlockKind::redacted_thinking : BlockKind::thinking);
    opened(part);
    if (!part.open) return;
    if (!part.said) say(part, text);
    if (!encrypted.empty())
      add(EventKind::signature, part).signature = {encrypted, {}, item["id"].text(arena_)};
    close(part);
  }

  void ended(JsonValue response) {
    start(response);
    std::int64_t at = 0;
    for (const JsonValue item : response["output"].elements()) {
      std::int64_t index = 0;
      for (const JsonValue each : item["content"].elements())
        if (Part* part = find(at, index++)) cite_rest(*part, each);
      ++at;
    }
    for (Part& part : parts_) close(part);
    add(EventKind::finish).finish = finish_of(response, called_);
    const Usage usage = usage_of(response["usage"]);
    if (usage.given()) add(EventKind::usage).usage = usage;
    add(EventKind::end);
    over_ = true;
  }
  void failed(JsonValue response) {
    start(response);
    const Usage usage = usage_of(response["usage"]);
    if (usage.given()) add(EventKind::usage).usage = usage;
    give_up(response["error"]);
  }
  void give_up(JsonValue error) {
    StreamEvent& event = add(EventKind::error);
    event.error_message = error["message"].text(arena_);
    if (event.error_message.empty()) event.error_message = error["error"].text(arena_);  // xAI
    event.error_code = error["code"].text(arena_);
    event.error_type = error["type"].text(arena_);
    if (event.error_type == "error") event.error_type = {};
    if (event.error_message.empty()) event.error_message = "the response has failed";
    over_ = true;
  }

  net::SseParser parser_;
  std::vector<net::SseEvent> events_;
  std::vector<StreamEvent>* out_ = nullptr;
  JsonDocument document_;
  Arena arena_;
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<Part> parts_;
  std::int64_t last_item_ = -1;
  std::uint32_t blocks_ = 0;
  bool started_ = false, called_ = false, over_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

}  // namespace holdfast::dialect::openai_responses
