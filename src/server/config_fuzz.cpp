// Any bytes as a configuration, read by every room, with the first line as what the environment
// says of proxies: no crash, bounded time and memory, and problems that fit on one line each.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "config/document.h"
#include "server/settings.h"

namespace {
using holdfast::config::Problem;

bool is_one_line(const Problem& problem) {
  for (const char c : holdfast::config::to_string(problem))
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return true;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string first_line(text.substr(0, text.find('\n')));
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    if (name.ends_with("_proxy") || name.ends_with("_PROXY")) return first_line;
    if (name.ends_with("KEY")) return "sk-0123456789abcdef";
    return std::nullopt;
  };
  const auto document = holdfast::config::parse(text, "fuzz.yaml", environment, "/nowhere");
  const auto settings = holdfast::server::read_settings(document);
  const auto& problems = settings ? settings->warnings : settings.error();
  HF_CHECK(settings.has_value() != holdfast::config::has_error(problems));
  HF_CHECK(problems.size() <= holdfast::limits::config_problems + 1);
  for (const Problem& problem : problems) HF_CHECK(is_one_line(problem));
  return 0;
}
