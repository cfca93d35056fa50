// A whole answer as an Anthropic client takes it.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/parts.h"
#include "dialect/citation.h"

namespace holdfast::dialect::anthropic {
namespace {

// The extras whose name is `prefix` and one word more, as members.
void write_extras(JsonWriter& json, const Response& response, std::string_view prefix) {
  for (const Extra& extra : response.extras) {
    if (extra.from != Dialect::anthropic || !extra.name.starts_with(prefix)) continue;
    const std::string_view rest = extra.name.substr(prefix.size());
    if (rest.find('.') == std::string_view::npos) json.raw_field(rest, extra.raw);
  }
}

std::string_view extra_of(const Response& response, std::string_view name) {
  for (const Extra& extra : response.extras)
    if (extra.from == Dialect::anthropic && extra.name == name) return extra.raw;
  return {};
}

std::string_view tier_for(std::string_view tier) {
  return tier == "priority" || tier == "batch" ? tier : "standard";
}

class AnswerWriter {
 public:
  AnswerWriter(const Response& response, const AnswerContext& context)
      : response_(response), context_(context), json_(text_) {}

  std::string write() {
    static const Choice nothing;
    const Choice& choice = response_.choices.empty() ? nothing : response_.choices.front();
    json_.begin_object()
        .field("id", message_id(response_.id, context_))
        .field("type", "message")
        .field("role", "assistant")
        .field("model", context_.model.empty() ? response_.model : context_.model);
    json_.key("content").begin_array();
    for (const Block& block : choice.content) write_block(block);
    json_.end_array();
    const std::string_view explanation =
        choice.explanation.empty() ? std::string_view(refusal_) : choice.explanation;
    write_stop_fields(json_, stop_reason_of(choice.finish, calls_ > 0, !refusal_.empty()),
                      choice.stop_sequence, explanation,
                      extra_of(response_, "stop_details.category"));
    write_extras(json_, response_, "");
    json_.key("usage").begin_object();
    write_usage_fields(json_, response_.usage, 0, 0);
    if (!response_.service_tier.empty())
      json_.field("service_tier", tier_for(response_.service_tier));
    write_extras(json_, response_, "usage.");
    json_.end_object().end_object();
    return text_.joined();
  }

 private:
  void write_block(const Block& block) {
    switch (block.kind) {
      case BlockKind::refusal:
        refusal_ = block.text;
        [[fallthrough]];
      case BlockKind::text:
        write_text(block);
        return write_mark(block);
      case BlockKind::thinking:
        json_.begin_object().field("type", "thinking").field("thinking", block.text);
        json_.field("signature", signature_for_client(block.signature)).end_object();
        return;
      case BlockKind::redacted_thinking:
        return write_redacted(block.signature);
      case BlockKind::tool_call:
        write_call(block);
        return write_mark(block);
      case BlockKind::native:
        if (block.extra.from == Dialect::anthropic) json_.raw(block.extra.raw);
        return;
      case BlockKind::image:
      case BlockKind::document:
      case BlockKind::audio:
      case BlockKind::video:
      case BlockKind::tool_result:
        return;  // no answer of this dialect has them
    }
  }

  // What is cited stands in a block of its own.
  void write_text(const Block& block) {
    for (const CitedPiece& piece : cited_pieces(block, Dialect::anthropic)) {
      json_.begin_object().field("type", "text").field("text", piece.text);
      if (!piece.citations.empty()) {
        json_.key("citations").begin_array();
        for (const Citation* each : piece.citations) write_citation(json_, *each);
        json_.end_array();
      }
      json_.end_object();
    }
  }

  void write_call(const Block& block) {
    ++calls_;
    json_.begin_object().field("type", "tool_use");
    json_.field("id", block.id.empty() ? fmt::format("toolu_{}_{}", context_.request_id, calls_)
                                       : std::string(block.id));
    json_.field("name", block.name);
    // Arguments that were cut are no object: the call is shown, its stop reason tells the rest.
    const bool object = arguments_.parse(block.arguments, lenient) && arguments_.root().is_object();
    json_.raw_field("input", object ? block.arguments : "{}").end_object();
  }

  // A signature that another house put on a text or a call stands behind it in a block of its own.
  void write_mark(const Block& block) {
    if (!block.signature.value.empty() && block.signature.house == "google")
      write_redacted(block.signature);
  }
  void write_redacted(const Signature& signature) {
    json_.begin_object()
        .field("type", "redacted_thinking")
        .field("data", signature_for_client(signature))
        .end_object();
  }

  const Response& response_;
  const AnswerContext& context_;
  WireText text_;
  JsonWriter json_;
  JsonDocument arguments_;
  std::size_t calls_ = 0;
  std::string_view refusal_;
};

}  // namespace

std::string write_answer(const Response& response, const AnswerContext& context) {
  return AnswerWriter(response, context).write();
}

}  // namespace holdfast::dialect::anthropic
