#include "dialect/openai_responses/answer_reader.h"

#include <fmt/format.h>

#include "dialect/openai_responses/annotations.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/items.h"

namespace holdfast::dialect::openai_responses {
namespace {

constexpr Dialect own = Dialect::openai_responses;

std::int64_t count_of(JsonValue value) {
  const auto count = value.integer();
  return count && *count >= 0 ? *count : -1;
}

class OutputReader {
 public:
  explicit OutputReader(Response& out) : out_(out), arena_(out.arena) {}

  void read(JsonValue output) {
    Choice& choice = out_.choices.emplace_back();
    std::size_t index = 0;
    for (const JsonValue item : output.elements()) read(item, index++, choice.content);
    if (!logprobs_.empty())
      choice.logprobs = arena_.keep(fmt::format(R"({{"content":[{}]}})", logprobs_));
  }
  bool called() const { return called_; }

 private:
  void read(JsonValue item, std::size_t index, std::vector<Block>& into) {
    const JsonValue type = item["type"];
    if (type.text_is("message")) {
      std::size_t part = 0;
      for (const JsonValue each : item["content"].elements())
        read_part(each, fmt::format("output[{}].content[{}]", index, part++), into);
      return;
    }
    Block block;
    if (type.text_is("function_call")) {
      block.kind = BlockKind::tool_call;
      block.id = item["call_id"].text(arena_);
      block.name = item["name"].text(arena_);
      block.arguments = item["arguments"].text(arena_);
      called_ = true;
    } else if (type.text_is("reasoning")) {
      block.text = thoughts_of(item, arena_);
      block.signature = {item["encrypted_content"].text(arena_), {}, item["id"].text(arena_)};
      if (block.text.empty() && block.signature.value.empty()) return;  // nothing to be told
      block.kind = block.text.empty() ? BlockKind::redacted_thinking : BlockKind::thinking;
    } else {
      block.kind = BlockKind::native;
      block.extra = {own, arena_.keep(fmt::format("output[{}]", index)), item.raw(), false};
    }
    into.push_back(block);
  }

  void read_part(JsonValue part, std::string place, std::vector<Block>& into) {
    Block block;
    const JsonValue type = part["type"];
    if (type.text_is("output_text")) {
      block.text = part["text"].text(arena_);
      for (const JsonValue each : part["annotations"].elements())
        block.citations.push_back(read_annotation(each, arena_));
      const JsonValue logprobs = part["logprobs"];
      if (logprobs.is_array() && logprobs.size() > 0) {
        if (!logprobs_.empty()) logprobs_ += ',';
        logprobs_ += logprobs.raw().substr(1, logprobs.raw().size() - 2);
      }
    } else if (type.text_is("refusal")) {
      block.kind = BlockKind::refusal;
      block.text = part["refusal"].text(arena_);
    } else {
      block.kind = BlockKind::native;
      block.extra = {own, arena_.keep(std::move(place)), part.raw(), false};
    }
    into.push_back(block);
  }

  Response& out_;
  Arena& arena_;
  std::string logprobs_;
  bool called_ = false;
};

std::int64_t seconds_of(JsonValue time) {
  const auto seconds = time.number();
  const bool fits = seconds && seconds->value > 0 && seconds->value < 1e15;
  return fits ? static_cast<std::int64_t>(seconds->value) : 0;
}

}  // namespace

Usage usage_of(JsonValue usage) {
  Usage out;
  out.tokens_in = count_of(usage["input_tokens"]);
  out.tokens_out = count_of(usage["output_tokens"]);
  out.tokens_cached = count_of(usage["input_tokens_details"]["cached_tokens"]);
  out.tokens_cache_written = count_of(usage["input_tokens_details"]["cache_write_tokens"]);
  out.tokens_reasoning = count_of(usage["output_tokens_details"]["reasoning_tokens"]);
  return out;
}

FinishReason finish_of(JsonValue response, bool called) {
  const JsonValue status = response["status"];
  if (status.text_is("incomplete"))
    return response["incomplete_details"]["reason"].text_is("content_filter")
               ? FinishReason::content_filter
               : FinishReason::length;
  if (status.text_is("in_progress") || status.text_is("queued")) return FinishReason::paused;
  if (status.text_is("failed") || status.text_is("cancelled")) return FinishReason::fault;
  return called ? FinishReason::tool_calls : FinishReason::stop;
}

std::string_view chat_logprobs(JsonValue array, Arena& arena) {
  if (!array.is_array() || array.size() == 0) return {};
  return arena.keep(fmt::format(R"({{"content":{}}})", array.raw()));
}

std::string_view thoughts_of(JsonValue item, Arena& arena) {
  const std::string_view summary = joined_texts(item["summary"], arena);
  return summary.empty() ? joined_texts(item["content"], arena) : summary;
}

std::string error_detail(JsonValue error) {
  Arena arena;
  const std::string_view message =
      error.is_string() ? error.text(arena) : error["message"].text(arena);
  const std::string_view code = error["code"].text(arena);
  const std::string_view said = message.empty() ? "an error without a message" : message;
  return code.empty() ? std::string(said) : fmt::format("{} ({})", said, code);
}

Result<Response> read_answer(std::string_view body) {
  JsonDocument document;
  if (auto parsed = document.parse(body, {.allow_lone_surrogates = true}); !parsed)
    return fail(ErrorCode::malformed_response,
                fmt::format("the answer is not JSON: {}", parsed.error().message));
  JsonValue root = document.root();
  if (root.is_array() && root.size() == 1) root = *root.elements().begin();
  if (!root.is_object()) return fail(ErrorCode::malformed_response, "the answer is not an object");
  const JsonValue error = root["error"];
  if (error.exists() && !error.is_null())
    return fail(ErrorCode::upstream_unavailable, error_detail(error));
  if (!root["output"].is_array())
    return fail(ErrorCode::malformed_response, "the answer has no output");
  Response out;
  OutputReader reader(out);
  reader.read(root["output"]);
  out.id = root["id"].text(out.arena);
  out.model = root["model"].text(out.arena);
  out.created_s = seconds_of(root["created_at"]);
  out.service_tier = root["service_tier"].text(out.arena);
  out.usage = usage_of(root["usage"]);
  Choice& choice = out.choices.front();
  choice.finish = finish_of(root, reader.called());
  if (choice.finish == FinishReason::fault)
    return fail(ErrorCode::upstream_unavailable, "the response has failed or was cancelled");
  return out;
}

}  // namespace holdfast::dialect::openai_responses
