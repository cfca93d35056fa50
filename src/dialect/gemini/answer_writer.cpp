#include <fmt/format.h>

#include <algorithm>

#include "dialect/base64.h"
#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/grounding.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

class AnswerWriter {
 public:
  AnswerWriter(const Response& response, const AnswerContext& context)
      : response_(response), context_(context), json_(text_) {}

  std::string write() {
    json_.begin_object();
    if (!is_blocked_prompt()) {
      json_.key("candidates").begin_array();
      for (std::size_t i = 0; i < response_.choices.size(); ++i)
        write_candidate(response_.choices[i], i);
      json_.end_array();
    }
    for (const Extra& extra : response_.extras)
      if (extra.from == Dialect::gemini && !extra.name.starts_with("candidates["))
        json_.raw_field(extra.name, extra.raw);
    write_usage(json_, response_.usage);
    json_.field("modelVersion", context_.model.empty() ? response_.model : context_.model);
    if (response_.created_s > 0)
      json_.field("createTime", string_view(time_of(response_.created_s)));
    json_.field("responseId", context_.request_id.empty() ? response_.id : context_.request_id);
    json_.end_object();
    return text_.joined();
  }

 private:
  bool is_blocked_prompt() const {
    const auto tells = [](const Extra& extra) {
      return extra.from == Dialect::gemini && extra.name == "promptFeedback";
    };
    return response_.choices.size() == 1 && response_.choices[0].content.empty() &&
           response_.choices[0].finish == FinishReason::content_filter &&
           std::ranges::any_of(response_.extras, tells);
  }

  void write_candidate(const Choice& choice, std::size_t place) {
    Finish finish{choice.finish, choice.explanation};
    json_.begin_object().key("content").begin_object().key("parts").begin_array();
    parts_ = 0;
    Grounding grounding;
    for (const Block& block : choice.content) {
      if (block.kind == BlockKind::tool_call && !is_object(block.arguments)) {
        // Cut, or never right: the wire has objects only.
        if (finish.reason != FinishReason::length)
          finish = {FinishReason::fault, "MALFORMED_FUNCTION_CALL"};
        continue;
      }
      ground(block, grounding);
      write_block(block);
    }
    json_.end_array().field("role", "model").end_object();
    write_finish(json_, finish);
    json_.field("index", choice.index);
    if (!choice.logprobs.empty()) write_logprobs(json_, choice.logprobs);
    const std::string prefix = fmt::format("candidates[{}].", place);
    const bool as_it_came = std::ranges::any_of(response_.extras, [&prefix](const Extra& extra) {
      return extra.from == Dialect::gemini && extra.name.starts_with(prefix) &&
             (extra.name.ends_with(".groundingMetadata") ||
              extra.name.ends_with(".citationMetadata"));
    });
    if (!grounding.empty() && !as_it_came) json_.raw_field("groundingMetadata", grounding.text());
    for (const Extra& extra : response_.extras)
      if (extra.from == Dialect::gemini && extra.name.starts_with(prefix))
        json_.raw_field(extra.name.substr(prefix.size()), extra.raw);
    json_.end_object();
  }

  // Before the block is written: its part has the next number.
  void ground(const Block& block, Grounding& grounding) const {
    if (block.citations.empty()) return;
    TextMeasure measure;
    measure.add(block.text);
    for (std::size_t i = 0; i < std::min(block.citations.size(), most_citations); ++i) {
      const Citation& each = block.citations[i];
      if (!can_tell(Dialect::gemini, each)) continue;
      const std::int64_t from = measure.byte_of(std::max<std::int64_t>(each.from, 0));
      const std::int64_t to = measure.byte_of(each.from < 0 ? measure.points() : each.to);
      const bool placed = from >= 0 && to >= from;
      const string_view text = placed ? block.text.substr(static_cast<std::size_t>(from),
                                                          static_cast<std::size_t>(to - from))
                                      : string_view();
      grounding.support(grounding.source(each), parts_, from, placed ? to : -1, text);
    }
  }

  void write_block(const Block& block) {
    if (block.kind != BlockKind::tool_result) ++parts_;
    switch (block.kind) {
      case BlockKind::text:
      case BlockKind::refusal:
        json_.begin_object().field("text", block.text);
        break;
      case BlockKind::thinking:
        json_.begin_object().field("text", block.text).field("thought", true);
        break;
      case BlockKind::redacted_thinking:
        json_.begin_object().field("thought", true);
        break;
      case BlockKind::tool_call:
        json_.begin_object().key("functionCall").begin_object().text_field("id", block.id);
        json_.field("name", block.name);
        json_.raw_field("args", block.arguments.contains('{') ? block.arguments : "{}");
        json_.end_object();
        break;
      case BlockKind::image:
      case BlockKind::document:
      case BlockKind::audio:
      case BlockKind::video:
        json_.begin_object();
        write_media(block);
        break;
      case BlockKind::native:
        if (block.extra.from == Dialect::gemini) json_.raw(block.extra.raw);
        return;
      case BlockKind::tool_result:
        return;  // models do not answer calls
    }
    json_.text_field("thoughtSignature", client_signature(block.signature)).end_object();
  }

  void write_media(const Block& block) {
    const Media& media = block.media;
    const bool address = media.from == Media::From::url || media.from == Media::From::file_id;
    json_.key(address ? "fileData" : "inlineData").begin_object();
    json_.text_field("mimeType", media.media_type).text_field("displayName", block.name);
    if (address) {
      json_.field("fileUri", media.data);
    } else if (media.from == Media::From::text) {
      std::string encoded;
      append_base64(encoded, media.data);
      json_.field("data", string_view(encoded));
    } else {
      json_.field("data", media.data);
    }
    json_.end_object();
  }

  const Response& response_;
  const AnswerContext& context_;
  std::int64_t parts_ = 0;  // of the candidate so far
  WireText text_;
  JsonWriter json_;
};

}  // namespace

std::string write_answer(const Response& response, const AnswerContext& context) {
  return AnswerWriter(response, context).write();
}

}  // namespace holdfast::dialect::gemini
