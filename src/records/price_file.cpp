// LiteLLM's list of prices: model_prices_and_context_window.json.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <map>

#include "records/price_book.h"

namespace holdfast::records {
namespace {
namespace json = boost::json;
using ErrorInfo = boost::system::error_code;

constexpr int pico = 12;                                    // the file has USD per token
constexpr std::int64_t most_per_token = 1'000'000'000'000;  // a dollar: dearer is a slip of units
constexpr std::string_view paid_by_token[] = {"chat", "responses", "completion", "embedding"};

// Which of the file's providers are of which kind here, and what it puts before their models.
struct House {
  std::string_view kind, provider, prefix;
};
constexpr House houses[] = {{"openai", "openai", ""},
                            {"openai", "text-completion-openai", ""},
                            {"azure_openai", "azure", "azure/"},
                            {"azure_openai", "azure_text", "azure/"},
                            {"anthropic", "anthropic", ""},
                            {"gemini", "gemini", "gemini/"},
                            {"vertex", "vertex_ai", "vertex_ai/"},
                            {"vertex", "vertex_ai-language-models", "vertex_ai/"},
                            {"vertex", "vertex_ai-embedding-models", "vertex_ai/"},
                            {"bedrock", "bedrock", ""},
                            {"bedrock", "bedrock_converse", ""},
                            {"mistral", "mistral", "mistral/"},
                            {"groq", "groq", "groq/"},
                            {"deepseek", "deepseek", "deepseek/"},
                            {"xai", "xai", "xai/"},
                            {"together", "together_ai", "together_ai/"},
                            {"fireworks", "fireworks_ai", "fireworks_ai/"},
                            {"fireworks", "fireworks_ai-embedding-models", "fireworks_ai/"},
                            {"openrouter", "openrouter", "openrouter/"},
                            {"cohere", "cohere", ""},
                            {"cohere", "cohere_chat", ""}};

// One model of the file: its fields as they are spelled.
struct Entry {
  std::string model;
  std::map<std::string, std::string, std::less<>> fields;

  std::string_view text(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : std::string_view(found->second);
  }
};

std::unexpected<Error> wrong(const Entry& entry, std::string_view field, std::string_view what) {
  return fail(ErrorCode::configuration, fmt::format("{}: {}: {}", entry.model, field, what));
}

// Reads one price, if the entry has it.   suffix   "_above_200k_tokens"; empty: the usual one
template <class Into>
Result<bool> read_rate(const Entry& entry, std::string_view name, std::string_view suffix,
                       Into& into) {
  const std::string field = fmt::format("{}{}", name, suffix);
  const std::string_view text = entry.text(field);
  if (text.empty()) return false;
  const auto value = parse_decimal(text, pico);
  if (!value) return wrong(entry, field, value.error().detail);
  if (*value > most_per_token)
    return wrong(entry, field, "more than a dollar for one token; prices are USD per token");
  into = PicoUsdPerToken{*value};
  return true;
}

Result<bool> read_rates(const Entry& entry, std::string_view suffix, Rates& into) {
  auto input = read_rate(entry, "input_cost_per_token", suffix, into.input);
  if (!input) return input;
  auto output = read_rate(entry, "output_cost_per_token", suffix, into.output);
  if (!output) return output;
  const std::pair<std::string_view, std::optional<PicoUsdPerToken>*> parts[] = {
      {"cache_read_input_token_cost", &into.cached},
      {"cache_creation_input_token_cost", &into.cache_write},
      {"cache_creation_input_token_cost_above_1hr", &into.cache_write_1h},
      {"output_cost_per_reasoning_token", &into.reasoning},
      {"input_cost_per_audio_token", &into.audio_in},
      {"output_cost_per_audio_token", &into.audio_out}};
  for (const auto& [name, rate] : parts) {
    auto read = read_rate(entry, name, suffix, *rate);
    if (!read) return read;
    if (*read && (*rate)->value == 0) rate->reset();  // not filled in, as for whole entries
  }
  return *input;
}

// The tiers, named in thousands of tokens: "input_cost_per_token_above_200k_tokens".
Result<void> read_tiers(const Entry& entry, Price& price) {
  constexpr std::string_view begin = "input_cost_per_token_above_", end = "k_tokens";
  for (const auto& [name, value] : entry.fields) {
    if (!name.starts_with(begin) || !name.ends_with(end)) continue;
    const std::string_view count =
        std::string_view(name).substr(begin.size(), name.size() - begin.size() - end.size());
    const auto tokens = parse_decimal(count, 3);
    if (!tokens) return wrong(entry, name, tokens.error().detail);
    ContextTier tier{*tokens, price.rates};
    auto read = read_rates(entry, fmt::format("_above_{}k_tokens", count), tier.rates);
    if (!read) return std::unexpected(std::move(read).error());
    price.above.push_back(tier);
  }
  std::ranges::sort(price.above, std::ranges::less(), &ContextTier::tokens);
  return {};
}

Result<std::int64_t> read_count(const Entry& entry, std::string_view field) {
  const std::string_view text = entry.text(field);
  if (text.empty()) return 0;
  auto count = parse_decimal(text, 0);
  if (!count) return wrong(entry, field, count.error().detail);
  return count;
}

Result<void> take(const Entry& entry, std::string_view source, std::vector<PriceRow>& rows) {
  if (std::ranges::find(paid_by_token, entry.text("mode")) == std::end(paid_by_token)) return {};
  const std::string_view provider = entry.text("litellm_provider");
  const auto house = std::ranges::find(houses, provider, &House::provider);
  if (house == std::end(houses)) return {};
  PriceRow row;
  auto priced = read_rates(entry, {}, row.price.rates);
  if (!priced) return std::unexpected(std::move(priced).error());
  const Rates& rates = row.price.rates;
  if (!*priced || (rates.input.value == 0 && rates.output.value == 0)) return {};
  auto tiers = read_tiers(entry, row.price);
  if (!tiers) return tiers;
  const auto most_in = read_count(entry, "max_input_tokens");
  if (!most_in) return std::unexpected(most_in.error());
  const auto most_out = read_count(entry, "max_output_tokens");
  if (!most_out) return std::unexpected(most_out.error());
  row.origin = PriceOrigin::file;
  row.kind = house->kind;
  row.model = entry.model;
  if (entry.model.starts_with(house->prefix)) row.model.erase(0, house->prefix.size());
  row.price.source = source;
  row.price.most_tokens_in = *most_in;
  row.price.most_tokens_out = *most_out;
  rows.push_back(std::move(row));
  return {};
}

// Collects the scalar members of the objects below the root, and hands on each model.
struct Handler {
  static constexpr std::size_t max_object_size = 100'000, max_array_size = 100'000,
                               max_key_size = 1'024, max_string_size = 65'536;
  std::string_view source;
  std::vector<PriceRow>& rows;
  Result<void> outcome = {};
  int depth = 0;
  bool is_list = false;
  std::string key = {}, value = {};
  Entry entry = {};

  bool stop(ErrorInfo& error) {
    error = make_error_code(boost::system::errc::invalid_argument);
    return false;
  }
  bool scalar() {
    if (depth == 2) entry.fields[key] = value;
    value.clear();
    return true;
  }
  bool on_document_begin(ErrorInfo&) { return true; }
  bool on_document_end(ErrorInfo&) { return true; }
  bool on_object_begin(ErrorInfo&) {
    if (++depth == 1) is_list = true;
    if (depth == 2) entry = {key, {}};
    return true;
  }
  bool on_object_end(std::size_t, ErrorInfo& error) {
    if (depth-- != 2 || entry.model == "sample_spec") return true;
    outcome = take(entry, source, rows);
    return outcome ? true : stop(error);
  }
  bool on_array_begin(ErrorInfo&) { return ++depth, true; }
  bool on_array_end(std::size_t, ErrorInfo&) { return --depth, true; }
  bool on_key_part(json::string_view part, std::size_t, ErrorInfo&) { return add(value, part); }
  bool on_key(json::string_view part, std::size_t, ErrorInfo&) {
    add(value, part);
    key = std::exchange(value, {});
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, ErrorInfo&) { return add(value, part); }
  bool on_string(json::string_view part, std::size_t, ErrorInfo&) {
    return add(value, part) && scalar();
  }
  bool on_number_part(json::string_view part, ErrorInfo&) { return add(value, part); }
  bool on_int64(std::int64_t, json::string_view part, ErrorInfo&) {
    return add(value, part) && scalar();
  }
  bool on_uint64(std::uint64_t, json::string_view part, ErrorInfo&) {
    return add(value, part) && scalar();
  }
  bool on_double(double, json::string_view part, ErrorInfo&) {
    return add(value, part) && scalar();
  }
  bool on_bool(bool, ErrorInfo&) { return true; }
  bool on_null(ErrorInfo&) { return true; }
  bool on_comment_part(json::string_view, ErrorInfo&) { return true; }
  bool on_comment(json::string_view, ErrorInfo&) { return true; }

  static bool add(std::string& text, json::string_view part) {
    text.append(part.data(), part.size());
    return true;
  }
};
}  // namespace

Result<std::vector<PriceRow>> read_price_file(std::string_view text, std::string_view source) {
  std::vector<PriceRow> rows;
  json::basic_parser<Handler> parser(json::parse_options{}, Handler{source, rows});
  ErrorInfo error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  const Handler& handler = parser.handler();
  if (!handler.outcome) return std::unexpected(handler.outcome.error());
  if (error)
    return fail(ErrorCode::configuration,
                fmt::format("not JSON: {} (byte {})", error.message(), read));
  const bool blank = text.find_first_not_of(" \t\r\n", read) == std::string_view::npos;
  if (!blank) return fail(ErrorCode::configuration, fmt::format("not JSON (byte {})", read));
  if (!handler.is_list)
    return fail(ErrorCode::configuration, "not a list of prices: an object by model is needed");
  return rows;
}

}  // namespace holdfast::records
