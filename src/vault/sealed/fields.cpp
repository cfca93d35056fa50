#include "vault/sealed/fields.h"

#include "base/check.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::size_t number_bytes = 8, length_bytes = 4;

std::uint64_t value_of(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

void append(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out += static_cast<char>((value >> (8 * i)) & 0xffU);
}
}  // namespace

FieldWriter& FieldWriter::number(std::uint64_t value) {
  append(out_, value, number_bytes);
  return *this;
}

FieldWriter& FieldWriter::text(std::string_view value) {
  HF_CHECK(value.size() < (std::size_t{1} << 32U));
  append(out_, value.size(), length_bytes);
  out_ += value;
  return *this;
}

std::optional<std::uint64_t> FieldReader::number() {
  if (rest_.size() < number_bytes) return std::nullopt;
  const std::uint64_t value = value_of(rest_.substr(0, number_bytes));
  rest_.remove_prefix(number_bytes);
  return value;
}

std::optional<std::string_view> FieldReader::text() {
  if (rest_.size() < length_bytes) return std::nullopt;
  const std::uint64_t length = value_of(rest_.substr(0, length_bytes));
  if (rest_.size() - length_bytes < length) return std::nullopt;
  const std::string_view value = rest_.substr(length_bytes, length);
  rest_.remove_prefix(length_bytes + length);
  return value;
}
}  // namespace holdfast::vault::sealed
