// AWS's binary framing of event streams (application/vnd.amazon.eventstream): a prelude with two
// lengths and its CRC, headers, a payload, and a CRC over all of it. Integers are big-endian, the
// CRC is zlib's. Source: the Smithy specification, "Amazon Event Stream", read November 2026.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::net {

// What the format itself permits.
inline constexpr std::size_t event_stream_message_bytes = 24U << 20U;
inline constexpr std::size_t event_stream_header_bytes = 128U << 10U;

// Numbered as on the wire.
enum class EventStreamType : std::uint8_t {
  true_value = 0,
  false_value = 1,
  int8 = 2,
  int16 = 3,
  int32 = 4,
  int64 = 5,
  bytes = 6,
  string = 7,
  timestamp = 8,  // milliseconds since 1970
  uuid = 9,
};

struct EventStreamHeader {
  std::string_view name;   // 1..255 bytes
  std::string_view value;  // as on the wire, without its length: numbers are big-endian
  EventStreamType type = EventStreamType::string;
};

struct EventStreamMessage {
  std::string_view raw;      // as it came, whole
  std::string_view headers;  // well-formed; see next_header
  std::string_view payload;
  // The text of the header `name`; empty when there is none, or it is no string.
  std::string_view text(std::string_view name) const;
};

// Takes the next header from the front of `headers`; nothing at the end, or where they are
// malformed (then `headers` is not empty).
std::optional<EventStreamHeader> next_header(std::string_view& headers);

// One stream's bytes to messages; used by one coroutine at a time. A message that lies in one feed
// is not copied. The `raw` of all messages, one after the other, are the input.
class EventStreamDecoder {
 public:
  // `max_message_bytes` is at most event_stream_message_bytes.
  explicit EventStreamDecoder(std::size_t max_message_bytes = event_stream_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  // Accepts bytes split anywhere; appends whole messages to `out`. Their views point into `bytes`
  // and into the decoder, and are valid until the next call.
  //   errors   malformed_response: a CRC, a length or a header is wrong; too_large: beyond the
  //            limit. Do not feed again after one.
  Result<void> feed(std::string_view bytes, std::vector<EventStreamMessage>& out);
  // Whether the bytes so far end within a message.
  bool within_message() const { return !held_.empty(); }

 private:
  // The length of the message at the front of `bytes`, which hold its prelude.
  Result<std::size_t> length_of(std::string_view bytes) const;
  // Takes from `bytes` what the message in `held_` lacks. True when it is whole.
  Result<bool> complete_held(std::string_view& bytes);

  std::size_t max_message_bytes_;
  std::string held_;       // the message whose end has not come yet
  std::string completed_;  // the one that this feed completed
};

// Appends a message: begin, then the payload is appended to `out`, then end with what begin
// returned.
std::size_t begin_event_stream_message(std::string& out,
                                       std::span<const EventStreamHeader> headers);
void end_event_stream_message(std::string& out, std::size_t begin);
// The same in one.
void append_event_stream_message(std::string& out, std::span<const EventStreamHeader> headers,
                                 std::string_view payload);

}  // namespace holdfast::net
