#include "records/sealed_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace holdfast::records {
namespace {

constexpr std::array texts = {std::string_view("key_name"),
                              std::string_view("logical_model"),
                              std::string_view("model"),
                              std::string_view("provider"),
                              std::string_view("request_id"),
                              std::string_view("service"),
                              std::string_view("team"),
                              std::string_view("unsettled_reason"),
                              std::string_view("upstream_request_id")};
constexpr std::size_t column_count = 35;

struct Column {
  std::string_view name;
  bool text = false;
};

consteval std::array<Column, column_count> split() {
  std::array<Column, column_count> out;
  std::string_view rest = sealed_columns;
  for (Column& column : out) {
    column.name = rest.substr(0, rest.find(','));
    column.text = std::ranges::find(texts, column.name) != texts.end();
    rest.remove_prefix(std::min(rest.size(), column.name.size() + 2));
  }
  return out;
}
constexpr std::array columns = split();
static_assert(std::ranges::is_sorted(columns, {}, &Column::name));
static_assert(columns[sealed_cost].name == "cost_nano_usd" && columns[sealed_id].name == "id" &&
              columns[sealed_started].name == "started_us" &&
              columns[sealed_tokens_in].name == "tokens_in" &&
              columns[sealed_tokens_out].name == "tokens_out" &&
              columns.back().name == "upstream_request_id");

void append_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view from = "\"\\\b\f\n\r\t", to = "\"\\bfnrt";
    if (const auto at = from.find(c); at != std::string_view::npos)
      out.append({'\\', to[at]});
    else if (byte < 0x20)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    else
      out += c;
  }
  out += '"';
}

}  // namespace

void write_sealed_row(const store::Statement& row, std::string& out) {
  out = "{";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, is_text] = columns[i];
    const int place = static_cast<int>(i);
    const std::string_view text = is_text ? row.text(place) : std::string_view();
    const auto number = is_text ? std::nullopt : row.optional_integer(place);
    if (text.empty() && !number) continue;
    if (out.size() > 1) out += ',';
    out.append("\"").append(name).append("\":");
    if (number)
      fmt::format_to(std::back_inserter(out), "{}", *number);
    else
      append_text(text, out);
  }
  out += '}';
}

}  // namespace holdfast::records
