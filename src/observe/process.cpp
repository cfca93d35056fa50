#include "observe/process.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace holdfast::observe {
namespace {
// From /proc/self/stat, whose second field is a name in brackets that may hold spaces: fields are
// counted from behind it, the third being the first here.
void read_stat(ProcessFacts& facts) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  constexpr int utime = 14, stime = 15, start_time = 22;
  double since_boot = 0;
  std::string value;
  for (int field = 3; field <= start_time && fields >> value; ++field) {
    if (field == utime || field == stime) facts.cpu_seconds += std::stod(value) / ticks;
    if (field == start_time) since_boot = std::stod(value) / ticks;
  }
  std::ifstream machine("/proc/stat");
  for (std::string line; std::getline(machine, line);)
    if (line.starts_with("btime ")) facts.started_seconds = std::stod(line.substr(6)) + since_boot;
}
}  // namespace

ProcessFacts process_facts() {
  ProcessFacts facts;
  std::uint64_t total = 0, resident = 0;
  if (std::ifstream memory("/proc/self/statm"); memory >> total >> resident)
    facts.resident_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    ++facts.open_fds;
  if (facts.open_fds > 0) --facts.open_fds;  // the one that lists
  read_stat(facts);
  return facts;
}

}  // namespace holdfast::observe
