#include "dialect/openai/media.h"

#include <algorithm>

#include "dialect/json_scan.h"
#include "dialect/openai/counter.h"
#include "net/http_head.h"

namespace holdfast::dialect::openai {
namespace {

using records::bit;
using records::Feature;

enum Place : JsonTag {
  m_error = 1,
  m_type,
  m_delta,
  m_audio,
  m_image,
  m_text,
  m_data,
  m_results,
  m_usage,
  m_in,
  m_out,
  m_in_details,
  m_cached,
  m_wrapped,
};

// Hears the parts of answers and events that decide; other members pass unseen.
class MediaVisitor final : public JsonVisitor {
 public:
  explicit MediaVisitor(std::string_view text) : text_(text) {}

  JsonTag member(JsonTag parent, std::string_view key) override {
    switch (parent) {
      case root_tag:
        return root_member(key);
      case m_wrapped:
        return key == "error" ? m_error : no_tag;
      case m_usage:
        if (key == "input_tokens") return m_in;
        if (key == "output_tokens") return m_out;
        return key == "input_tokens_details" ? m_in_details : no_tag;
      case m_in_details:
        return key == "cached_tokens" ? m_cached : no_tag;
      default:
        return no_tag;
    }
  }

  // Some proxies put an array around an error.
  JsonTag element(JsonTag parent) override { return parent == root_tag ? m_wrapped : no_tag; }

  void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) override {
    const bool filled = kind == JsonKind::string && end - begin > 2;
    switch (tag) {
      case root_tag:
        is_object = kind == JsonKind::object;
        break;
      case m_error:
        error = kind != JsonKind::null;
        error_object = kind == JsonKind::object;
        break;
      case m_type:
        if (kind == JsonKind::string) type = text_.substr(begin + 1, end - begin - 2);
        break;
      case m_delta:
      case m_audio:
      case m_image:
        content = content || filled;
        break;
      case m_text:
        has_text = kind == JsonKind::string;
        content = content || filled;
        break;
      case m_data:
        has_data = kind == JsonKind::array;
        break;
      case m_results:
        has_results = kind == JsonKind::array;
        break;
      case m_in:
        read_counter(text_.substr(begin, end - begin), usage.tokens_in);
        break;
      case m_out:
        read_counter(text_.substr(begin, end - begin), usage.tokens_out);
        break;
      case m_cached:
        read_counter(text_.substr(begin, end - begin), usage.tokens_cached);
        break;
      default:
        break;
    }
  }

  bool is_object = false, error = false, error_object = false, content = false;
  bool has_text = false, has_data = false, has_results = false;
  std::string_view type;  // of an event
  Usage usage;

 private:
  static JsonTag root_member(std::string_view key) {
    struct Member {
      std::string_view name;
      Place place;
    };
    constexpr Member members[] = {{"error", m_error}, {"type", m_type},       {"delta", m_delta},
                                  {"audio", m_audio}, {"b64_json", m_image},  {"text", m_text},
                                  {"data", m_data},   {"results", m_results}, {"usage", m_usage}};
    const auto* const found = std::ranges::find(members, key, &Member::name);
    return found == std::end(members) ? JsonTag(no_tag) : JsonTag(found->place);
  }

  std::string_view text_;
};

constexpr JsonScanOptions lenient{.allow_lone_surrogates = true};

bool begins_as(std::string_view content_type, std::string_view name) {
  return net::same_name(content_type.substr(0, name.size()), name);
}

// The member without which an answer is none.
std::string_view missing_member(Endpoint endpoint, const MediaVisitor& answer) {
  switch (endpoint) {
    case Endpoint::moderations:
      return answer.has_results ? "" : "results";
    case Endpoint::images_generations:
    case Endpoint::images_edits:
    case Endpoint::images_variations:
      return answer.has_data ? "" : "data";
    case Endpoint::audio_transcriptions:
    case Endpoint::audio_translations:
      return answer.has_text ? "" : "text";
    default:
      return "";
  }
}

}  // namespace

bool is_media(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::moderations:
    case Endpoint::images_generations:
    case Endpoint::images_edits:
    case Endpoint::images_variations:
    case Endpoint::audio_speech:
    case Endpoint::audio_transcriptions:
    case Endpoint::audio_translations:
      return true;
    default:
      return false;
  }
}

// OpenAI's specification, read 2026-11.
std::string_view usual_model(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::moderations:
      return "omni-moderation-latest";
    case Endpoint::images_generations:
    case Endpoint::images_variations:
      return "dall-e-2";
    case Endpoint::images_edits:
      return "gpt-image-1.5";
    default:
      return {};
  }
}

std::uint32_t media_features(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::images_generations:
    case Endpoint::images_edits:
    case Endpoint::images_variations:
      return bit(Feature::images);
    case Endpoint::audio_speech:
    case Endpoint::audio_transcriptions:
    case Endpoint::audio_translations:
      return bit(Feature::audio);
    default:
      return 0;
  }
}

AnswerFacts scan_media_answer(Endpoint endpoint, std::string_view body) {
  MediaVisitor answer(body);
  if (const auto scanned = scan_json(body, answer, lenient); !scanned)
    return {FailureClass::malformed_body, "the answer is not JSON: " + scanned.error().message, {}};
  if (answer.error) return {FailureClass::error_in_body, "status 200 with an error object", {}};
  if (!answer.is_object) return {FailureClass::malformed_body, "the answer is not an object", {}};
  const std::string_view missing = missing_member(endpoint, answer);
  if (!missing.empty())
    return {FailureClass::malformed_body, "the answer has no " + std::string(missing), {}};
  return {FailureClass::none, {}, answer.usage};
}

AnswerFacts scan_transcript(std::string_view content_type, std::string_view body) {
  if (begins_as(content_type, "text/html"))
    return {FailureClass::malformed_body, "a page instead of a transcript", {}};
  if (!begins_as(content_type, "application/json")) return {};
  MediaVisitor answer(body);
  if (const auto scanned = scan_json(body, answer, lenient); !scanned)
    return {FailureClass::malformed_body, "the answer is not JSON: " + scanned.error().message, {}};
  if (answer.error) return {FailureClass::error_in_body, "status 200 with an error object", {}};
  return {FailureClass::none, {}, answer.usage};
}

std::string_view not_sound(std::string_view content_type) {
  for (const std::string_view name : {"text/", "application/json", "application/xml"})
    if (begins_as(content_type, name)) return "the answer is text and no sound";
  return {};
}

Sight scan_media_event(std::string_view data) {
  Sight sight;
  if (data.starts_with("[DONE]")) {
    sight.done = true;
    return sight;
  }
  MediaVisitor event(data);
  if (const auto scanned = scan_json(data, event, lenient);
      !scanned || !(event.is_object || event.error)) {
    sight.malformed = true;
    return sight;
  }
  sight.error = event.error;
  sight.error_object = event.error_object && event.is_object;
  sight.finish =
      !event.error && (event.type.ends_with(".done") || event.type.ends_with(".completed"));
  sight.content = !event.error && (event.content || sight.finish);
  sight.usage = event.usage;
  return sight;
}

}  // namespace holdfast::dialect::openai
