#include <algorithm>

#include "dialect/json_writer.h"
#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/output.h"

namespace holdfast::dialect::openai_responses {
namespace {

// Builds the output's elements, block by block: neighbouring texts are parts of one message.
class OutputWriter {
 public:
  explicit OutputWriter(const AnswerContext& context) : context_(context) {}

  std::string write(const Choice& choice) {
    // They belong to the text, and there is one place for them.
    logprobs_ = logprobs_of(choice.logprobs);
    status_ = ending_of(choice.finish, {}).status == "incomplete" ? "incomplete" : "completed";
    for (const Block& block : choice.content) write(block);
    close_message();
    return std::move(out_);
  }

 private:
  void write(const Block& block) {
    const ItemKind kind = item_kind(block.kind);
    if (kind == ItemKind::message) return part(block);
    close_message();
    switch (kind) {
      case ItemKind::function_call:
        separate();
        append_function_call(out_, id(kind), "completed", block.id, block.name,
                             escaped(block.arguments));
        return;
      case ItemKind::reasoning: {
        separate();
        const bool known = is_own_house(block.signature) && !block.signature.id.empty();
        const std::string made = id(kind);
        append_reasoning(out_, known ? block.signature.id : made, escaped(block.text),
                         encrypted_of(block.kind, block.signature));
        return;
      }
      case ItemKind::image:
        if (block.media.from != Media::From::base64) return;
        separate();
        append_image(out_, id(kind), "completed", block.media.data);
        return;
      case ItemKind::message:
      case ItemKind::none:
        if (block.kind != BlockKind::native || block.extra.from != Dialect::openai_responses)
          return;
        separate();
        out_.append(block.extra.raw);
        ++items_;
    }
  }

  void part(const Block& block) {
    if (!parts_.empty()) parts_.push_back(',');
    const bool text = block.kind == BlockKind::text;
    append_part(parts_, block.kind, escaped(block.text), annotations_of(block),
                text ? std::string_view(logprobs_) : std::string_view());
    if (text) logprobs_.clear();
  }
  void close_message() {
    if (parts_.empty()) return;
    separate();
    append_message(out_, id(ItemKind::message), status_, parts_);
    parts_.clear();
  }
  void separate() {
    if (!out_.empty()) out_.push_back(',');
  }
  std::string id(ItemKind kind) { return item_id(kind, context_, items_++); }
  std::string_view escaped(std::string_view text) {
    escaped_.clear();
    append_json_escaped(escaped_, text);
    return escaped_;
  }

  const AnswerContext& context_;
  std::string out_, parts_, escaped_, logprobs_;
  std::string_view status_;
  std::size_t items_ = 0;
};

}  // namespace

std::string write_response(const Response& response, const AnswerContext& context,
                           const StateFields& state) {
  ResponseHead head = head_of(context, state);
  head.id = response_id(context, response.id);
  if (head.model.empty()) head.model = response.model;
  if (response.created_s > 0) head.created_s = response.created_s;
  head.completed_s = std::max(context.now_s, head.created_s);
  head.service_tier = response.service_tier;
  static const Choice nothing;
  const Choice& choice = response.choices.empty() ? nothing : response.choices.front();
  std::string out;
  append_response(out, head, ending_of(choice.finish, choice.explanation),
                  OutputWriter(context).write(choice), response.usage);
  return out;
}

}  // namespace holdfast::dialect::openai_responses
