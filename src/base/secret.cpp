#include "base/secret.h"

namespace holdfast {
bool equal_in_constant_time(std::string_view offered, std::string_view expected) {
  unsigned difference = offered.size() == expected.size() ? 0U : 1U;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const auto a = static_cast<unsigned char>(offered[i]);
    const auto b =
        expected.empty() ? 0U : static_cast<unsigned char>(expected[i % expected.size()]);
    difference |= static_cast<unsigned>(a) ^ b;
  }
  return difference == 0;
}
}  // namespace holdfast
