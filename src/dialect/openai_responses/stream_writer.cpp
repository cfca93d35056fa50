#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "dialect/citation.h"
#include "dialect/json_writer.h"
#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/errors.h"
#include "dialect/openai_responses/output.h"

namespace holdfast::dialect::openai_responses {
namespace {

// Deltas are filled up to whole multiples of this, so that packets do not tell their lengths.
constexpr std::size_t padded_to = 16;

// A part of a message, a call's arguments or an item's thoughts.
struct Part {
  std::size_t item = 0, index = 0;
  std::uint32_t block = 0;
  BlockKind kind = BlockKind::text;
  bool open = true;
  bool announced = false;   // thoughts: their part was added
  std::string place;        // members that name it: ,"item_id":...
  std::string text;         // escaped
  std::string logprobs;     // elements
  std::int64_t points = 0;  // characters of the text
  // To be said at the text's end, when its whole is known; then the array's elements.
  struct Cited {
    std::string head;
    std::int64_t from, to;
  };
  std::vector<Cited> cited;
  std::string annotations;
  std::size_t annotated = 0;  // of them
  std::string id, name;       // of a call
  std::string encrypted;      // of thoughts
};

struct Item {
  ItemKind kind = ItemKind::message;
  std::string id;
  bool sealed = false;      // no part comes to it any more
  std::string done;         // as it was when it was complete; empty: not yet
  bool cited_late = false;  // since then: the whole answer has more than that
};

class Writer final : public StreamWriter {
 public:
  Writer(const AnswerContext& context, const StateFields& state)
      : request_id_(context.request_id),
        answer_id_(context.answer_id),
        now_s_(context.now_s),
        pad_(context.pad),
        random_(context.pad_seed | 1U),
        head_(head_of(context, state)) {}

  void write(const StreamEvent& event, std::string& out) override {
    if (over_ || event.choice != 0) return;
    if (event.kind == EventKind::ping) return keep_alive(out);
    if (event.kind == EventKind::error)
      return give_up(event.error_message, event.error_code, FailureClass::error_in_stream, out);
    if (!started_) start(event, out);
    switch (event.kind) {
      case EventKind::block_start:
        return open(event, out);
      case EventKind::delta:
        return delta(event, out);
      case EventKind::signature:
        if (Part* part = open_part(event.block)) sign(*part, event.signature);
        return;
      case EventKind::citation:
        return cite(event, out);
      case EventKind::block_stop:
        if (Part* part = open_part(event.block)) close(*part, out);
        return;
      case EventKind::finish:
        finish_ = event.finish;
        explanation_ = event.explanation;
        return;
      case EventKind::usage:
        usage_.update(event.usage);
        return;
      case EventKind::end:
        return end(out);
      case EventKind::start:
      case EventKind::ping:
      case EventKind::error:
        return;
    }
  }

  void keep_alive(std::string& out) override { out.append(": keep-alive\n\n"); }

  // SDKs raise what stands under "error"; the flat members are the dialect's own.
  void error(const ErrorReport& report, std::string& out) override {
    if (over_) return;
    over_ = true;
    const std::string_view code = error_code(report);
    begin(out, "error");
    const auto members = [&](bool with_type) {
      out.append(R"("code":)");
      append_json_string(out, code.empty() ? error_type(report) : code);
      out.append(R"(,"message":)");
      append_json_string(out, report.message);
      out.append(R"(,"param":null)");
      if (!with_type) return;
      out.append(R"(,"type":)");
      append_json_string(out, error_type(report));
    };
    out.push_back(',');
    members(false);
    out.append(R"(,"error":{)");
    members(true);
    out.append("}");
    finish_event(out);
    response_.clear();
    append_response(response_, head_, {"failed", {}, "server_error", report.message}, output(),
                    usage_);
  }

  std::string_view whole() const override { return response_; }
  bool gave_up() const override { return gave_up_; }

 private:
  void give_up(std::string_view message, std::string_view code, FailureClass failure,
               std::string& out) {
    ErrorReport report;
    report.status = 502;
    report.message = message;
    report.code = code;
    report.failure = failure;
    error(report, out);
  }

  AnswerContext ids() const {
    AnswerContext context;
    context.request_id = request_id_;
    context.answer_id = answer_id_;
    return context;
  }

  void begin(std::string& out, std::string_view type) {
    out.append("event: ").append(type).append("\ndata: {\"type\":\"").append(type);
    out.append(R"(","sequence_number":)");
    const fmt::format_int digits(sequence_++);
    out.append(digits.data(), digits.size());
  }
  static void finish_event(std::string& out) { out.append("}\n\n"); }

  void start(const StreamEvent& event, std::string& out) {
    started_ = true;
    if (event.kind == EventKind::start) {
      head_.id = response_id(ids(), event.id);
      if (head_.model.empty()) head_.model = event.name;
      if (event.created_s > 0) head_.created_s = event.created_s;
    }
    for (const std::string_view type : {"response.created", "response.in_progress"}) {
      begin(out, type);
      out.append(R"(,"response":)");
      append_response(out, head_, {}, {}, {});
      finish_event(out);
    }
  }

  Part* open_part(std::uint32_t block) {
    const auto found = std::ranges::find_if(
        parts_, [block](const Part& part) { return part.open && part.block == block; });
    return found == parts_.end() ? nullptr : &*found;
  }

  void open(const StreamEvent& event, std::string& out) {
    const ItemKind kind = item_kind(event.block_kind);
    if (kind == ItemKind::none || open_part(event.block)) return;
    const bool joins = kind == ItemKind::message && !items_.empty() &&
                       items_.back().kind == ItemKind::message && !items_.back().sealed;
    if (!joins) {
      if (!items_.empty()) seal(items_.size() - 1, out);
      items_.emplace_back().kind = kind;
      items_.back().id = item_id(kind, ids(), items_.size() - 1);
    }
    Part& part = parts_.emplace_back();
    part.item = items_.size() - 1;
    part.block = event.block;
    part.kind = event.block_kind;
    part.index = joins ? parts_in_message_++ : 0;
    if (kind == ItemKind::message && !joins) parts_in_message_ = 1;
    part.id = event.id;
    part.name = event.name;
    part.place =
        fmt::format(R"(,"item_id":"{}","output_index":{})", escaped(items_.back().id), part.item);
    if (kind == ItemKind::message) part.place += fmt::format(R"(,"content_index":{})", part.index);
    if (kind == ItemKind::reasoning) part.place += R"(,"summary_index":0)";
    if (!joins) item_event("added", part.item, out);
    if (kind == ItemKind::message) part_event("response.content_part.added", part, {}, out);
  }

  void item_event(std::string_view what, std::size_t index, std::string& out) {
    begin(out, what == "added" ? "response.output_item.added" : "response.output_item.done");
    fmt::format_to(std::back_inserter(out), R"(,"output_index":{},"item":)", index);
    if (what == "added")
      append_item(out, index, "in_progress");
    else
      out.append(items_[index].done);
    finish_event(out);
  }
  void append_item(std::string& out, std::size_t index, std::string_view status) const {
    const Item& item = items_[index];
    const bool complete = status != "in_progress";
    std::string parts;
    for (const Part& part : parts_) {
      if (part.item != index) continue;
      const std::string_view text = complete ? std::string_view(part.text) : std::string_view();
      switch (item.kind) {
        case ItemKind::message:
          if (!complete) break;
          if (!parts.empty()) parts += ',';
          append_part(parts, part.kind, text, part.annotations, part.logprobs);
          break;
        case ItemKind::function_call:
          return append_function_call(out, item.id, status, part.id, part.name, text);
        case ItemKind::reasoning:
          return append_reasoning(out, item.id, text, part.encrypted);
        case ItemKind::image:
        case ItemKind::none:
          return append_image(out, item.id, status, text);
      }
    }
    append_message(out, item.id, status, parts);
  }
  void part_event(std::string_view type, const Part& part, std::string_view text,
                  std::string& out) {
    begin(out, type);
    out.append(part.place).append(R"(,"part":)");
    append_part(out, part.kind, text, part.annotations, part.logprobs);
    finish_event(out);
  }
  // {"type":"summary_text",...}
  void summary_event(std::string_view type, const Part& part, std::string_view text,
                     std::string& out) {
    begin(out, type);
    out.append(part.place).append(R"(,"part":{"type":"summary_text","text":")");
    out.append(text).append("\"}");
    finish_event(out);
  }

  static std::string_view delta_type(BlockKind kind) {
    switch (kind) {
      case BlockKind::tool_call:
        return "response.function_call_arguments.delta";
      case BlockKind::refusal:
        return "response.refusal.delta";
      case BlockKind::thinking:
      case BlockKind::redacted_thinking:
        return "response.reasoning_summary_text.delta";
      default:
        return "response.output_text.delta";
    }
  }

  // False: it is more than fits, and the stream has ended with that.
  bool hold(std::size_t bytes, std::string& out) {
    held_ += bytes;
    if (held_ <= limits::response_buffer_bytes) return true;
    gave_up_ = true;
    give_up("the answer is longer than this gateway holds", {}, FailureClass::malformed_body, out);
    return false;
  }

  void cite(const StreamEvent& event, std::string& out) {
    if (!can_tell(Dialect::openai_responses, *event.citation)) return;
    Part* part = open_part(event.block);
    const auto ended = std::ranges::find_if(parts_, [&event](const Part& one) {
      return one.kind == BlockKind::text && one.block == event.block;
    });
    if (!part && ended == parts_.end()) return;
    Part& of = part ? *part : *ended;
    if (of.cited.size() + of.annotated >= most_citations) return;
    const Citation& citation = *event.citation;
    of.cited.push_back({annotation_head(citation), citation.from, citation.to});
    if (!hold(of.cited.back().head.size(), out) || of.open) return;
    // It comes late: the whole answer has it, though the text's own end did not.
    say_citations(of, out);
    items_[of.item].cited_late = true;
  }
  void say_citations(Part& part, std::string& out) {
    for (const Part::Cited& each : std::exchange(part.cited, {})) {
      if (part.annotated > 0) part.annotations.push_back(',');
      const std::size_t at = part.annotations.size();
      append_annotation(part.annotations, each.head, std::max<std::int64_t>(each.from, 0),
                        each.from < 0 ? part.points : each.to);
      begin(out, "response.output_text.annotation.added");
      out.append(part.place);
      fmt::format_to(std::back_inserter(out), R"(,"annotation_index":{},"annotation":)",
                     part.annotated++);
      out.append(part.annotations, at);
      finish_event(out);
    }
  }

  void delta(const StreamEvent& event, std::string& out) {
    Part* part = open_part(event.block);
    if (!part || (event.text.empty() && event.logprobs.empty())) return;
    if (!hold(event.text.size(), out)) return;
    if (part->kind == BlockKind::image) {
      append_json_escaped(part->text, event.text);
      return;
    }
    if (item_kind(part->kind) == ItemKind::reasoning && !part->announced) {
      part->announced = true;
      summary_event("response.reasoning_summary_part.added", *part, {}, out);
    }
    begin(out, delta_type(part->kind));
    out.append(part->place).append(R"(,"delta":")");
    const std::size_t at = out.size();
    append_json_escaped(out, event.text);
    const std::size_t said = out.size() - at;
    part->text.append(out, at, said);
    out.push_back('"');
    if (part->kind == BlockKind::text) {
      part->points += count_points(event.text);
      out.append(R"(,"logprobs":[)");
      if (!event.logprobs.empty()) {
        const std::string logprobs = logprobs_of(event.logprobs);
        out.append(logprobs);
        if (!part->logprobs.empty() && !logprobs.empty()) part->logprobs.push_back(',');
        part->logprobs.append(logprobs);
      }
      out.push_back(']');
    }
    if (pad_) pad(said, out);
    finish_event(out);
  }

  void pad(std::size_t said, std::string& out) {
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    out.append(R"(,"obfuscation":")");
    std::uint64_t bits = next_random();
    for (std::size_t more = padded_to - said % padded_to; more > 0; --more) {
      if (more == 10) bits = next_random();
      out.push_back(letters[bits & 63U]);
      bits >>= 6U;
    }
    out.push_back('"');
  }
  std::uint64_t next_random() {  // xorshift64
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return random_;
  }

  // The item's id has been said by now: an id that the signature is bound to travels within it.
  static void sign(Part& part, const Signature& signature) {
    const bool bound = is_own_house(signature) && !signature.id.empty();
    part.encrypted = bound ? wrap_signature({signature.value, "openai", signature.id})
                           : encrypted_of(part.kind, signature);
  }

  void close(Part& part, std::string& out) {
    part.open = false;
    const auto text_done = [&](std::string_view type, std::string_view name) {
      begin(out, type);
      out.append(part.place).append(",\"").append(name).append("\":\"").append(part.text);
      out.push_back('"');
    };
    switch (item_kind(part.kind)) {
      case ItemKind::message:
        say_citations(part, out);
        if (part.kind == BlockKind::text) {
          text_done("response.output_text.done", "text");
          out.append(R"(,"logprobs":[)").append(part.logprobs).append("]");
        } else {
          text_done("response.refusal.done", "refusal");
        }
        finish_event(out);
        part_event("response.content_part.done", part, part.text, out);
        if (items_[part.item].sealed) complete(part.item, out);
        return;
      case ItemKind::function_call:
        text_done("response.function_call_arguments.done", "arguments");
        out.append(R"(,"name":)");
        append_json_string(out, part.name);
        finish_event(out);
        break;
      case ItemKind::reasoning:
        if (!part.announced) break;
        text_done("response.reasoning_summary_text.done", "text");
        finish_event(out);
        summary_event("response.reasoning_summary_part.done", part, part.text, out);
        break;
      case ItemKind::image:
      case ItemKind::none:
        break;
    }
    items_[part.item].sealed = true;
    complete(part.item, out);
  }

  void seal(std::size_t index, std::string& out) {
    if (items_[index].sealed) return;
    items_[index].sealed = items_[index].kind == ItemKind::message;
    complete(index, out);
  }
  // Says that the item is complete, once it is.
  void complete(std::size_t index, std::string& out) {
    Item& item = items_[index];
    const bool busy = std::ranges::any_of(
        parts_, [index](const Part& part) { return part.item == index && part.open; });
    if (busy || !item.sealed || !item.done.empty()) return;
    item.done = done(index);
    item_event("done", index, out);
  }
  std::string done(std::size_t index) const {
    const bool cut = ending_of(finish_, {}).status == "incomplete";
    std::string out;
    append_item(out, index,
                cut && items_[index].kind == ItemKind::message ? "incomplete" : "completed");
    return out;
  }

  std::string output() const {
    std::string out;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (i > 0) out.push_back(',');
      if (items_[i].done.empty())
        append_item(out, i, "incomplete");
      else
        out.append(items_[i].cited_late ? done(i) : items_[i].done);
    }
    return out;
  }

  void end(std::string& out) {
    for (Part& part : parts_)
      if (part.open) close(part, out);
    if (!items_.empty()) seal(items_.size() - 1, out);
    over_ = true;
    Ending ending = ending_of(finish_, explanation_);
    if (ending.status == "in_progress") ending.status = "incomplete";  // no event says so
    head_.completed_s = std::max(now_s_, head_.created_s);
    append_response(response_, head_, ending, output(), usage_);
    begin(out, ending.status == "completed" ? "response.completed"
               : ending.status == "failed"  ? "response.failed"
                                            : "response.incomplete");
    out.append(R"(,"response":)").append(response_);
    finish_event(out);
  }

  std::string_view escaped(std::string_view text) {
    escaped_.clear();
    append_json_escaped(escaped_, text);
    return escaped_;
  }

  std::string request_id_, answer_id_;
  std::int64_t now_s_;
  bool pad_;
  std::uint64_t random_;
  ResponseHead head_;
  std::vector<Item> items_;  // by output_index
  std::vector<Part> parts_;  // in the order in which they were opened
  std::size_t parts_in_message_ = 0;
  std::size_t held_ = 0;
  std::int64_t sequence_ = 0;
  FinishReason finish_ = FinishReason::none;
  std::string explanation_;
  Usage usage_;
  bool started_ = false, over_ = false, gave_up_ = false;
  std::string response_, escaped_;
};

}  // namespace

std::unique_ptr<StreamWriter> response_stream(const AnswerContext& context,
                                              const StateFields& state) {
  return std::make_unique<Writer>(context, state);
}

}  // namespace holdfast::dialect::openai_responses
