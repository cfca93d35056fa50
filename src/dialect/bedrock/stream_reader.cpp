#include <fmt/format.h>

#include <algorithm>
#include <forward_list>

#include "base/limits.h"
#include "dialect/bedrock/parts.h"
#include "net/event_stream.h"

namespace holdfast::dialect::bedrock {
namespace {

class ConverseStreamReader final : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes, std::vector<StreamEvent>& out) override {
    arena_.clear();
    citations_.clear();
    messages_.clear();
    const auto fed = decoder_.feed(bytes, messages_);
    for (const net::EventStreamMessage& message : messages_)
      if (auto read = read_message(message, out); !read) return read;
    if (!fed) return fail(ErrorCode::malformed_response, fed.error().detail);
    return {};
  }

  Result<void> finish(std::vector<StreamEvent>& out) override {
    if (decoder_.within_message())
      return fail(ErrorCode::malformed_response, "the event stream was cut within a message");
    if (stopped_) end(out);  // without the metadata that should have come
    return {};
  }

 private:
  // A block that is open: Converse's number for it, and ours.
  struct Open {
    std::int64_t index;
    std::uint32_t block;
    BlockKind kind;
  };

  Result<void> read_message(const net::EventStreamMessage& message, std::vector<StreamEvent>& out) {
    if (ended_) return {};
    const std::string_view type = message.text(":message-type");
    if (type == "exception" || type == "error") {
      read_fault(message, out);
      return {};
    }
    const std::string_view event = message.text(":event-type");
    const auto* handler = std::ranges::find(handlers, event, &Handler::event);
    if (handler == std::end(handlers)) return {};
    if (const auto parsed = document_.parse(message.payload, lenient); !parsed)
      return fail(ErrorCode::malformed_response,
                  fmt::format("the payload of {} is not JSON: {}", event, parsed.error().message));
    (this->*handler->handle)(document_.root(), out);
    return {};
  }

  void read_fault(const net::EventStreamMessage& message, std::vector<StreamEvent>& out) {
    StreamEvent event;
    event.kind = EventKind::error;
    event.error_type = message.text(":exception-type");
    event.error_code = message.text(":error-code");
    event.error_message = message.text(":error-message");
    if (document_.parse(message.payload, lenient))
      if (const auto text = error_message(document_.root(), arena_); !text.empty())
        event.error_message = text;
    if (event.error_message.empty())
      event.error_message = event.error_type.empty() ? event.error_code : event.error_type;
    out.push_back(event);
    ended_ = true;
  }

  void message_start(JsonValue /*payload*/, std::vector<StreamEvent>& out) {
    StreamEvent event;
    event.kind = EventKind::start;
    out.push_back(event);
  }

  void block_start(JsonValue payload, std::vector<StreamEvent>& out) {
    const JsonValue call = payload["start"]["toolUse"];
    if (!call.is_object() || call["type"].exists()) return;  // of the provider's own tools
    StreamEvent& event = open(index_of(payload), BlockKind::tool_call, out);
    event.id = call["toolUseId"].text(arena_);
    event.name = call["name"].text(arena_);
  }

  void block_delta(JsonValue payload, std::vector<StreamEvent>& out) {
    const std::int64_t index = index_of(payload);
    const JsonValue delta = payload["delta"];
    if (const JsonValue text = delta["text"]; text.is_string())
      return add(index, BlockKind::text, EventKind::delta, out).text = text.text(arena_), void();
    if (const JsonValue call = delta["toolUse"]; call.is_object()) {
      // Arguments without a start are those of a tool that is not told.
      const Open* known = find(index);
      if (known == nullptr || known->kind != BlockKind::tool_call) return;
      add(index, BlockKind::tool_call, EventKind::delta, out).text = call["input"].text(arena_);
      return;
    }
    if (const JsonValue citation = delta["citation"]; citation.is_object()) {
      add(index, BlockKind::text, EventKind::citation, out).citation =
          &citations_.emplace_front(read_citation(citation, arena_));
      return;
    }
    const JsonValue thought = delta["reasoningContent"];
    if (const JsonValue text = thought["text"]; text.is_string())
      add(index, BlockKind::thinking, EventKind::delta, out).text = text.text(arena_);
    if (const JsonValue signature = thought["signature"]; signature.is_string())
      add(index, BlockKind::thinking, EventKind::signature, out).signature.value =
          signature.text(arena_);
    if (const JsonValue redacted = thought["redactedContent"]; redacted.is_string())
      add(index, BlockKind::redacted_thinking, EventKind::signature, out).signature.value =
          redacted.text(arena_);
  }

  void block_stop(JsonValue payload, std::vector<StreamEvent>& out) {
    close(index_of(payload), out);
  }

  void message_stop(JsonValue payload, std::vector<StreamEvent>& out) {
    if (stopped_) return;
    while (!open_.empty()) close(open_.front().index, out);
    StreamEvent event;
    event.kind = EventKind::finish;
    event.finish = finish_from(payload["stopReason"].text(arena_), event.explanation);
    event.stop_sequence = payload["additionalModelResponseFields"]["stop_sequence"].text(arena_);
    out.push_back(event);
    stopped_ = true;
    if (told_usage_) end(out);
  }

  void metadata(JsonValue payload, std::vector<StreamEvent>& out) {
    StreamEvent event;
    event.kind = EventKind::usage;
    event.usage = read_usage(payload["usage"]);
    if (event.usage.given()) out.push_back(event);
    told_usage_ = true;
    if (stopped_) end(out);
  }

  static std::int64_t index_of(JsonValue payload) {
    return payload["contentBlockIndex"].integer().value_or(0);
  }

  Open* find(std::int64_t index) {
    const auto at = std::ranges::find(open_, index, &Open::index);
    return at == open_.end() ? nullptr : &*at;
  }

  StreamEvent& open(std::int64_t index, BlockKind kind, std::vector<StreamEvent>& out) {
    close(index, out);
    open_.push_back({index, blocks_++, kind});
    return append(open_.back(), EventKind::block_start, out);
  }

  // An event of the block at `index`, opened if it is not yet, or one of another kind is.
  StreamEvent& add(std::int64_t index, BlockKind kind, EventKind what,
                   std::vector<StreamEvent>& out) {
    const Open* known = find(index);
    if (known == nullptr || known->kind != kind) {
      open(index, kind, out);
      known = &open_.back();
    }
    return append(*known, what, out);
  }

  static StreamEvent& append(const Open& of, EventKind what, std::vector<StreamEvent>& out) {
    StreamEvent& event = out.emplace_back();
    event.kind = what;
    event.block = of.block;
    event.block_kind = of.kind;
    return event;
  }

  void close(std::int64_t index, std::vector<StreamEvent>& out) {
    const auto at = std::ranges::find(open_, index, &Open::index);
    if (at == open_.end()) return;
    append(*at, EventKind::block_stop, out);
    open_.erase(at);
  }

  void end(std::vector<StreamEvent>& out) {
    if (ended_) return;
    out.emplace_back().kind = EventKind::end;
    ended_ = true;
  }

  struct Handler {
    std::string_view event;
    void (ConverseStreamReader::*handle)(JsonValue, std::vector<StreamEvent>&);
  };
  static constexpr Handler handlers[] = {
      {"contentBlockDelta", &ConverseStreamReader::block_delta},
      {"contentBlockStart", &ConverseStreamReader::block_start},
      {"contentBlockStop", &ConverseStreamReader::block_stop},
      {"messageStart", &ConverseStreamReader::message_start},
      {"messageStop", &ConverseStreamReader::message_stop},
      {"metadata", &ConverseStreamReader::metadata},
  };

  net::EventStreamDecoder decoder_{limits::stream_event_bytes};
  std::vector<net::EventStreamMessage> messages_;
  JsonDocument document_;
  Arena arena_;                            // of this feed
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<Open> open_;
  std::uint32_t blocks_ = 0;
  bool stopped_ = false;     // messageStop has come
  bool told_usage_ = false;  // so has metadata
  bool ended_ = false;       // nothing more is read
};

}  // namespace

std::unique_ptr<StreamReader> make_stream_reader() {
  return std::make_unique<ConverseStreamReader>();
}

}  // namespace holdfast::dialect::bedrock
