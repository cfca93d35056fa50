// The canonical form of reranking: texts put in the order of their worth for a question.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dialect/canonical.h"

namespace holdfast::dialect {

struct RerankRequest {
  std::string_view model;  // as the client named it
  std::string_view query;
  std::vector<std::string_view> documents;  // their texts
  std::optional<std::int64_t> top_n;        // how many come back; all when not set
  std::optional<std::int64_t> max_tokens_per_document;
  bool return_documents = false;
  std::vector<Extra> extras;
  Arena arena;
};

struct RerankResult {
  std::int64_t index = 0;  // into the request's documents
  Number score;
};

struct RerankResponse {
  std::string_view id;
  std::vector<RerankResult> results;  // best first
  Usage usage;
  std::int64_t search_units = -1;  // what the provider bills by; -1: not told
  Arena arena;
};

}  // namespace holdfast::dialect
