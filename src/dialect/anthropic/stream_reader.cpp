// A stream of an upstream that speaks Messages, as events. Its blocks have indexes of their own;
// here they are numbered in the order in which they open. The stop reason is held until
// message_stop: of several message_delta the last one counts.
#include <algorithm>
#include <forward_list>

#include "dialect/anthropic/delta_scan.h"
#include "dialect/anthropic/parts.h"
#include "net/sse_parser.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::string_view house = "anthropic";
constexpr std::size_t most_open_blocks = 256;

class MessagesReader final : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes, std::vector<StreamEvent>& out) override {
    arena_.clear();
    citations_.clear();
    sse_.clear();
    auto fed = parser_.feed(bytes, sse_);
    for (const net::SseEvent& event : sse_)
      if (auto read = read_event(event, out); !read) return read;
    if (!fed) return fail(ErrorCode::malformed_response, std::move(fed.error().detail));
    return {};
  }

  Result<void> finish(std::vector<StreamEvent>& out) override {
    arena_.clear();
    citations_.clear();
    const auto last = parser_.finish();
    if (!last) return {};
    return read_event(*last, out);
  }

 private:
  struct OpenBlock {
    std::int64_t index;  // the upstream's
    std::uint32_t number;
    BlockKind kind;
  };

  Result<void> read_event(const net::SseEvent& event, std::vector<StreamEvent>& out) {
    if (event.data.empty() || ended_ || event.data.starts_with("[DONE]")) return {};
    if (event.event == "content_block_delta")
      if (const auto delta = scan_delta(event.data, arena_)) {
        take_delta(*delta, out);
        return {};
      }
    if (const auto parsed = document_.parse(event.data, lenient); !parsed)
      return fail(ErrorCode::malformed_response, "an event is not JSON: " + parsed.error().message);
    const JsonValue root = document_.root();
    if (!root.is_object()) return fail(ErrorCode::malformed_response, "an event is not an object");
    std::string_view type = root["type"].text(arena_);
    if (type.empty()) type = event.event;
    if (type == "content_block_start") return read_start(root, out);
    if (type == "content_block_stop") {
      close(root["index"].integer().value_or(-1), out);
    } else if (type == "content_block_delta") {
      if (root["delta"]["type"].text_is("citations_delta"))
        add_citation(root["index"].integer().value_or(-1), root["delta"]["citation"], out);
      else if (const auto delta = scan_delta(event.data, arena_))
        take_delta(*delta, out);
    } else if (type == "ping") {
      out.emplace_back();
    } else if (type == "message_start") {
      read_message(root["message"], out);
    } else if (type == "message_delta") {
      read_end(root, out);
    } else if (type == "message_stop") {
      end(out);
    } else if (type == "error" || error_object(root)) {
      read_error_event(root, out);
    }
    return {};
  }

  // A second message_start, of another model that took over, only counts on.
  void read_message(JsonValue message, std::vector<StreamEvent>& out) {
    if (!std::exchange(started_, true)) {
      StreamEvent& event = out.emplace_back();
      event.kind = EventKind::start;
      event.id = message["id"].text(arena_);
      event.name = message["model"].text(arena_);
    }
    tell_usage(message["usage"], out);
  }

  // Counters that come in parts (a later event may repeat only some) are summed up here.
  void tell_usage(JsonValue usage, std::vector<StreamEvent>& out) {
    if (!usage.is_object()) return;
    const auto take = [usage](std::string_view name, std::int64_t& count) {
      const std::int64_t told = usage[name].integer().value_or(-1);
      if (told >= 0) count = std::min(told, std::int64_t{1} << 53U);
    };
    take("input_tokens", fresh_in_);
    take("output_tokens", usage_.tokens_out);
    take("cache_read_input_tokens", usage_.tokens_cached);
    take("cache_creation_input_tokens", usage_.tokens_cache_written);
    const Usage told = read_usage(usage);
    if (told.tokens_reasoning >= 0) usage_.tokens_reasoning = told.tokens_reasoning;
    if (told.tokens_cache_written_1h >= 0)
      usage_.tokens_cache_written_1h = told.tokens_cache_written_1h;
    if (fresh_in_ >= 0)
      usage_.tokens_in = fresh_in_ + std::max<std::int64_t>(usage_.tokens_cached, 0) +
                         std::max<std::int64_t>(usage_.tokens_cache_written, 0);
    if (!usage_.given()) return;
    StreamEvent& event = out.emplace_back();
    event.kind = EventKind::usage;
    event.usage = usage_;
  }

  Result<void> read_start(JsonValue root, std::vector<StreamEvent>& out) {
    const std::int64_t index = root["index"].integer().value_or(-1);
    const JsonValue block = root["content_block"];
    const JsonValue type = block["type"];
    close(index, out);  // the one before never closed
    BlockKind kind = BlockKind::native;
    if (type.text_is("text"))
      kind = BlockKind::text;
    else if (type.text_is("thinking"))
      kind = BlockKind::thinking;
    else if (type.text_is("redacted_thinking"))
      kind = BlockKind::redacted_thinking;
    else if (type.text_is("tool_use"))
      kind = BlockKind::tool_call;
    if (open_.size() >= most_open_blocks)
      return fail(ErrorCode::malformed_response, "too many blocks are open at once");
    const OpenBlock opened = open(index, kind, out);
    if (kind == BlockKind::tool_call) {
      out.back().id = block["id"].text(arena_);
      out.back().name = block["name"].text(arena_);
      if (block["input"].size() > 0) add_delta(opened, block["input"].raw(), out);
    } else if (kind == BlockKind::text) {
      add_delta(opened, block["text"].text(arena_), out);
      for (const JsonValue each : block["citations"].elements()) add_citation(index, each, out);
    } else if (kind == BlockKind::thinking) {
      add_delta(opened, block["thinking"].text(arena_), out);
      add_signature(opened, block["signature"].text(arena_), out);
    } else if (kind == BlockKind::redacted_thinking) {
      add_signature(opened, block["data"].text(arena_), out);
    }
    return {};
  }

  void take_delta(const Delta& delta, std::vector<StreamEvent>& out) {
    const auto found = std::ranges::find(open_, delta.index, &OpenBlock::index);
    if (found == open_.end() || found->kind == BlockKind::native) return;
    if (delta.signature)
      add_signature(*found, delta.text, out);
    else
      add_delta(*found, delta.text, out);
  }

  void read_end(JsonValue root, std::vector<StreamEvent>& out) {
    const JsonValue delta = root["delta"];
    if (const JsonValue reason = delta["stop_reason"]; reason.is_string()) {
      finish_ = finish_from(reason.text(arena_));
      stop_sequence_ = delta["stop_sequence"].text(arena_);
      explanation_ = delta["stop_details"]["explanation"].text(arena_);
    }
    tell_usage(root["usage"], out);
  }

  void end(std::vector<StreamEvent>& out) {
    while (!open_.empty()) close(open_.front().index, out);
    if (finish_ != FinishReason::none) {
      StreamEvent& event = out.emplace_back();
      event.kind = EventKind::finish;
      event.finish = finish_;
      event.stop_sequence = stop_sequence_;
      event.explanation = explanation_;
    }
    out.emplace_back().kind = EventKind::end;
    ended_ = true;
  }

  void read_error_event(JsonValue root, std::vector<StreamEvent>& out) {
    const JsonValue error = root["error"];
    StreamEvent& event = out.emplace_back();
    event.kind = EventKind::error;
    event.error_message = error.is_string() ? error.text(arena_) : error["message"].text(arena_);
    event.error_type = error["type"].text(arena_);
    event.error_code = error["details"]["error_code"].text(arena_);
  }

  static StreamEvent& add(EventKind kind, const OpenBlock& block, std::vector<StreamEvent>& out) {
    StreamEvent& event = out.emplace_back();
    event.kind = kind;
    event.block = block.number;
    event.block_kind = block.kind;
    return event;
  }
  OpenBlock open(std::int64_t index, BlockKind kind, std::vector<StreamEvent>& out) {
    open_.push_back({index, next_number_++, kind});
    add(EventKind::block_start, open_.back(), out);
    return open_.back();
  }
  void close(std::int64_t index, std::vector<StreamEvent>& out) {
    const auto found = std::ranges::find(open_, index, &OpenBlock::index);
    if (found == open_.end()) return;
    add(EventKind::block_stop, *found, out);
    open_.erase(found);
  }
  static void add_delta(const OpenBlock& block, std::string_view text,
                        std::vector<StreamEvent>& out) {
    if (!text.empty()) add(EventKind::delta, block, out).text = text;
  }
  static void add_signature(const OpenBlock& block, std::string_view value,
                            std::vector<StreamEvent>& out) {
    if (!value.empty()) add(EventKind::signature, block, out).signature = {value, house, {}};
  }

  void add_citation(std::int64_t index, JsonValue value, std::vector<StreamEvent>& out) {
    const auto found = std::ranges::find(open_, index, &OpenBlock::index);
    if (found == open_.end() || found->kind != BlockKind::text || !value.is_object()) return;
    add(EventKind::citation, *found, out).citation =
        &citations_.emplace_front(read_citation(value, arena_));
  }

  net::SseParser parser_;
  std::vector<net::SseEvent> sse_;
  JsonDocument document_;
  Arena arena_;                            // of this feed
  std::forward_list<Citation> citations_;  // of this feed
  std::vector<OpenBlock> open_;
  std::uint32_t next_number_ = 0;
  Usage usage_;
  std::int64_t fresh_in_ = -1;  // input tokens that no cache knew
  FinishReason finish_ = FinishReason::none;
  std::string stop_sequence_, explanation_;
  bool started_ = false, ended_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> make_stream_reader() { return std::make_unique<MessagesReader>(); }

}  // namespace holdfast::dialect::anthropic
