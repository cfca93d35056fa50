#include "dialect/gemini/wire.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "dialect/base64.h"
#include "dialect/codec.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

// The first of each canonical reason is the one that is written.
constexpr std::array<std::pair<string_view, FinishReason>, 23> reasons = {{
    {"STOP", FinishReason::stop},
    {"MAX_TOKENS", FinishReason::length},
    {"SAFETY", FinishReason::content_filter},
    {"RECITATION", FinishReason::content_filter},
    {"BLOCKLIST", FinishReason::content_filter},
    {"PROHIBITED_CONTENT", FinishReason::content_filter},
    {"SPII", FinishReason::content_filter},
    {"IMAGE_SAFETY", FinishReason::content_filter},
    {"IMAGE_PROHIBITED_CONTENT", FinishReason::content_filter},
    {"IMAGE_RECITATION", FinishReason::content_filter},
    {"IMAGE_OTHER", FinishReason::content_filter},
    {"MODEL_ARMOR", FinishReason::content_filter},
    {"CONTINUATION", FinishReason::paused},
    {"OTHER", FinishReason::fault},
    {"LANGUAGE", FinishReason::fault},
    {"NO_IMAGE", FinishReason::fault},
    {"MALFORMED_FUNCTION_CALL", FinishReason::fault},
    {"UNEXPECTED_TOOL_CALL", FinishReason::fault},
    {"TOO_MANY_TOOL_CALLS", FinishReason::fault},
    {"MISSING_THOUGHT_SIGNATURE", FinishReason::fault},
    {"MALFORMED_RESPONSE", FinishReason::fault},
    {"ESCALATION", FinishReason::fault},
    {"FINISH_REASON_UNSPECIFIED", FinishReason::none},
}};

string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::none:
      return {};
    case FinishReason::stop:
    case FinishReason::stop_sequence:
    case FinishReason::tool_calls:
      return "STOP";
    case FinishReason::length:
    case FinishReason::context_full:
      return "MAX_TOKENS";
    case FinishReason::content_filter:
      return "SAFETY";
    case FinishReason::paused:
      return "CONTINUATION";
    case FinishReason::fault:
      return "OTHER";
  }
  return {};
}

// The envelope's mark as the beginning of base64: "hf1:" is four bytes, five digits and a bit.
constexpr string_view wrapped_mark = "aGYxO";

std::int64_t count_of(JsonValue value) {
  const auto found = value.integer();
  return found && *found >= 0 ? *found : -1;
}

std::int64_t sum(std::int64_t a, std::int64_t b) {
  return a < 0 ? b : a + std::max<std::int64_t>(b, 0);
}

}  // namespace

Finish read_finish(string_view reason, string_view message, Arena& arena) {
  Finish out{reason.empty() ? FinishReason::none : FinishReason::fault, message};
  for (const auto& [name, canonical] : reasons)
    if (name == reason) out.reason = canonical;
  const bool told = out.reason == FinishReason::content_filter || out.reason == FinishReason::fault;
  if (!told || reason == name_of(out.reason)) return out;
  out.explanation = message.empty() ? reason : arena.keep(fmt::format("{}: {}", reason, message));
  return out;
}

void write_finish(JsonWriter& json, const Finish& finish) {
  string_view name = name_of(finish.reason), message = finish.explanation;
  const string_view first = message.substr(0, message.find(':'));
  for (const auto& [reason, canonical] : reasons) {
    if (canonical != finish.reason || reason != first) continue;
    name = reason;
    message.remove_prefix(std::min(message.size(), first.size() + 2));
  }
  json.text_field("finishReason", name);
  json.text_field("finishMessage", message);
}

Usage read_usage(JsonValue metadata) {
  Usage out;
  if (!metadata.is_object()) return out;
  const std::int64_t prompt = count_of(metadata["promptTokenCount"]);
  const std::int64_t answer = count_of(metadata["candidatesTokenCount"]);
  out.tokens_in = sum(prompt, count_of(metadata["toolUsePromptTokenCount"]));
  out.tokens_cached = count_of(metadata["cachedContentTokenCount"]);
  out.tokens_reasoning = count_of(metadata["thoughtsTokenCount"]);
  out.tokens_out = sum(answer, out.tokens_reasoning);
  // Counts of nothing are left out on the wire.
  if (out.tokens_out < 0 && out.tokens_in >= 0) out.tokens_out = 0;
  return out;
}

void write_usage(JsonWriter& json, const Usage& usage) {
  if (!usage.given()) return;
  const auto count = [&json](string_view name, std::int64_t value) {
    if (value >= 0) json.field(name, value);
  };
  const std::int64_t reasoning = std::max<std::int64_t>(usage.tokens_reasoning, 0);
  json.key("usageMetadata").begin_object();
  count("promptTokenCount", usage.tokens_in);
  count("cachedContentTokenCount", usage.tokens_cached);
  if (usage.tokens_out >= 0)
    count("candidatesTokenCount", std::max<std::int64_t>(usage.tokens_out - reasoning, 0));
  count("thoughtsTokenCount", usage.tokens_reasoning);
  count("totalTokenCount", sum(usage.tokens_in, usage.tokens_out));
  if (usage.continuations > 0)
    json.field("holdfastContinuations", std::int64_t{usage.continuations});
  json.end_object();
}

string_view tier_from(string_view google) {
  if (google == "standard" || google == "STANDARD") return "default";
  if (google == "flex" || google == "FLEX") return "flex";
  if (google == "priority" || google == "PRIORITY") return "priority";
  return google == "unspecified" ? "auto" : string_view();
}

string_view tier_name(string_view canonical) {
  if (canonical == "default") return "standard";
  if (canonical == "flex" || canonical == "priority") return canonical;
  return canonical == "auto" ? "unspecified" : string_view();
}

Signature read_signature(string_view thought_signature, Arena& arena) {
  if (thought_signature == no_signature) return {};
  Signature own{thought_signature, {}, {}};
  if (!thought_signature.starts_with(wrapped_mark)) return own;
  auto envelope = decode_base64(thought_signature);
  if (!envelope) return own;
  return unwrap_signature(arena.keep(std::move(*envelope))).value_or(own);
}

std::string client_signature(const Signature& signature) {
  if (signature.house.empty() || signature.house == house) return std::string(signature.value);
  std::string out;
  append_base64(out, wrap_signature(signature));
  return out;
}

BlockKind kind_of_media(string_view media_type, string_view address) {
  if (media_type.empty()) media_type = type_of_address(address);
  if (media_type.starts_with("image/")) return BlockKind::image;
  if (media_type.starts_with("audio/")) return BlockKind::audio;
  return media_type.starts_with("video/") ? BlockKind::video : BlockKind::document;
}

string_view sniffed_type(string_view base64) {
  constexpr std::pair<string_view, string_view> beginnings[] = {
      {"iVBOR", "image/png"},  {"/9j/", "image/jpeg"},       {"R0lGOD", "image/gif"},
      {"UklGR", "image/webp"}, {"JVBER", "application/pdf"},
  };
  for (const auto& [beginning, type] : beginnings)
    if (base64.starts_with(beginning)) return type;
  return {};
}

string_view type_of_address(string_view address) {
  if (address.starts_with("https://www.youtube.com/") || address.starts_with("https://youtu.be/"))
    return "video/mp4";
  address = address.substr(0, address.find_first_of("?#"));
  constexpr std::pair<string_view, string_view> endings[] = {
      {".png", "image/png"},   {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
      {".webp", "image/webp"}, {".gif", "image/gif"},  {".pdf", "application/pdf"},
      {".txt", "text/plain"},  {".mp3", "audio/mpeg"}, {".wav", "audio/wav"},
      {".mp4", "video/mp4"},
  };
  for (const auto& [ending, type] : endings)
    if (address.ends_with(ending)) return type;
  return {};
}

bool is_file_of_google(string_view address) {
  return !address.starts_with("https://") || address.contains(".googleapis.com/");
}

std::int64_t seconds_of(string_view time) {
  const auto number = [&time](std::size_t at, std::size_t digits) {
    int out = -1;
    if (time.size() < at + digits) return out;
    const char* begin = time.data() + at;
    const auto [end, problem] = std::from_chars(begin, begin + digits, out);
    return problem == std::errc() && end == begin + digits ? out : -1;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return 0;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return 0;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((std::int64_t{days} * 24 + hour) * 60 + minute) * 60 + second;
}

std::string time_of(std::int64_t seconds) {
  const std::int64_t days = seconds / 86'400, rest = seconds % 86'400;
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     rest / 3600, rest / 60 % 60, rest % 60);
}

AnswerPart read_answer_part(JsonValue part, Arena& arena) {
  AnswerPart out;
  for (const auto& [key, value] : part.members()) {
    const string_view quoted = key.raw();
    const string_view name = quoted.substr(1, quoted.size() - 2);
    if (name == "text" && value.is_string()) {
      out.text = value;
    } else if (name == "thought") {
      out.thought = value.boolean().value_or(false);
    } else if (name == "thoughtSignature") {
      out.signature = value.text(arena);
    } else if (name == "functionCall" && value.is_object()) {
      out.call = value;
    } else if (name == "inlineData" && value.is_object()) {
      out.inline_data = value;
    } else if (name == "fileData" && value.is_object()) {
      out.file_data = value;
    } else if (name == "executableCode" || name == "codeExecutionResult" || name == "toolCall" ||
               name == "toolResponse") {
      out.native = part;
      out.native_name = name;
    }
  }
  return out;
}

}  // namespace holdfast::dialect::gemini
