// Server-sent events as they pass through: where each event lies in the bytes, and what it says.
// The rules are those of the WHATWG HTML standard, 9.2.6.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

namespace holdfast::net {

struct SseEvent {
  std::string_view raw;                // as it came, with the blank line that ends it
  std::string_view data;               // its data lines, joined by LF
  std::string_view event;              // its name; empty: the default, "message"
  std::optional<std::string_view> id;  // as this event set it; holds for later ones until set again
  std::optional<std::uint32_t> retry;  // milliseconds, when the event has it
  bool has_data = false;               // without data it is nothing to the reader: comments, a name
  bool unterminated = false;           // the stream ended without the blank line
};

// One stream's bytes to events; used by one coroutine at a time. An event that lies in one feed and
// has one line of data is not copied. The `raw` of all events, one after the other, are the input.
class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes = limits::stream_event_bytes)
      : max_event_bytes_(max_event_bytes) {}

  // Accepts bytes split anywhere; appends whole events to `out`. Their views point into `bytes` and
  // into the parser, and are valid until the next call.
  //   errors   too_large: an event beyond the limit; do not feed again after one
  Result<void> feed(std::string_view bytes, std::vector<SseEvent>& out);
  // The stream has ended: what came after the last blank line, if anything did. The standard
  // discards it; several model servers close right after their last data line.
  std::optional<SseEvent> finish();

 private:
  class LineEnds;
  // Skips the byte order mark that the stream may begin with; false while it cannot be told yet.
  bool skip_mark(std::string_view begin, std::size_t& skip);
  // Takes from `bytes` what ends the event in `held_`, if they end it.
  Result<void> complete_held(std::string_view& bytes, bool swallow, std::vector<SseEvent>& out);
  Result<void> hold(std::string_view raw, std::size_t skip, std::size_t line_start);
  // Reads lines up to a blank one and leaves `cursor` behind it. False when there is none: then
  // `cursor` is at the line that has no end yet.
  bool read_event(const char*& cursor, LineEnds& ends, SseEvent& event);
  void read_line(std::string_view line, SseEvent& event);

  std::size_t max_event_bytes_;
  std::string held_;                // the event whose end has not come yet
  std::size_t held_skip_ = 0;       // its first bytes that belong to no line
  std::size_t line_start_ = 0;      // its last line, unfinished
  std::string completed_;           // the event that this feed completed
  std::deque<std::string> joined_;  // data of more than one line, of this feed's events
  bool at_start_ = true;            // a byte order mark may still come
  bool after_cr_ = false;           // LF at the start of the next feed belongs to this one's CR
};

}  // namespace holdfast::net
