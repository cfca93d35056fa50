#include <fmt/format.h>

#include <algorithm>
#include <forward_list>

#include "dialect/cohere/chat.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::cohere {
namespace {

constexpr std::size_t most_open = 1024;  // blocks at the same time
constexpr std::size_t most_texts = 64;   // the last ones, that late citations may be of
constexpr std::int64_t plan_index = -1;

struct Open {
  bool call = false;
  std::int64_t index = 0;  // contents and calls are numbered apart
  BlockKind kind = BlockKind::text;
  std::uint32_t block = 0;
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
    if (event.data.empty() || over_ || event.data.starts_with("[DONE]")) return {};
    if (!document_.parse(event.data, {.allow_lone_surrogates = true}))
      return fail(ErrorCode::malformed_response, "an event of the stream is not JSON");
    const JsonValue root = document_.root();
    if (!root.is_object())
      return fail(ErrorCode::malformed_response, "an event of the stream is not an object");
    std::string_view type = root["type"].text(arena_);
    if (type.empty()) type = event.event;
    const JsonValue delta = root["delta"];
    const JsonValue message = delta["message"];
    const std::int64_t index = root["index"].integer().value_or(0);
    if (type == "content-delta")
      content_delta(index, message["content"], root["logprobs"]);
    else if (type == "tool-call-delta")
      say(opened(true, index, BlockKind::tool_call),
          message["tool_calls"]["function"]["arguments"]);
    else if (type == "citation-start")
      cite(message["citations"]);
    else if (type == "tool-plan-delta")
      say(opened(false, plan_index, BlockKind::text), message["tool_plan"]);
    else if (type == "message-start")
      add(EventKind::start).id = root["id"].text(arena_);
    else if (type == "content-start")
      content_start(index, message["content"]);
    else if (type == "tool-call-start")
      call_start(index, message["tool_calls"]);
    else if (type == "content-end" || type == "tool-call-end")
      close(type == "tool-call-end", index);
    else if (type == "message-end")
      message_end(delta);
    else if (root["message"].is_string())
      give_up(root["message"].text(arena_));
    if (open_.size() > most_open)
      return fail(ErrorCode::malformed_response, "the stream has too many open blocks");
    return {};
  }

  StreamEvent& add(EventKind kind) {
    StreamEvent& event = out_->emplace_back();
    event.kind = kind;
    return event;
  }
  StreamEvent& add(EventKind kind, const Open& of) {
    StreamEvent& event = add(kind);
    event.block = of.block;
    event.block_kind = of.kind;
    return event;
  }

  Open* find(bool call, std::int64_t index) {
    const auto found = std::ranges::find_if(
        open_, [&](const Open& open) { return open.call == call && open.index == index; });
    return found == open_.end() ? nullptr : &*found;
  }
  Open& opened(bool call, std::int64_t index, BlockKind kind, JsonValue started = {}) {
    if (Open* found = find(call, index)) return *found;
    if (call) {
      close(false, plan_index);  // the plan is complete once it is carried out
      called_ = true;
    }
    open_.push_back({call, index, kind, blocks_++});
    StreamEvent& event = add(EventKind::block_start, open_.back());
    event.id = started["id"].text(arena_);
    event.name = started["function"]["name"].text(arena_);
    return open_.back();
  }
  StreamEvent* say(const Open& open, JsonValue text) {
    const std::string_view said = text.is_object() ? text.raw() : text.text(arena_);
    if (said.empty()) return nullptr;
    StreamEvent& event = add(EventKind::delta, open);
    event.text = said;
    return &event;
  }
  void close(bool call, std::int64_t index) {
    const Open* open = find(call, index);
    if (!open) return;
    add(EventKind::block_stop, *open);
    if (open->kind == BlockKind::text && open->index != plan_index) {
      if (ended_.size() == most_texts) ended_.erase(ended_.begin());
      ended_.push_back(*open);
    }
    open_.erase(open_.begin() + (open - open_.data()));
  }

  static bool is_thought(JsonValue content) {
    return content["type"].text_is("thinking") || content["thinking"].is_string();
  }
  void content_start(std::int64_t index, JsonValue content) {
    const bool thought = is_thought(content);
    const Open& open = opened(false, index, thought ? BlockKind::thinking : BlockKind::text);
    say(open, content[thought ? "thinking" : "text"]);
  }
  void content_delta(std::int64_t index, JsonValue content, JsonValue logprobs) {
    const bool thought = is_thought(content);
    const Open& open = opened(false, index, thought ? BlockKind::thinking : BlockKind::text);
    StreamEvent* event = say(open, content[thought ? "thinking" : "text"]);
    if (!event || !logprobs.is_object()) return;
    std::string out;
    append_logprob(out, logprobs, arena_);
    if (!out.empty()) event->logprobs = arena_.keep(fmt::format(R"({{"content":[{}]}})", out));
  }
  void call_start(std::int64_t index, JsonValue call) {
    say(opened(true, index, BlockKind::tool_call, call), call["function"]["arguments"]);
  }

  // Of the content that it names, else of the text that is open, else of the one that ended last.
  void cite(JsonValue citation) {
    const auto index = citation["content_index"].integer();
    const auto is_meant = [index](const Open& each) {
      return !each.call && each.kind == BlockKind::text && each.index != plan_index &&
             each.index == index.value_or(each.index);
    };
    const auto open = std::ranges::find_if(open_, is_meant);
    const auto ended = std::find_if(ended_.rbegin(), ended_.rend(), is_meant);
    if (open == open_.end() && ended == ended_.rend()) return;
    const Open& text = open != open_.end() ? *open : *ended;
    std::vector<Citation> read;
    read_citation(citation, arena_, read);
    for (const Citation& each : read)
      add(EventKind::citation, text).citation = &citations_.emplace_front(each);
  }

  void message_end(JsonValue delta) {
    while (!open_.empty()) close(open_.front().call, open_.front().index);
    const Usage usage = usage_of(delta["usage"]);
    const std::string_view reason = delta["finish_reason"].text(arena_);
    const FinishReason finish = finish_of(reason, called_);
    if (finish != FinishReason::fault) add(EventKind::finish).finish = finish;
    if (usage.given()) add(EventKind::usage).usage = usage;
    if (finish == FinishReason::fault) {
      const std::string_view message = delta["error"].text(arena_);
      return give_up(message.empty() ? reason : message);
    }
    add(EventKind::end);
    over_ = true;
  }
  void give_up(std::string_view message) {
    add(EventKind::error).error_message = message;
    over_ = true;
  }

  net::SseParser parser_;
  std::vector<net::SseEvent> events_;
  std::vector<StreamEvent>* out_ = nullptr;
  JsonDocument document_;
  Arena arena_;
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<Open> open_;                 // in the order in which they opened
  std::vector<Open> ended_;                // texts, whose citations may still come
  std::uint32_t blocks_ = 0;
  bool called_ = false, over_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> stream_reader() { return std::make_unique<Reader>(); }

}  // namespace holdfast::dialect::cohere
