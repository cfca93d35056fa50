// One canonical embedding, as canonical.h has it for conversations: each dialect's folder reads
// and writes it (openai/embedding.h, gemini/, cohere/, bedrock/). Views point into the body that
// was read, or into the Arena beside it. Pure; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/canonical.h"
#include "dialect/codec.h"

namespace holdfast::dialect {

// What the vectors are for, where models tell the uses apart.
enum class EmbedTask : std::uint8_t {
  unset,
  search_query,
  search_document,
  similarity,
  classification,
  clustering,
  question_answering,
  fact_verification,
  code_query,
};

struct EmbedInput {
  std::string_view text;
  std::string_view tokens;  // instead of text: ids of the model's own tokenizer, a raw JSON array
  std::string_view title;   // of a document; empty: none
};

enum class EmbedEncoding : std::uint8_t { floats, base64 };  // base64: of little-endian float32

struct EmbedRequest {
  Dialect from = Dialect::openai;
  std::string_view model;  // as the client named it
  std::vector<EmbedInput> inputs;
  std::optional<std::int64_t> dimensions;
  EmbedEncoding encoding = EmbedEncoding::floats;
  EmbedTask task = EmbedTask::unset;
  std::string_view user;
  std::vector<Extra> extras;
  Arena arena;
};

// One vector; one of the two is set.
struct Embedding {
  std::string_view floats;  // a raw JSON array of numbers, as they were spelled
  std::string_view base64;  // of little-endian float32
};

struct EmbedResponse {
  std::string_view id, model;
  std::vector<Embedding> embeddings;  // in the order of the inputs
  Usage usage;                        // tokens_in alone
  Arena arena;
};

// The same vector in the other form.
//   errors   malformed_response: not an array of numbers that float32 holds, or not base64 of such
Result<std::string> base64_of_floats(std::string_view floats);
Result<std::string> floats_of_base64(std::string_view base64);
// `embedding` as a JSON value in the form that is asked for: a string, or an array.
//   errors   malformed_response
Result<std::string_view> embedding_value(const Embedding& embedding, EmbedEncoding encoding,
                                         Arena& arena);

// What writers have in common: the fields of other dialects and the end user are reported.
void lose_embed_extras(const EmbedRequest& request, Dialect to, std::vector<Loss>& losses);
// Token ids cannot be said to another tokenizer.   errors   invalid_request
Result<void> need_texts(const EmbedRequest& request, std::size_t most);

// Cohere's words, which Bedrock speaks as well. "search_document": also for what is unset, since
// Cohere must be told.
std::string_view cohere_input_type(EmbedTask task);
// Of either version.
//   errors   malformed_response; upstream_unavailable: an error inside a 200
Result<EmbedResponse> read_cohere_embeddings(std::string_view body);

}  // namespace holdfast::dialect
