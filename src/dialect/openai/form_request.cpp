#include "dialect/openai/form_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "dialect/json_scan.h"
#include "dialect/multipart.h"
#include "dialect/openai/media.h"

namespace holdfast::dialect::openai {
namespace {

using records::bit;
using records::Feature;
constexpr std::size_t longest_value = 256;  // of a field by which the gateway decides
constexpr int most_answers = 128;

// Fields of which there is one at most.
constexpr std::string_view single_fields[] = {"model",  "stream", "response_format",
                                              "prompt", "n",      "file"};

std::unexpected<RequestProblem> refuse(std::string message, std::string_view field,
                                       std::string_view code = "invalid_value") {
  return std::unexpected(
      RequestProblem{400, std::move(message), std::string(code), std::string(field)});
}

// "image" and "image[0]" are of the field "image".
std::string_view stem_of(std::string_view name) { return name.substr(0, name.find('[')); }

class FormReader {
 public:
  FormReader(ScannedRequest& out, std::span<const FormPart> parts) : out_(out), parts_(parts) {}

  std::expected<void, RequestProblem> read(std::string_view path_model) {
    for (const FormPart& part : parts_)
      if (auto checked = check(part); !checked) return checked;
    auto model = value_of("model");
    if (!model) return std::unexpected(std::move(model).error());
    if (!path_model.empty())
      out_.model = path_model;
    else
      out_.model = *model ? std::string(**model) : std::string(usual_model(out_.endpoint));
    if (*model && (*model)->empty()) return refuse("model must not be empty", "model");
    if (out_.model.empty()) return missing("model");
    if (const FormPart* part = find("model")) out_.model_at = {part->begin, part->end};
    if (auto read = read_stream(); !read) return read;
    if (auto read = read_format(); !read) return read;
    if (auto read = read_count(); !read) return read;
    return read_needed();
  }

 private:
  std::expected<void, RequestProblem> check(const FormPart& part) {
    const std::string_view stem = stem_of(part.name);
    if (redirects_call(stem))
      return refuse(fmt::format("{} is not accepted: where a request goes is decided by this "
                                "gateway's configuration alone",
                                stem),
                    stem, "unsupported_parameter");
    if (part.name == "_charset_")
      return refuse("_charset_ is not accepted: a form is in UTF-8", "_charset_",
                    "unsupported_parameter");
    // A list of one is one to some readers, and none to others.
    const bool single = std::ranges::find(single_fields, stem) != std::end(single_fields);
    if (single && stem != part.name)
      return refuse(fmt::format("{} is one value and no list", stem), stem, "invalid_type");
    if (single && find(part.name) != &part)
      return refuse(fmt::format("{} is given twice", stem), stem, "duplicate_field");
    return {};
  }

  const FormPart* find(std::string_view name) const {
    const auto found = std::ranges::find(parts_, name, &FormPart::name);
    return found == parts_.end() ? nullptr : &*found;
  }

  // The field as text by which something is decided; nothing when it is not there.
  std::expected<std::optional<std::string_view>, RequestProblem> value_of(std::string_view name) {
    const FormPart* part = find(name);
    if (part == nullptr) return std::nullopt;
    const std::string_view text = part->value;
    const bool control = std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (part->is_file || !part->plain || control || text.size() > longest_value ||
        valid_utf8(text) != text)
      return refuse(fmt::format("{} must be a short text in UTF-8", name), name, "invalid_type");
    return text;
  }

  std::expected<void, RequestProblem> read_stream() {
    auto stream = value_of("stream");
    if (!stream) return std::unexpected(std::move(stream).error());
    const std::string_view text = stream->value_or("false");
    const bool yes = text == "true" || text == "True" || text == "1";
    if (!yes && text != "false" && text != "False" && text != "0" && !text.empty())
      return refuse("stream must be true or false", "stream", "invalid_type");
    out_.stream = yes && out_.endpoint != Endpoint::images_variations &&
                  out_.endpoint != Endpoint::audio_translations;
    if (out_.stream) out_.features |= bit(Feature::stream);
    out_.features |= media_features(out_.endpoint);
    return {};
  }

  std::expected<void, RequestProblem> read_format() {
    auto format = value_of("response_format");
    if (!format) return std::unexpected(std::move(format).error());
    for (const std::string_view text : {"text", "srt", "vtt"})
      if (*format == text && is_transcript()) out_.answers = AnswerForm::text;
    return {};
  }

  std::expected<void, RequestProblem> read_count() {
    auto count = value_of("n");
    if (!count) return std::unexpected(std::move(count).error());
    if (!*count) return {};
    int number = 0;
    const std::string_view text = **count;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 1 ||
        number > most_answers)
      return refuse(fmt::format("n must be an integer from 1 to {}", most_answers), "n");
    if (number > 1) out_.features |= bit(Feature::n_many);
    return {};
  }

  std::expected<void, RequestProblem> read_needed() {
    const std::string_view wanted = is_transcript() ? "file" : "image";
    const auto found = std::ranges::find_if(parts_, [wanted](const FormPart& part) {
      return part.is_file && stem_of(part.name) == wanted;
    });
    if (found == parts_.end()) return missing(wanted);
    if (out_.endpoint == Endpoint::images_edits && find("prompt") == nullptr)
      return missing("prompt");
    return {};
  }

  bool is_transcript() const {
    return out_.endpoint == Endpoint::audio_transcriptions ||
           out_.endpoint == Endpoint::audio_translations;
  }
  static std::unexpected<RequestProblem> missing(std::string_view field) {
    return refuse(fmt::format("missing required parameter: '{}'", field), field,
                  "missing_required_parameter");
  }

  ScannedRequest& out_;
  std::span<const FormPart> parts_;
};

}  // namespace

std::expected<ScannedRequest, RequestProblem> scan_form(Endpoint endpoint, std::string_view body,
                                                        std::string_view boundary,
                                                        std::string_view path_model) {
  const auto parts = read_form(body, boundary);
  if (!parts) return std::unexpected(parts.error());
  ScannedRequest out;
  out.body = body;
  out.endpoint = endpoint;
  out.boundary = boundary;
  if (auto read = FormReader(out, *parts).read(path_model); !read)
    return std::unexpected(std::move(read).error());
  return out;
}

}  // namespace holdfast::dialect::openai
