#include "dialect/bedrock/parts.h"
#include "dialect/citation.h"

namespace holdfast::dialect::bedrock {
namespace {

// The model's arguments as an object; those that were cut, as the text that they are.
std::string input_of(std::string_view arguments) {
  if (arguments.empty()) return "{}";
  JsonDocument document;
  if (document.parse(arguments, lenient)) return std::string(arguments);
  std::string out;
  append_json_string(out, arguments);
  return out;
}

bool foreign_signature(const Block& block) {
  return block.kind != BlockKind::thinking && block.kind != BlockKind::redacted_thinking &&
         !block.signature.value.empty();
}

void write_block(JsonWriter& json, const Block& block) {
  switch (block.kind) {
    case BlockKind::text:
    case BlockKind::refusal:
      for (const CitedPiece& piece : cited_pieces(block, Dialect::bedrock)) {
        if (!piece.citations.empty())
          write_cited(json, piece.text, piece.citations);
        else if (!piece.text.empty())
          write_text(json, piece.text);
      }
      break;
    case BlockKind::tool_call:
      write_tool_use(json, block.id, block.name, input_of(block.arguments));
      break;
    case BlockKind::thinking:
      write_reasoning(json, block.text, signature_for_client(block.signature));
      break;
    case BlockKind::redacted_thinking:
      write_redacted(json, redacted_for_client(block.signature));
      break;
    case BlockKind::image:
    case BlockKind::video:
      if (block.media.from == Media::From::base64 &&
          !format_of(block.kind, block.media.media_type).empty())
        write_media(json, block, {});
      break;
    case BlockKind::native:
      if (block.extra.from == Dialect::bedrock) json.raw(block.extra.raw);
      break;
    case BlockKind::document:
    case BlockKind::audio:
    case BlockKind::tool_result:
      break;  // no model answers with these
  }
  if (foreign_signature(block))
    write_reasoning(json, {},
                    wrap_signature({block.signature.value, block.signature.house, of_previous}));
}

void write_model_fields(JsonWriter& json, const Response& response, const Choice& choice) {
  for (const Extra& extra : response.extras)
    if (extra.from == Dialect::bedrock && extra.name == "additionalModelResponseFields") return;
  if (choice.stop_sequence.empty()) return;
  json.key("additionalModelResponseFields").begin_object();
  json.field("stop_sequence", choice.stop_sequence).end_object();
}

}  // namespace

std::string write_answer(const Response& response) {
  const Choice none;
  const Choice& choice = response.choices.empty() ? none : response.choices.front();
  WireText out;
  JsonWriter json(out);
  json.begin_object().key("output").begin_object().key("message").begin_object();
  json.field("role", "assistant").key("content").begin_array();
  bool calls = false;
  for (const Block& block : choice.content) {
    write_block(json, block);
    calls = calls || block.kind == BlockKind::tool_call;
  }
  json.end_array().end_object().end_object();
  json.field("stopReason", stop_reason_of(choice.finish, choice.explanation, calls));
  std::string usage;
  append_usage(usage, response.usage);
  json.raw_field("usage", usage);
  json.key("metrics").begin_object().field("latencyMs", std::int64_t{0}).end_object();
  if (!response.service_tier.empty())
    json.key("serviceTier").begin_object().field("type", response.service_tier).end_object();
  write_model_fields(json, response, choice);
  for (const Extra& extra : response.extras)
    if (extra.from == Dialect::bedrock) json.raw_field(extra.name, extra.raw);
  json.end_object();
  return out.joined();
}

}  // namespace holdfast::dialect::bedrock
