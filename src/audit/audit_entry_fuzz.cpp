// A line of an audit log comes from a disk that somebody may have written to: it is an entry in its
// one spelling, or refused. The same bytes as a reason never break the line that they get into.
#include <cstdint>
#include <string_view>

#include "audit/event.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::audit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto entry = read_entry(text)) {
    const auto again = write_entry(*entry);
    HF_CHECK(again && read_entry(*again));
  }
  Entry entry;
  entry.event.action = "fuzz";
  entry.event.reason = text;
  entry.event.after = {{"value", text}, {text, 1}};
  const auto line = write_entry(entry);
  HF_CHECK(line && line->find('\n') == std::string::npos && read_entry(*line));
  return 0;
}
