#include "config/vault_reference.h"

#include <algorithm>
#include <charconv>

namespace holdfast::config {
namespace {
constexpr std::size_t path_bytes = 128;

bool may_stand_in_a_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}
}  // namespace

bool is_vault_path(std::string_view path) {
  if (path.size() > path_bytes) return false;
  while (true) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part.front() == '.' || !std::ranges::all_of(part, may_stand_in_a_part))
      return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

std::optional<VaultReference> parse_vault_reference(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view path = text.substr(0, at);
  if (!is_vault_path(path)) return std::nullopt;
  VaultReference reference{std::string(path), std::nullopt};
  if (at == std::string_view::npos) return reference;
  const std::string_view digits = text.substr(at + 1);
  std::int64_t version = 0;
  const auto number = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (number.ec != std::errc() || number.ptr != digits.data() + digits.size() || version < 1 ||
      digits.front() == '0')
    return std::nullopt;
  reference.version = version;
  return reference;
}
}  // namespace holdfast::config
