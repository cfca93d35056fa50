// Log-probabilities: two lists side by side at Google, one list with alternatives at OpenAI.
#include <fmt/format.h>

#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

// {"token", "logprob", "bytes"} without its closing brace. Numbers keep their spelling.
void append_token(std::string& out, JsonValue candidate) {
  Arena arena;
  const JsonValue token = candidate["token"], logprob = candidate["logProbability"];
  out += R"({"token":)";
  out += token.is_string() ? token.raw() : R"("")";
  out += R"(,"logprob":)";
  out += logprob.is_number() ? logprob.raw() : "0";
  out += R"(,"bytes":[)";
  bool first = true;
  for (const char c : token.text(arena)) {
    if (!first) out += ',';
    first = false;
    out += fmt::format_int(static_cast<unsigned char>(c)).c_str();
  }
  out += ']';
}

void write_token(JsonWriter& json, JsonValue entry) {
  json.begin_object();
  if (entry["token"].is_string()) json.raw_field("token", entry["token"].raw());
  if (entry["logprob"].is_number()) json.raw_field("logProbability", entry["logprob"].raw());
  json.end_object();
}

}  // namespace

std::string_view read_logprobs(JsonValue result, Arena& arena) {
  const JsonValue chosen = result["chosenCandidates"], top = result["topCandidates"];
  if (!chosen.is_array()) return {};
  std::string out = R"({"content":[)";
  auto alternatives = top.elements().begin();
  const auto no_more = top.elements().end();
  bool first = true;
  for (const JsonValue candidate : chosen.elements()) {
    if (!first) out += ',';
    first = false;
    append_token(out, candidate);
    out += R"(,"top_logprobs":[)";
    if (alternatives != no_more) {
      bool first_of_top = true;
      for (const JsonValue each : (*alternatives)["candidates"].elements()) {
        if (!first_of_top) out += ',';
        first_of_top = false;
        append_token(out, each);
        out += '}';
      }
      ++alternatives;
    }
    out += "]}";
  }
  return arena.keep(out + R"(],"refusal":null})");
}

void write_logprobs(JsonWriter& json, std::string_view openai) {
  JsonDocument document;
  JsonScanOptions options;
  options.allow_lone_surrogates = true;
  if (!document.parse(openai, options)) return;
  const JsonValue content = document.root()["content"];
  if (!content.is_array()) return;
  json.key("logprobsResult").begin_object().key("topCandidates").begin_array();
  for (const JsonValue entry : content.elements()) {
    json.begin_object().key("candidates").begin_array();
    for (const JsonValue each : entry["top_logprobs"].elements()) write_token(json, each);
    json.end_array().end_object();
  }
  json.end_array().key("chosenCandidates").begin_array();
  for (const JsonValue entry : content.elements()) write_token(json, entry);
  json.end_array().end_object();
}

}  // namespace holdfast::dialect::gemini
