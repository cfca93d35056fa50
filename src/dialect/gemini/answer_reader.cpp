#include <fmt/format.h>

#include <algorithm>

#include "dialect/base64.h"
#include "dialect/gemini/answer_codec.h"
#include "dialect/gemini/grounding.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

class AnswerReader {
 public:
  AnswerReader(string_view body, Response& out) : body_(body), out_(out) {}

  void read(JsonValue root) {
    out_.id = root["responseId"].text(out_.arena);
    out_.model = root["modelVersion"].text(out_.arena);
    out_.created_s = seconds_of(root["createTime"].text(out_.arena));
    const JsonValue usage = root["usageMetadata"];
    out_.usage = read_usage(usage);
    out_.service_tier = tier_from(usage["serviceTier"].text(out_.arena));
    for (const JsonValue candidate : root["candidates"].elements()) read_candidate(candidate);
    const JsonValue feedback = root["promptFeedback"];
    if (!feedback.is_object()) return;
    keep("promptFeedback", feedback);
    if (out_.choices.empty() && feedback["blockReason"].is_string()) read_blocked(feedback);
  }

 private:
  void keep(std::string name, JsonValue value) {
    out_.extras.push_back({Dialect::gemini, out_.arena.keep(std::move(name)), value.raw(), true});
  }

  // No candidates: the prompt was refused.
  void read_blocked(JsonValue feedback) {
    Choice choice;
    choice.finish = FinishReason::content_filter;
    choice.explanation = out_.arena.keep(
        fmt::format("the prompt was blocked: {}", feedback["blockReason"].text(out_.arena)));
    const string_view message = feedback["blockReasonMessage"].text(out_.arena);
    if (!message.empty()) choice.explanation = message;
    out_.choices.push_back(std::move(choice));
  }

  void read_candidate(JsonValue candidate) {
    Choice choice;
    choice.index =
        candidate["index"].integer().value_or(static_cast<std::int64_t>(out_.choices.size()));
    std::vector<int> of_part;  // the block of each part
    for (const JsonValue part : candidate["content"]["parts"].elements()) {
      const auto before = static_cast<int>(choice.content.size());
      read_part(part, choice);
      of_part.push_back(static_cast<int>(choice.content.size()) > before ? before : -1);
    }
    attach_grounding(
        read_grounding(candidate["groundingMetadata"], candidate["citationMetadata"], out_.arena),
        of_part, choice.content);
    const Finish finish = read_finish(candidate["finishReason"].text(out_.arena),
                                      candidate["finishMessage"].text(out_.arena), out_.arena);
    choice.finish = finish.reason == FinishReason::none ? FinishReason::stop : finish.reason;
    choice.explanation = finish.explanation;
    const bool calls = std::ranges::any_of(
        choice.content, [](const Block& block) { return block.kind == BlockKind::tool_call; });
    if (calls && choice.finish == FinishReason::stop) choice.finish = FinishReason::tool_calls;
    choice.logprobs = read_logprobs(candidate["logprobsResult"], out_.arena);
    for (const string_view name :
         {"safetyRatings", "citationMetadata", "groundingMetadata", "urlContextMetadata"})
      if (const JsonValue value = candidate[name])
        keep(fmt::format("candidates[{}].{}", out_.choices.size(), name), value);
    out_.choices.push_back(std::move(choice));
  }

  void read_part(JsonValue part, Choice& choice) {
    const AnswerPart read = read_answer_part(part, out_.arena);
    Block block;
    block.signature.value = read.signature;
    if (!read.signature.empty()) block.signature.house = house;
    if (read.native) {
      block.kind = BlockKind::native;
      block.extra = {Dialect::gemini, read.native_name, read.native.raw(), false};
      block.signature = {};
    } else if (read.call) {
      block.kind = BlockKind::tool_call;
      block.name = read.call["name"].text(out_.arena);
      block.id = read.call["id"].text(out_.arena);
      if (block.id.empty()) block.id = out_.arena.keep(made_call_id(out_.id, body_, calls_));
      ++calls_;
      block.arguments = read.call["args"].is_object() ? read.call["args"].raw() : "{}";
    } else if (read.inline_data) {
      string_view data = read.inline_data["data"].text(out_.arena);
      const Base64Alphabet alphabet = alphabet_of(data);
      if (alphabet == Base64Alphabet::none) return;
      if (alphabet == Base64Alphabet::other) data = out_.arena.keep(standard_base64(data));
      const string_view type = read.inline_data["mimeType"].text(out_.arena);
      block.kind = kind_of_media(type);
      block.name = read.inline_data["displayName"].text(out_.arena);
      block.media = {Media::From::base64, data, type};
    } else if (read.file_data) {
      const string_view address = read.file_data["fileUri"].text(out_.arena);
      const string_view type = read.file_data["mimeType"].text(out_.arena);
      block.kind = kind_of_media(type, address);
      block.name = read.file_data["displayName"].text(out_.arena);
      block.media = {is_file_of_google(address) ? Media::From::file_id : Media::From::url, address,
                     type};
    } else {
      block.text = read.text.text(out_.arena);
      if (read.thought) block.kind = read.text ? BlockKind::thinking : BlockKind::redacted_thinking;
      if (block.text.empty() && block.signature.value.empty()) return;
    }
    choice.content.push_back(std::move(block));
  }

  string_view body_;
  Response& out_;
  std::size_t calls_ = 0;
};

}  // namespace

std::string made_call_id(string_view answer_id, string_view salt, std::size_t number) {
  std::string id = "call_";
  for (const char c : answer_id.substr(0, 40)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    id.push_back(plain ? c : '_');
  }
  if (answer_id.empty()) {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
    for (const char c : salt) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    id += fmt::format("{:016x}", hash);
  }
  return id + fmt::format("_{}", number);
}

bool is_object(string_view arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == string_view::npos) return true;
  JsonDocument document;
  JsonScanOptions options;
  options.allow_lone_surrogates = true;
  return document.parse(arguments, options) && document.root().is_object();
}

Result<Response> read_answer(string_view body) {
  JsonDocument document;
  JsonScanOptions options;
  options.allow_lone_surrogates = true;
  if (const auto parsed = document.parse(body, options); !parsed)
    return fail(
        ErrorCode::malformed_response,
        fmt::format("not JSON: {} at byte {}", parsed.error().message, parsed.error().offset));
  JsonValue root = document.root();
  if (root.is_array() && root.size() == 1) root = *root.elements().begin();
  if (!root.is_object()) return fail(ErrorCode::malformed_response, "not an object");
  Response out;
  if (const JsonValue error = root["error"]; error && !error.is_null())
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("an error in the answer: {}", error["message"].text(out.arena)));
  AnswerReader(body, out).read(root);
  if (out.choices.empty())
    return fail(ErrorCode::malformed_response, "neither candidates nor promptFeedback");
  return out;
}

}  // namespace holdfast::dialect::gemini
