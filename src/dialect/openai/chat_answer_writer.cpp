// A whole answer for a client.
#include <algorithm>

#include "dialect/citation.h"
#include "dialect/openai/annotations.h"
#include "dialect/openai/chat_wire.h"
#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

bool is_thought(const Block& block) {
  return block.kind == BlockKind::thinking || block.kind == BlockKind::redacted_thinking;
}

class ChoiceWriter {
 public:
  ChoiceWriter(const Choice& choice, const AnswerContext& context, JsonWriter& json)
      : choice_(choice), context_(context), json_(json) {}

  void write() {
    json_.begin_object().field("index", choice_.index).key("message").begin_object();
    json_.field("role", "assistant");
    write_content();
    write_thoughts();
    write_calls();
    json_.end_object().key("logprobs");
    if (choice_.logprobs.empty()) {
      json_.null();
    } else {
      json_.raw(choice_.logprobs);
    }
    const bool stopped = choice_.finish == FinishReason::stop && has(BlockKind::tool_call);
    json_.field("finish_reason", finish_name(stopped ? FinishReason::tool_calls : choice_.finish));
    json_.end_object();
  }

 private:
  bool has(BlockKind kind) const {
    for (const Block& block : choice_.content)
      if (block.kind == kind) return true;
    return false;
  }
  std::string joined(BlockKind kind) const {
    std::string out;
    for (const Block& block : choice_.content)
      if (block.kind == kind) out += block.text;
    return out;
  }

  void write_content() {
    json_.key("content");
    if (has(BlockKind::text)) {
      json_.string(joined(BlockKind::text));
    } else {
      json_.null();
    }
    std::string refusal = joined(BlockKind::refusal);
    if (refusal.empty() && choice_.finish == FinishReason::content_filter && !has(BlockKind::text))
      refusal = choice_.explanation;
    json_.key("refusal");
    if (refusal.empty()) {
      json_.null();
    } else {
      json_.string(refusal);
    }
    write_annotations();
    write_media();
  }

  void write_annotations() {
    std::string said;
    std::int64_t begin = 0;  // of the block's text within the content
    for (const Block& block : choice_.content) {
      if (block.kind != BlockKind::text) continue;
      const std::int64_t size = count_points(block.text);
      for (const Citation& each : block.citations) {
        if (!can_tell(Dialect::openai, each)) continue;
        if (!said.empty()) said.push_back(',');
        append_annotation(said, annotation_head(each), begin + std::max<std::int64_t>(each.from, 0),
                          begin + (each.from < 0 ? size : each.to));
      }
      begin += size;
    }
    if (said.empty()) return;
    json_.key("annotations").begin_array().raw(said).end_array();
  }

  void write_media() {
    if (has(BlockKind::image)) {
      json_.key("images").begin_array();
      for (const Block& block : choice_.content) {
        if (block.kind != BlockKind::image || block.media.from != Media::From::base64) continue;
        json_.begin_object().field("type", "image_url").key("image_url").begin_object().key("url");
        write_data_url(json_, block.media.media_type, block.media.data);
        json_.end_object().end_object();
      }
      json_.end_array();
    }
    for (const Block& block : choice_.content)
      if (is_own(block, "audio")) json_.raw_field("audio", block.extra.raw);
  }

  static bool is_own(const Block& block, string_view name) {
    return block.kind == BlockKind::native && block.extra.from == Dialect::openai &&
           block.extra.name == name;
  }

  void write_thoughts() {
    const std::string text = joined(BlockKind::thinking);
    if (!text.empty()) json_.field("reasoning_content", text);
    bool details = false;  // needed when there is more to keep than one text
    std::size_t count = 0;
    for (const Block& block : choice_.content) {
      if (!is_thought(block)) continue;
      details = details || !block.signature.value.empty() || count > 0;
      ++count;
    }
    if (!details) return;
    json_.key("reasoning_details").begin_array();
    std::int64_t index = 0;
    for (const Block& block : choice_.content)
      if (is_thought(block))
        write_detail(json_, block.kind, block.text, block.signature, index++, true);
    json_.end_array();
  }

  void write_calls() {
    bool open = false;
    std::size_t count = 0;
    for (const Block& block : choice_.content) {
      const bool own = is_own(block, "tool_calls");
      if (block.kind != BlockKind::tool_call && !own) continue;
      if (!open) json_.key("tool_calls").begin_array();
      open = true;
      if (own) {
        json_.raw(block.extra.raw);
        continue;
      }
      json_.begin_object().key("id");
      if (block.id.empty()) {
        json_.string(made_call_id(context_.request_id, choice_.index, count));
      } else {
        json_.string(block.id);
      }
      ++count;
      json_.field("type", "function").key("function").begin_object().field("name", block.name);
      json_.field("arguments", block.arguments.empty() ? string_view("{}") : block.arguments);
      json_.end_object();
      if (!block.signature.value.empty()) {
        json_.key("extra_content").begin_object().key("google").begin_object();
        json_.field("thought_signature", kept_signature(block.signature));
        json_.end_object().end_object();
      }
      json_.end_object();
    }
    if (open) json_.end_array();
  }

  const Choice& choice_;
  const AnswerContext& context_;
  JsonWriter& json_;
};

}  // namespace

std::string ChatCodec::write_answer(const Response& response, const AnswerContext& context) const {
  WireText out;
  JsonWriter json(out);
  json.begin_object().field("id", answer_id(context.request_id, response.id));
  json.field("object", "chat.completion");
  json.field("created", response.created_s != 0 ? response.created_s : context.now_s);
  json.field("model", context.model.empty() ? response.model : context.model);
  json.key("choices").begin_array();
  for (const Choice& choice : response.choices) ChoiceWriter(choice, context, json).write();
  json.end_array();
  if (response.usage.given()) {
    json.key("usage");
    write_usage(json, response.usage);
  }
  json.text_field("service_tier", response.service_tier);
  for (const Extra& extra : response.extras)
    if (extra.from == Dialect::openai) json.raw_field(extra.name, extra.raw);
  json.end_object();
  return out.joined();
}

}  // namespace holdfast::dialect::openai
