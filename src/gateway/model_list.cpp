#include "gateway/model_list.h"

#include <fmt/format.h>

#include <vector>

#include "dialect/anthropic/codec.h"
#include "dialect/gemini/codec.h"
#include "dialect/json_scan.h"

namespace holdfast::gateway {
namespace {

std::string openai_model(std::string_view name, std::int64_t created_s) {
  return fmt::format(R"({{"id":{},"object":"model","created":{},"owned_by":"holdfast"}})",
                     dialect::quote_json_string(name), created_s);
}

}  // namespace

std::expected<std::string, dialect::RequestProblem> write_models(
    const Front& front, std::string_view query, std::span<const std::string_view> names,
    std::int64_t created_s) {
  const bool one = front.operation == Operation::get_model;
  if (front.dialect == dialect::Dialect::gemini) {
    std::vector<dialect::gemini::ListedModel> models;
    for (const std::string_view name : names) models.push_back({.name = name});
    return one ? dialect::gemini::write_model(models.front())
               : dialect::gemini::write_models(models);
  }
  if (front.dialect == dialect::Dialect::anthropic) {
    std::vector<dialect::anthropic::ModelEntry> entries;
    for (const std::string_view name : names) {
      entries.push_back({name, name, created_s});
    }
    if (one) return dialect::anthropic::write_model(entries.front());
    const std::string after = query_value(query, "after_id");
    const std::string before = query_value(query, "before_id");
    const std::string limit = query_value(query, "limit");
    const auto page = dialect::anthropic::read_page(limit, after, before);
    if (!page) return std::unexpected(page.error());
    return dialect::anthropic::write_models(entries, *page);
  }
  if (one) return openai_model(names.front(), created_s);
  std::string list;
  for (const std::string_view name : names) {
    if (!list.empty()) list += ',';
    list += openai_model(name, created_s);
  }
  return R"({"object":"list","data":[)" + list + "]}";
}

}  // namespace holdfast::gateway
