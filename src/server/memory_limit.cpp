#include "server/memory_limit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>

namespace holdfast::server {
namespace {

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

// The number in a file; unlimited when there is none ("max").
std::uint64_t read_number(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  file >> text;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? value : unlimited;
}

// Of this process' own control group and those above it; version 2, then version 1.
std::uint64_t group_limit(const std::string& root) {
  std::uint64_t least = read_number(root + "sys/fs/cgroup/memory/memory.limit_in_bytes");
  std::ifstream file(root + "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view own = "0::/";
    if (!line.starts_with(own)) continue;
    std::string group = line.substr(own.size());
    while (true) {
      least =
          std::min(least, read_number(fmt::format("{}sys/fs/cgroup/{}/memory.max", root, group)));
      if (group.empty()) break;
      const auto slash = group.rfind('/');
      group.resize(slash == std::string::npos ? 0 : slash);
    }
  }
  return least;
}

std::uint64_t machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : unlimited;
}

}  // namespace

std::uint64_t usual_memory_limit(const std::string& root) {
  const std::uint64_t all = std::min(group_limit(root), machine_memory());
  return all == unlimited ? 0 : all / 2;
}

}  // namespace holdfast::server
