// The small endpoints: token counts and the list of models.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::size_t most_per_page = 1000;

std::string rfc3339(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "1970-01-01T00:00:00Z";
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", parts);
}

void write_entry(JsonWriter& json, const ModelEntry& model) {
  const auto limit = [&json](std::string_view name, std::int64_t tokens) {
    json.key(name);
    if (tokens > 0)
      json.number(tokens);
    else
      json.null();
  };
  json.begin_object().field("type", "model").field("id", model.id);
  json.field("display_name", model.display_name.empty() ? model.id : model.display_name);
  json.field("created_at", rfc3339(model.created_s)).field("lifecycle", "active");
  limit("max_input_tokens", model.max_input_tokens);
  limit("max_tokens", model.max_output_tokens);
  json.key("capabilities").null().end_object();
}

}  // namespace

std::string write_count_answer(std::int64_t tokens_in) {
  return fmt::format(R"({{"input_tokens":{}}})", tokens_in);
}

Result<std::int64_t> read_count_answer(std::string_view body) {
  JsonDocument document;
  if (!document.parse(body, lenient))
    return fail(ErrorCode::malformed_response, "the count is not JSON");
  const auto tokens = document.root()["input_tokens"].integer();
  if (tokens && *tokens >= 0) return *tokens;
  return fail(ErrorCode::malformed_response, "the answer has no input_tokens");
}

std::expected<Page, RequestProblem> read_page(std::string_view limit, std::string_view after_id,
                                              std::string_view before_id) {
  const auto refuse = [](std::string_view field, std::string_view what) {
    return std::unexpected(RequestProblem{400, fmt::format("{}: {}", field, what), "invalid_value",
                                          std::string(field)});
  };
  Page out;
  out.after_id = after_id;
  out.before_id = before_id;
  if (!after_id.empty() && !before_id.empty())
    return refuse("before_id", "is not given together with after_id");
  if (limit.empty()) return out;
  const auto [stop, failed] = std::from_chars(limit.begin(), limit.end(), out.limit);
  if (failed != std::errc() || stop != limit.end() || out.limit < 1 || out.limit > most_per_page)
    return refuse("limit", fmt::format("expected a whole number from 1 to {}", most_per_page));
  return out;
}

std::string write_models(std::span<const ModelEntry> models, const Page& page) {
  const auto at = [models](std::string_view id) {
    return static_cast<std::size_t>(std::ranges::find(models, id, &ModelEntry::id) -
                                    models.begin());
  };
  std::size_t begin = 0;
  std::size_t end = models.size();
  if (!page.after_id.empty()) begin = std::min(at(page.after_id) + 1, end);
  if (!page.before_id.empty()) end = at(page.before_id);
  const bool has_more = end - begin > page.limit;
  if (has_more && !page.before_id.empty())
    begin = end - page.limit;
  else if (has_more)
    end = begin + page.limit;

  WireText text;
  JsonWriter json(text);
  json.begin_object().key("data").begin_array();
  for (const ModelEntry& model : models.subspan(begin, end - begin)) write_entry(json, model);
  json.end_array().field("has_more", has_more);
  const auto id = [&](std::string_view name, std::size_t index) {
    json.key(name);
    if (begin == end)
      json.null();
    else
      json.string(models[index].id);
  };
  id("first_id", begin);
  id("last_id", end - 1);
  json.end_object();
  return text.joined();
}

std::string write_model(const ModelEntry& model) {
  WireText text;
  JsonWriter json(text);
  write_entry(json, model);
  return text.joined();
}

}  // namespace holdfast::dialect::anthropic
