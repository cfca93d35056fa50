// However the bytes are split, the events are the same, and their raw bytes are the input.
#include <cstdlib>

#include "base/check.h"
#include "net/sse_parser.h"

namespace {
struct Reading {
  std::string said;  // what the events say, one after the other
  std::string raw;
};

Reading read(std::string_view bytes, std::size_t chunk) {
  holdfast::net::SseParser parser;
  Reading out;
  const auto take = [&](const holdfast::net::SseEvent& event) {
    out.raw += event.raw;
    if (!event.has_data && !event.id && !event.retry) return;
    out.said += event.unterminated ? '!' : '|';
    out.said.append(event.event).append(1, '\0').append(event.data).append(1, '\0');
    if (event.id) out.said.append("id ").append(*event.id);
    if (event.retry) out.said.append(std::to_string(*event.retry));
  };
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    const std::string only_now(bytes.substr(at, chunk));  // so that a view kept too long is found
    std::vector<holdfast::net::SseEvent> events;
    if (!parser.feed(only_now, events)) return {};
    for (const auto& event : events) take(event);
  }
  if (const auto last = parser.finish()) take(*last);
  HF_CHECK(out.raw == bytes);
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t chunk = 1U + data[0] % 16U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = read(bytes, size);
  HF_CHECK(read(bytes, 1).said == whole.said);
  HF_CHECK(read(bytes, chunk).said == whole.said);
  return 0;
}
