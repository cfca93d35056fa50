#include "dialect/embedding.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "dialect/base64.h"
#include "dialect/json_document.h"

namespace holdfast::dialect {

static_assert(std::endian::native == std::endian::little, "float32 goes out little-endian");

Result<std::string> base64_of_floats(std::string_view floats) {
  const auto broken = [] {
    return fail(ErrorCode::malformed_response, "a vector is not an array of numbers");
  };
  std::string bytes;
  bytes.reserve(floats.size() / 2);
  const auto skip_space = [&floats] {
    const auto next = floats.find_first_not_of(" \t\r\n");
    floats.remove_prefix(next == std::string_view::npos ? floats.size() : next);
  };
  if (!floats.starts_with('[')) return broken();
  char expected = '[';  // then a comma before each further number
  while (floats.starts_with(expected)) {
    floats.remove_prefix(1);
    skip_space();
    float value = 0;
    const auto [end, problem] =
        std::from_chars(floats.data(), floats.data() + floats.size(), value);
    if (problem != std::errc()) {
      if (expected == ',') return broken();
      break;
    }
    floats.remove_prefix(static_cast<std::size_t>(end - floats.data()));
    skip_space();
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    expected = ',';
  }
  if (floats != "]") return broken();
  std::string out;
  append_base64(out, bytes);
  return out;
}

Result<std::string> floats_of_base64(std::string_view base64) {
  const auto bytes = decode_base64(base64);
  if (!bytes || bytes->size() % sizeof(float) != 0)
    return fail(ErrorCode::malformed_response, "a vector is not base64 of float32");
  std::string out = "[";
  for (std::size_t at = 0; at < bytes->size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes->data() + at, sizeof value);
    if (!std::isfinite(value))
      return fail(ErrorCode::malformed_response, "a vector holds what is no number");
    if (at > 0) out += ',';
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
  return out += ']';
}

Result<std::string_view> embedding_value(const Embedding& embedding, EmbedEncoding encoding,
                                         Arena& arena) {
  if (encoding == EmbedEncoding::floats && !embedding.floats.empty()) return embedding.floats;
  if (encoding == EmbedEncoding::base64 && embedding.floats.empty())
    return arena.keep(fmt::format("\"{}\"", embedding.base64));
  auto converted = encoding == EmbedEncoding::floats ? floats_of_base64(embedding.base64)
                                                     : base64_of_floats(embedding.floats);
  if (!converted) return std::unexpected(std::move(converted).error());
  if (encoding == EmbedEncoding::floats) return arena.keep(std::move(*converted));
  return arena.keep(fmt::format("\"{}\"", *converted));
}

void lose_embed_extras(const EmbedRequest& request, Dialect to, std::vector<Loss>& losses) {
  for (const Extra& extra : request.extras)
    if (extra.from != to)
      losses.push_back({std::string(extra.name), "the target has no such field", extra.harmless});
  if (!request.user.empty() && to != Dialect::openai)
    losses.push_back({"user", "the target is not told the end user", true});
  for (std::size_t i = 0; i < request.inputs.size(); ++i)
    if (!request.inputs[i].title.empty() && to != Dialect::gemini)
      losses.push_back({fmt::format("requests[{}].title", i), "the target takes no titles", true});
}

Result<void> need_texts(const EmbedRequest& request, std::size_t most) {
  if (request.inputs.size() > most)
    return fail(ErrorCode::invalid_request,
                fmt::format("input: the target takes at most {} at a time", most));
  for (const EmbedInput& input : request.inputs)
    if (!input.tokens.empty())
      return fail(ErrorCode::invalid_request,
                  "input: token ids mean nothing to the target's tokenizer");
  return {};
}

std::string_view cohere_input_type(EmbedTask task) {
  switch (task) {
    case EmbedTask::unset:
    case EmbedTask::search_document:
      return "search_document";
    case EmbedTask::search_query:
    case EmbedTask::question_answering:
    case EmbedTask::fact_verification:
    case EmbedTask::code_query:
      return "search_query";
    case EmbedTask::classification:
      return "classification";
    case EmbedTask::clustering:
    case EmbedTask::similarity:
      return "clustering";
  }
  return "search_document";
}

Result<EmbedResponse> read_cohere_embeddings(std::string_view body) {
  EmbedResponse out;
  JsonDocument document;
  JsonScanOptions options;
  options.max_nodes = body.size();
  if (!document.parse(body, options)) return fail(ErrorCode::malformed_response, "not JSON");
  const JsonValue root = document.root();
  const JsonValue embeddings = root["embeddings"];
  if (!embeddings.exists() && root["message"].is_string())
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("an error in the answer: {}", root["message"].text(out.arena)));
  out.id = root["id"].text(out.arena);
  const JsonValue floats = embeddings.is_array() ? embeddings : embeddings["float"];
  for (const JsonValue each : floats.elements()) {
    if (!each.is_array()) return fail(ErrorCode::malformed_response, "a vector is no list");
    out.embeddings.push_back({each.raw(), {}});
  }
  if (out.embeddings.empty())
    for (const JsonValue each : embeddings["base64"].elements())
      out.embeddings.push_back({{}, each.text(out.arena)});
  if (out.embeddings.empty()) return fail(ErrorCode::malformed_response, "no vectors");
  const auto tokens = root["meta"]["billed_units"]["input_tokens"].number();
  if (tokens && tokens->value >= 0 && tokens->value < 1e12)
    out.usage.tokens_in = static_cast<std::int64_t>(tokens->value);
  return out;
}

}  // namespace holdfast::dialect
