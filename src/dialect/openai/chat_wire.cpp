#include "dialect/openai/chat_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

constexpr std::array<std::pair<string_view, FinishReason>, 14> finish_reasons = {{
    {"stop", FinishReason::stop},
    {"length", FinishReason::length},
    {"tool_calls", FinishReason::tool_calls},
    {"content_filter", FinishReason::content_filter},
    {"function_call", FinishReason::tool_calls},
    {"max_tokens", FinishReason::length},
    {"model_length", FinishReason::context_full},           // Mistral
    {"error", FinishReason::fault},                         // Mistral, OpenRouter
    {"insufficient_system_resource", FinishReason::fault},  // DeepSeek
    {"abort", FinishReason::fault},                         // vLLM, SGLang
    {"eos", FinishReason::stop},                            // Together
    {"eos_token", FinishReason::stop},                      // TGI
    {"stop_sequence", FinishReason::stop_sequence},         // TGI
    {"end_turn", FinishReason::stop},
}};

// What OpenRouter calls the format of a house's thoughts.
constexpr std::array<std::pair<string_view, string_view>, 4> detail_formats = {{
    {"anthropic", "anthropic-claude-v1"},
    {"google", "google-gemini-v1"},
    {"openai", "openai-responses-v1"},
    {"xai", "xai-responses-v1"},
}};

void count(std::int64_t& out, JsonValue value) {
  const auto number = value.integer();
  if (number && *number >= 0) out = *number;
}

}  // namespace

FinishReason finish_from(string_view name) {
  if (name.empty()) return FinishReason::none;
  for (const auto& [known, reason] : finish_reasons)
    if (known == name) return reason;
  return FinishReason::stop;
}

string_view finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::length:
    case FinishReason::context_full:
      return "length";
    case FinishReason::tool_calls:
      return "tool_calls";
    case FinishReason::content_filter:
      return "content_filter";
    case FinishReason::none:
    case FinishReason::stop:
    case FinishReason::stop_sequence:
    case FinishReason::paused:
    case FinishReason::fault:
      return "stop";
  }
  return "stop";
}

std::string answer_id(string_view request_id, string_view upstream) {
  return request_id.empty() ? std::string(upstream) : fmt::format("chatcmpl-{}", request_id);
}

std::string made_call_id(string_view request_id, std::int64_t choice, std::size_t call) {
  return fmt::format("call_{}_{}_{}", request_id, choice, call);
}

Usage read_usage(JsonValue usage, const Deviations& deviations) {
  Usage out;
  std::int64_t total = -1;
  for (const auto& [key, value] : usage.members()) {
    if (key.text_is("prompt_tokens")) {
      count(out.tokens_in, value);
    } else if (key.text_is("completion_tokens")) {
      count(out.tokens_out, value);
    } else if (key.text_is("total_tokens")) {
      count(total, value);
    } else if (key.text_is("prompt_tokens_details")) {
      count(out.tokens_cached, value["cached_tokens"]);
      count(out.tokens_cache_written, value["cache_write_tokens"]);
      count(out.tokens_audio_in, value["audio_tokens"]);
    } else if (key.text_is("completion_tokens_details")) {
      count(out.tokens_reasoning, value["reasoning_tokens"]);
      count(out.tokens_audio_out, value["audio_tokens"]);
    } else if (key.text_is("prompt_cache_hit_tokens") && out.tokens_cached < 0) {
      count(out.tokens_cached, value);
    }
  }
  if (deviations.output_is_total_less_input && out.tokens_in >= 0 && total >= out.tokens_in)
    out.tokens_out = total - out.tokens_in;
  return out;
}

void write_usage(JsonWriter& json, const Usage& usage) {
  const std::int64_t in = std::max<std::int64_t>(usage.tokens_in, 0);
  const std::int64_t out = std::max<std::int64_t>(usage.tokens_out, 0);
  json.begin_object().field("prompt_tokens", in).field("completion_tokens", out);
  json.field("total_tokens", in + out);
  if (usage.tokens_cached >= 0 || usage.tokens_cache_written >= 0) {
    json.key("prompt_tokens_details").begin_object();
    if (usage.tokens_cached >= 0) json.field("cached_tokens", usage.tokens_cached);
    if (usage.tokens_cache_written >= 0)
      json.field("cache_write_tokens", usage.tokens_cache_written);
    json.end_object();
  }
  if (usage.tokens_reasoning >= 0)
    json.key("completion_tokens_details")
        .begin_object()
        .field("reasoning_tokens", usage.tokens_reasoning)
        .end_object();
  if (usage.continuations > 0)
    json.field("holdfast_continuations", std::int64_t{usage.continuations});
  json.end_object();
}

std::optional<DataUrl> read_data_url(string_view url) {
  if (!url.starts_with("data:")) return std::nullopt;
  const auto comma = url.find(',');
  if (comma == string_view::npos) return std::nullopt;
  const string_view head = url.substr(5, comma - 5);
  if (!head.ends_with(";base64")) return std::nullopt;
  const string_view data = url.substr(comma + 1);
  if (!needs_no_escape(data)) return std::nullopt;
  return DataUrl{head.substr(0, head.find(';')), data};
}

void write_data_url(JsonWriter& json, string_view media_type, string_view base64) {
  std::string head("data:");
  head.append(media_type).append(";base64,");
  json.plain_string(head, base64);
}

std::string kept_signature(const Signature& signature) {
  if (signature.house.empty() || signature.house == "openai") return std::string(signature.value);
  return wrap_signature(signature);
}

Signature signature_of_client(string_view text, string_view house) {
  if (auto wrapped = unwrap_signature(text)) return *wrapped;
  return {text, house, {}};
}

std::optional<Detail> read_detail(JsonValue entry, string_view house, Arena& arena) {
  Detail out;
  string_view signature, id, type;
  for (const auto& [key, value] : entry.members()) {
    if (key.text_is("type")) type = value.text(arena);
    if (key.text_is("text") || key.text_is("summary")) out.text = value.text(arena);
    if (key.text_is("signature") || key.text_is("data")) signature = value.text(arena);
    if (key.text_is("id")) id = value.text(arena);
    if (key.text_is("format"))
      for (const auto& [owner, format] : detail_formats)
        if (value.text_is(format)) house = owner;
  }
  if (type == "reasoning.encrypted") {
    out.kind = BlockKind::redacted_thinking;
  } else if (type != "reasoning.text" && type != "reasoning.summary") {
    return std::nullopt;
  }
  if (signature.empty()) return out;
  out.signature = signature_of_client(signature, house);
  if (out.signature.id.empty()) out.signature.id = id;
  return out;
}

void write_detail(JsonWriter& json, BlockKind kind, string_view text, const Signature& signature,
                  std::int64_t index, bool wrapped) {
  const bool encrypted = kind == BlockKind::redacted_thinking;
  json.begin_object().field("type", encrypted ? "reasoning.encrypted" : "reasoning.text");
  if (!encrypted) json.field("text", text);
  if (!signature.value.empty())
    json.field(encrypted ? "data" : "signature",
               wrapped ? kept_signature(signature) : std::string(signature.value));
  json.text_field("id", signature.id);
  for (const auto& [owner, format] : detail_formats)
    if (signature.house == owner) json.field("format", format);
  json.field("index", index).end_object();
}

void read_thoughts(JsonValue details, string_view text, string_view house, Arena& arena,
                   std::vector<Block>& out) {
  const std::size_t first = out.size();
  bool has_text = false;
  for (const JsonValue entry : details.elements()) {
    const auto detail = read_detail(entry, house, arena);
    if (!detail || (detail->text.empty() && detail->signature.value.empty())) continue;
    Block& block = out.emplace_back();
    block.kind = detail->kind;
    block.text = detail->text;
    block.signature = detail->signature;
    has_text = has_text || !detail->text.empty();
  }
  if (has_text || text.empty()) return;
  // Signatures without their text: it stands beside them.
  const auto at = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                               [](const Block& b) { return b.kind == BlockKind::thinking; });
  if (at != out.end()) {
    at->text = text;
    return;
  }
  Block block;
  block.kind = BlockKind::thinking;
  block.text = text;
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(first), block);
}

}  // namespace holdfast::dialect::openai
