#include <fmt/format.h>

#include <algorithm>

#include "dialect/cohere/chat.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::cohere {
namespace {

void add_text(std::vector<Block>& out, BlockKind kind, std::string_view text) {
  if (text.empty()) return;
  Block& block = out.emplace_back();
  block.kind = kind;
  block.text = text;
}

// A content's block by its place among the contents, those without a word counted too.
void read_citations(JsonValue message, Arena& arena, std::vector<Block>& blocks) {
  const JsonValue content = message["content"];
  for (const JsonValue each : message["citations"].elements()) {
    const std::int64_t wanted = each["content_index"].integer().value_or(-1);
    std::int64_t index = 0;
    std::size_t at = 0;
    for (const JsonValue part : content.elements()) {
      const bool thought = part["type"].text_is("thinking");
      const bool said = !part[thought ? "thinking" : "text"].text(arena).empty();
      if (said && !thought && (index == wanted || wanted < 0)) break;
      at += said ? 1U : 0U;
      ++index;
    }
    if (at < blocks.size() && blocks[at].kind == BlockKind::text)
      read_citation(each, arena, blocks[at].citations);
  }
}

// Thoughts, texts, the plan, calls.
std::vector<Block> blocks_of(JsonValue message, Arena& arena) {
  std::vector<Block> out;
  const JsonValue content = message["content"];
  if (content.is_string()) add_text(out, BlockKind::text, content.text(arena));
  for (const JsonValue each : content.elements()) {
    if (each["type"].text_is("thinking"))
      add_text(out, BlockKind::thinking, each["thinking"].text(arena));
    else
      add_text(out, BlockKind::text, each["text"].text(arena));
  }
  read_citations(message, arena, out);
  add_text(out, BlockKind::text, message["tool_plan"].text(arena));
  for (const JsonValue each : message["tool_calls"].elements()) {
    Block& block = out.emplace_back();
    block.kind = BlockKind::tool_call;
    block.id = each["id"].text(arena);
    block.name = each["function"]["name"].text(arena);
    const JsonValue arguments = each["function"]["arguments"];
    block.arguments = arguments.is_object() ? arguments.raw() : arguments.text(arena);
  }
  return out;
}

}  // namespace

std::int64_t count_of(JsonValue value) {
  const auto number = value.number();
  const bool fits = number && number->value >= 0 && number->value < 9e15;
  return fits ? static_cast<std::int64_t>(number->value) : -1;
}

Usage usage_of(JsonValue usage) {
  Usage out;
  for (const std::string_view name : {"tokens", "billed_units"}) {  // the latter is what is paid
    const std::int64_t in = count_of(usage[name]["input_tokens"]);
    const std::int64_t written = count_of(usage[name]["output_tokens"]);
    if (in >= 0) out.tokens_in = in;
    if (written >= 0) out.tokens_out = written;
  }
  out.tokens_cached = count_of(usage["cached_tokens"]);
  if (out.tokens_in >= 0) out.tokens_in = std::max(out.tokens_in, out.tokens_cached);
  return out;
}

FinishReason finish_of(std::string_view reason, bool called) {
  if (reason == "MAX_TOKENS") return FinishReason::length;
  if (reason == "STOP_SEQUENCE") return FinishReason::stop_sequence;
  if (reason == "ERROR" || reason == "TIMEOUT") return FinishReason::fault;
  return called || reason == "TOOL_CALL" ? FinishReason::tool_calls : FinishReason::stop;
}

// An item may stand for several tokens: their joint probability is that of its text.
void append_logprob(std::string& out, JsonValue item, Arena& arena) {
  const JsonValue values = item["logprobs"];
  if (values.size() == 0 || !values.is_array()) return;
  if (!out.empty()) out.push_back(',');
  out.append(R"({"token":)");
  append_json_string(out, item["text"].text(arena));
  out.append(R"(,"logprob":)");
  if (values.size() == 1) {
    const auto only = (*values.elements().begin()).number();
    out.append(only ? only->spelled : "0");
  } else {
    double sum = 0;
    for (const JsonValue each : values.elements()) sum += each.number().value_or(Number{}).value;
    fmt::format_to(std::back_inserter(out), "{}", sum);
  }
  out.append(R"(,"bytes":null,"top_logprobs":[]})");
}

Result<Response> read_answer(std::string_view body) {
  JsonDocument document;
  if (auto parsed = document.parse(body, {.allow_lone_surrogates = true}); !parsed)
    return fail(ErrorCode::malformed_response,
                fmt::format("the answer is not JSON: {}", parsed.error().message));
  const JsonValue root = document.root();
  const JsonValue message = root["message"];
  Response out;
  if (message.is_string())
    return fail(ErrorCode::upstream_unavailable, std::string(message.text(out.arena)));
  if (!message.is_object()) return fail(ErrorCode::malformed_response, "the answer has no message");
  out.id = root["id"].text(out.arena);
  out.usage = usage_of(root["usage"]);
  Choice& choice = out.choices.emplace_back();
  choice.content = blocks_of(message, out.arena);
  const bool called =
      std::ranges::find(choice.content, BlockKind::tool_call, &Block::kind) != choice.content.end();
  const std::string_view reason = root["finish_reason"].text(out.arena);
  choice.finish = finish_of(reason, called);
  if (choice.finish == FinishReason::fault)
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("the answer ended with finish_reason {}", reason));
  std::string logprobs;
  for (const JsonValue each : root["logprobs"].elements())
    append_logprob(logprobs, each, out.arena);
  if (!logprobs.empty())
    choice.logprobs = out.arena.keep(fmt::format(R"({{"content":[{}]}})", logprobs));
  return out;
}

}  // namespace holdfast::dialect::cohere
