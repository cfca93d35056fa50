// A whole answer of an upstream.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/citation.h"
#include "dialect/openai/annotations.h"
#include "dialect/openai/chat_errors.h"
#include "dialect/openai/chat_wire.h"
#include "dialect/openai/codec.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

class AnswerReader {
 public:
  AnswerReader(const Deviations& deviations, Response& out)
      : d_(deviations), out_(out), arena_(out.arena) {}

  void read(JsonValue root) {
    Usage groq;
    JsonValue citations, search_results;
    for (const auto& [key, value] : root.members()) {
      const string_view name = key.text(arena_);
      if (name == "id") {
        out_.id = value.text(arena_);
      } else if (name == "model") {
        out_.model = value.text(arena_);
      } else if (name == "created") {
        out_.created_s = value.integer().value_or(0);
      } else if (name == "choices") {
        for (const JsonValue choice : value.elements()) read_choice(choice);
      } else if (name == "usage") {
        out_.usage = read_usage(value, d_);
      } else if (name == "x_groq") {
        groq = read_usage(value["usage"], d_);
      } else if (name == "service_tier") {
        out_.service_tier = value.text(arena_);
      } else if (name != "object" && !value.is_null()) {
        out_.extras.push_back({Dialect::openai, name, value.raw(), true});
        if (name == "citations") citations = value;
        if (name == "search_results") search_results = value;
      }
    }
    if (!out_.usage.given()) out_.usage = groq;
    std::vector<Citation> sources;
    read_sources(citations, search_results, arena_, sources);
    if (sources.empty()) return;
    for (Choice& choice : out_.choices)
      if (!is_cited(choice))
        for (const Citation& each : sources) attach(each, choice.content);
  }

 private:
  static bool is_cited(const Choice& choice) {
    return std::ranges::any_of(choice.content,
                               [](const Block& block) { return !block.citations.empty(); });
  }

  void read_choice(JsonValue value) {
    Choice& out = out_.choices.emplace_back();
    out.index =
        value["index"].integer().value_or(static_cast<std::int64_t>(out_.choices.size()) - 1);
    const JsonValue logprobs = value["logprobs"];
    if (logprobs.is_object()) out.logprobs = logprobs.raw();
    out.finish = finish_from(value["finish_reason"].text(arena_));
    read_message(value["message"], out);
    bool calls = false;
    for (const Block& block : out.content) calls = calls || block.kind == BlockKind::tool_call;
    if (calls && out.finish == FinishReason::stop) out.finish = FinishReason::tool_calls;
    // vLLM and SGLang say which string it was.
    for (const string_view name : {"stop_reason", "matched_stop"}) {
      const JsonValue stop = value[name];
      if (!stop.is_string() || out.finish != FinishReason::stop) continue;
      out.finish = FinishReason::stop_sequence;
      out.stop_sequence = stop.text(arena_);
    }
  }

  void read_message(JsonValue message, Choice& out) {
    const string_view content_text = message["reasoning_content"].text(arena_);
    const string_view short_text = message["reasoning"].text(arena_);
    read_thoughts(message["reasoning_details"], content_text.empty() ? short_text : content_text,
                  d_.house, arena_, out.content);
    read_content(message["content"], out);
    if (const string_view refusal = message["refusal"].text(arena_); !refusal.empty())
      add(out, BlockKind::refusal).text = refusal;
    for (const JsonValue each : message["annotations"].elements())
      attach(read_annotation(each, arena_), out.content);
    for (const JsonValue image : message["images"].elements()) {
      const auto url = read_data_url(image["image_url"]["url"].text(arena_));
      if (url)
        add(out, BlockKind::image).media = {Media::From::base64, url->base64, url->media_type};
    }
    if (const JsonValue audio = message["audio"]; audio.is_object())
      add(out, BlockKind::native).extra = {Dialect::openai, "audio", audio.raw()};
    for (const JsonValue call : message["tool_calls"].elements()) read_call(call, out);
  }

  static Block& add(Choice& out, BlockKind kind) {
    Block& block = out.content.emplace_back();
    block.kind = kind;
    return block;
  }

  void read_content(JsonValue content, Choice& out) {
    if (const string_view text = content.text(arena_); !text.empty())
      add(out, BlockKind::text).text = text;
    for (const JsonValue part : content.elements()) {  // Mistral
      if (part["type"].text_is("text")) {
        add(out, BlockKind::text).text = part["text"].text(arena_);
      } else if (part["type"].text_is("thinking")) {
        std::string text;
        for (const JsonValue piece : part["thinking"].elements())
          text.append(piece["text"].text(arena_));
        Block& block = add(out, BlockKind::thinking);
        block.text = arena_.keep(std::move(text));
        if (const string_view signature = part["signature"].text(arena_); !signature.empty())
          block.signature = {signature, d_.house, {}};
      } else if (std::vector<Citation> found; is_reference(part, found)) {
        if (out.content.empty() || out.content.back().kind != BlockKind::text) continue;
        std::vector<Citation>& known = out.content.back().citations;
        known.insert(known.end(), found.begin(), found.end());
      } else {
        add(out, BlockKind::native).extra = {Dialect::openai, "content", part.raw()};
      }
    }
  }

  // Of the text before it, in `found`.
  bool is_reference(JsonValue part, std::vector<Citation>& found) {
    read_reference(part, arena_, found);
    return !found.empty();
  }

  void read_call(JsonValue call, Choice& out) {
    const JsonValue type = call["type"];
    if (type.is_string() && !type.text_is("function") && !call["function"]) {
      add(out, BlockKind::native).extra = {Dialect::openai, "tool_calls", call.raw()};
      return;
    }
    Block& block = add(out, BlockKind::tool_call);
    const JsonValue function = call["function"], arguments = function["arguments"];
    block.name = function["name"].text(arena_);
    block.arguments = arguments.is_object() ? arguments.raw() : arguments.text(arena_);
    block.id = call["id"].text(arena_);
    if (block.id.empty()) block.id = arena_.keep(fmt::format("call_{}_{}", out.index, calls_));
    ++calls_;
    const JsonValue signature = call["extra_content"]["google"]["thought_signature"];
    if (signature) block.signature = signature_of_client(signature.text(arena_), "google");
  }

  const Deviations& d_;
  Response& out_;
  Arena& arena_;
  std::size_t calls_ = 0;
};

// An error within a choice, as OpenRouter has it.
JsonValue error_of_choices(JsonValue choices) {
  for (const JsonValue choice : choices.elements())
    if (const JsonValue error = choice["error"]; error && !error.is_null()) return error;
  return {};
}

}  // namespace

Result<Response> ChatCodec::read_answer(string_view body) const {
  JsonDocument document;
  if (const auto parsed = document.parse(body, {.allow_lone_surrogates = true}); !parsed)
    return fail(ErrorCode::malformed_response, "the answer is not JSON: " + parsed.error().message);
  const JsonValue root = document.root(), choices = root["choices"];
  Response out;
  WireError error = read_wire_error(root, out.arena);
  if (!error.found) error = read_wire_error_object(error_of_choices(choices), out.arena);
  if (error.found)
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("status 200 with an error: {}", error.message));
  if (!choices.is_array() || choices.size() == 0)
    return fail(ErrorCode::malformed_response,
                root.is_object() ? "the answer has no choices" : "the answer is not an object");
  AnswerReader(deviations_, out).read(root);
  return out;
}

}  // namespace holdfast::dialect::openai
