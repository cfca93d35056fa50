// How the vault writes numbers and texts one after another: numbers in eight bytes, big-endian;
// texts behind their length in four. One value has one spelling, so it can be sealed and compared.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::vault::sealed {

class FieldWriter {
 public:
  FieldWriter& number(std::uint64_t value);
  FieldWriter& text(std::string_view value);  // shorter than 4 GiB
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what a FieldWriter has written, or any bytes: what does not fit is nothing.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::uint64_t> number();
  std::optional<std::string_view> text();
  bool done() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace holdfast::vault::sealed
