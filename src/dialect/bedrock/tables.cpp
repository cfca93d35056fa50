#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dialect/base64.h"
#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

struct Format {
  BlockKind kind;
  std::string_view format, media_type;
};

// The first row of a media type is what is written for it, the first of a format what it means.
constexpr std::array formats = {
    Format{BlockKind::image, "png", "image/png"},
    Format{BlockKind::image, "jpeg", "image/jpeg"},
    Format{BlockKind::image, "jpeg", "image/jpg"},
    Format{BlockKind::image, "gif", "image/gif"},
    Format{BlockKind::image, "webp", "image/webp"},
    Format{BlockKind::document, "pdf", "application/pdf"},
    Format{BlockKind::document, "txt", "text/plain"},
    Format{BlockKind::document, "csv", "text/csv"},
    Format{BlockKind::document, "html", "text/html"},
    Format{BlockKind::document, "md", "text/markdown"},
    Format{BlockKind::document, "doc", "application/msword"},
    Format{BlockKind::document, "docx",
           "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Format{BlockKind::document, "xls", "application/vnd.ms-excel"},
    Format{BlockKind::document, "xlsx",
           "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    Format{BlockKind::audio, "wav", "audio/wav"},
    Format{BlockKind::audio, "wav", "audio/x-wav"},
    Format{BlockKind::audio, "mp3", "audio/mpeg"},
    Format{BlockKind::audio, "mp3", "audio/mp3"},
    Format{BlockKind::audio, "flac", "audio/flac"},
    Format{BlockKind::audio, "opus", "audio/opus"},
    Format{BlockKind::audio, "ogg", "audio/ogg"},
    Format{BlockKind::audio, "aac", "audio/aac"},
    Format{BlockKind::audio, "webm", "audio/webm"},
    Format{BlockKind::audio, "mp4", "audio/mp4"},
    Format{BlockKind::audio, "m4a", "audio/m4a"},
    Format{BlockKind::audio, "pcm", "audio/pcm"},
    Format{BlockKind::audio, "mka", "audio/x-matroska"},
    Format{BlockKind::video, "mp4", "video/mp4"},
    Format{BlockKind::video, "webm", "video/webm"},
    Format{BlockKind::video, "mov", "video/quicktime"},
    Format{BlockKind::video, "mkv", "video/x-matroska"},
    Format{BlockKind::video, "mpeg", "video/mpeg"},
    Format{BlockKind::video, "mpg", "video/mpg"},
    Format{BlockKind::video, "flv", "video/x-flv"},
    Format{BlockKind::video, "wmv", "video/x-ms-wmv"},
    Format{BlockKind::video, "three_gp", "video/3gpp"},
};

constexpr std::string_view guardrail = "guardrail_intervened";

struct Stop {
  std::string_view name;
  FinishReason finish;
};
// The first row of a reason is what is written for it.
constexpr std::array stops = {
    Stop{"end_turn", FinishReason::stop},
    Stop{"end_turn", FinishReason::none},
    Stop{"end_turn", FinishReason::paused},
    Stop{"tool_use", FinishReason::tool_calls},
    Stop{"max_tokens", FinishReason::length},
    Stop{"stop_sequence", FinishReason::stop_sequence},
    Stop{"content_filtered", FinishReason::content_filter},
    Stop{guardrail, FinishReason::content_filter},
    Stop{"malformed_model_output", FinishReason::fault},
    Stop{"malformed_tool_use", FinishReason::fault},
    Stop{"model_context_window_exceeded", FinishReason::context_full},
};

constexpr std::string_view envelope_in_base64 = "aGYxO";  // how "hf1:" begins

bool is_own(const Signature& signature) {
  return signature.house.empty() || signature.house == own_signer;
}

Signature named(Signature signature) {
  if (signature.house.empty()) signature.house = own_signer;
  return signature;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view media_type_of(BlockKind kind, std::string_view format) {
  for (const Format& each : formats)
    if (each.kind == kind && each.format == format) return each.media_type;
  return {};
}

std::string_view format_of(BlockKind kind, std::string_view media_type) {
  media_type = media_type.substr(0, media_type.find(';'));
  for (const Format& each : formats)
    if (each.kind == kind && each.media_type == media_type) return each.format;
  return {};
}

FinishReason finish_from(std::string_view stop_reason, std::string_view& explanation) {
  if (stop_reason == guardrail) explanation = guardrail;
  for (const Stop& each : stops)
    if (each.name == stop_reason) return each.finish;
  return FinishReason::stop;
}

std::string_view stop_reason_of(FinishReason finish, std::string_view explanation, bool calls) {
  if (finish == FinishReason::content_filter && explanation == guardrail) return guardrail;
  if (calls && (finish == FinishReason::stop || finish == FinishReason::none)) return "tool_use";
  for (const Stop& each : stops)
    if (each.finish == finish) return each.name;
  return "end_turn";
}

Usage read_usage(JsonValue usage) {
  const auto count = [usage](std::string_view name) { return usage[name].integer().value_or(-1); };
  Usage out;
  out.tokens_out = count("outputTokens");
  out.tokens_cached = count("cacheReadInputTokens");
  out.tokens_cache_written = count("cacheWriteInputTokens");
  out.tokens_in = count("inputTokens");
  constexpr std::int64_t plausible = std::int64_t{1} << 60U;
  for (std::int64_t* each :
       {&out.tokens_in, &out.tokens_out, &out.tokens_cached, &out.tokens_cache_written})
    if (*each < 0 || *each > plausible) *each = -1;
  if (out.tokens_in >= 0)  // theirs is what came from no cache
    out.tokens_in += std::max<std::int64_t>(out.tokens_cached, 0) +
                     std::max<std::int64_t>(out.tokens_cache_written, 0);
  return out;
}

void append_usage(std::string& out, const Usage& usage) {
  const auto known = [](std::int64_t count) { return std::max<std::int64_t>(count, 0); };
  const std::int64_t in =
      known(usage.tokens_in - known(usage.tokens_cached) - known(usage.tokens_cache_written));
  const std::int64_t total = known(usage.tokens_in) + known(usage.tokens_out);
  fmt::format_to(std::back_inserter(out),
                 R"({{"inputTokens":{},"outputTokens":{},"totalTokens":{})", in,
                 known(usage.tokens_out), total);
  if (usage.tokens_cached >= 0)
    fmt::format_to(std::back_inserter(out), R"(,"cacheReadInputTokens":{})", usage.tokens_cached);
  if (usage.tokens_cache_written >= 0)
    fmt::format_to(std::back_inserter(out), R"(,"cacheWriteInputTokens":{})",
                   usage.tokens_cache_written);
  if (usage.continuations > 0)
    fmt::format_to(std::back_inserter(out), R"(,"holdfastContinuations":{})", usage.continuations);
  out.push_back('}');
}

// Whatever looks like an envelope goes into one: its reader would take it apart otherwise.
std::string signature_for_client(const Signature& signature) {
  if (is_own(signature) && !unwrap_signature(signature.value)) return std::string(signature.value);
  return wrap_signature(named(signature));
}

std::string redacted_for_client(const Signature& signature) {
  // What SDKs decode has to be base64, whatever it was.
  if (is_own(signature) && alphabet_of(signature.value) == Base64Alphabet::standard &&
      !signature.value.starts_with(envelope_in_base64))
    return std::string(signature.value);
  std::string out;
  append_base64(out, wrap_signature(named(signature)));
  return out;
}

Signature signature_from_client(std::string_view text) {
  if (auto unwrapped = unwrap_signature(text)) return *unwrapped;
  return Signature{text, {}, {}};
}

Signature redacted_from_client(std::string_view base64, Arena& arena) {
  if (base64.starts_with(envelope_in_base64))
    if (auto decoded = decode_base64(base64))
      if (auto unwrapped = unwrap_signature(arena.keep(std::move(*decoded)))) return *unwrapped;
  return Signature{base64, {}, {}};
}

std::optional<ConversePath> read_path(std::string_view path) {
  constexpr std::string_view prefix = "/model/";
  const auto slash = path.rfind('/');
  if (!path.starts_with(prefix) || slash <= prefix.size()) return std::nullopt;
  const std::string_view verb = path.substr(slash + 1);
  ConversePath out;
  out.stream = verb == "converse-stream";
  if (!out.stream && verb != "converse") return std::nullopt;
  const std::string_view encoded = path.substr(prefix.size(), slash - prefix.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      out.model.push_back(encoded[i]);
      continue;
    }
    const int high = i + 2 < encoded.size() ? hex_value(encoded[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(encoded[i + 2]) : -1;
    if (low < 0) return std::nullopt;
    out.model.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string path_of(std::string_view model, bool stream) {
  std::string out = "/model/";
  for (const char c : model) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out.push_back(c);
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
  return out.append(stream ? "/converse-stream" : "/converse");
}

}  // namespace holdfast::dialect::bedrock
