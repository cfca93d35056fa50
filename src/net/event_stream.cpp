#include "net/event_stream.h"

#include <algorithm>

#include "base/crc32.h"

namespace holdfast::net {
namespace {

constexpr std::size_t prelude_bytes = 12;  // two lengths and their CRC
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t least_bytes = prelude_bytes + crc_bytes;

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8U | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

void put_u32(std::string& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (24U - 8U * i));
}

// How long a value of this type is; nothing for types with a length of their own and unknown ones.
std::optional<std::size_t> fixed_size(EventStreamType type) {
  switch (type) {
    case EventStreamType::true_value:
    case EventStreamType::false_value:
      return 0;
    case EventStreamType::int8:
      return 1;
    case EventStreamType::int16:
      return 2;
    case EventStreamType::int32:
      return 4;
    case EventStreamType::int64:
    case EventStreamType::timestamp:
      return 8;
    case EventStreamType::uuid:
      return 16;
    case EventStreamType::bytes:
    case EventStreamType::string:
      return std::nullopt;
  }
  return std::nullopt;
}

// The message that `raw` is, its length and its prelude's CRC being right.
Result<EventStreamMessage> message_from(std::string_view raw) {
  const std::size_t body = raw.size() - crc_bytes;
  if (read_u32(raw, body) != crc32(raw.substr(0, body)))
    return fail(ErrorCode::malformed_response, "an event-stream message has a wrong CRC");
  const std::size_t header_bytes = read_u32(raw, 4);
  const EventStreamMessage out{
      raw, raw.substr(prelude_bytes, header_bytes),
      raw.substr(prelude_bytes + header_bytes, body - prelude_bytes - header_bytes)};
  std::string_view rest = out.headers;
  while (next_header(rest)) {
  }
  if (!rest.empty())
    return fail(ErrorCode::malformed_response, "an event-stream message has a malformed header");
  return out;
}

}  // namespace

std::optional<EventStreamHeader> next_header(std::string_view& headers) {
  if (headers.empty()) return std::nullopt;
  const std::size_t name_bytes = static_cast<unsigned char>(headers[0]);
  std::size_t at = 1 + name_bytes;
  if (name_bytes == 0 || at >= headers.size()) return std::nullopt;
  EventStreamHeader out;
  out.name = headers.substr(1, name_bytes);
  const auto type = static_cast<unsigned char>(headers[at++]);
  if (type > static_cast<unsigned char>(EventStreamType::uuid)) return std::nullopt;
  out.type = static_cast<EventStreamType>(type);
  auto size = fixed_size(out.type);
  if (!size) {
    if (at + 2 > headers.size()) return std::nullopt;
    size = static_cast<std::size_t>(static_cast<unsigned char>(headers[at])) << 8U |
           static_cast<unsigned char>(headers[at + 1]);
    at += 2;
  }
  if (*size > headers.size() - at) return std::nullopt;
  out.value = headers.substr(at, *size);
  headers.remove_prefix(at + *size);
  return out;
}

std::string_view EventStreamMessage::text(std::string_view name) const {
  std::string_view rest = headers;
  while (const auto header = next_header(rest))
    if (header->type == EventStreamType::string && header->name == name) return header->value;
  return {};
}

Result<std::size_t> EventStreamDecoder::length_of(std::string_view bytes) const {
  // A length is believed only when the CRC says that it came as it was sent.
  if (read_u32(bytes, 8) != crc32(bytes.substr(0, 8)))
    return fail(ErrorCode::malformed_response, "an event-stream prelude has a wrong CRC");
  const std::size_t total = read_u32(bytes, 0);
  const std::size_t header_bytes = read_u32(bytes, 4);
  if (total < least_bytes || header_bytes > total - least_bytes)
    return fail(ErrorCode::malformed_response, "an event-stream message has impossible lengths");
  if (header_bytes > event_stream_header_bytes)
    return fail(ErrorCode::too_large, "an event-stream message has headers beyond 128 KiB");
  if (total > max_message_bytes_)
    return fail(ErrorCode::too_large, "an event-stream message is longer than " +
                                          std::to_string(max_message_bytes_) + " bytes");
  return total;
}

Result<bool> EventStreamDecoder::complete_held(std::string_view& bytes) {
  const auto take = [this, &bytes](std::size_t up_to) {
    const std::size_t count = std::min(bytes.size(), up_to - std::min(up_to, held_.size()));
    held_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    return held_.size() >= up_to;
  };
  if (!take(prelude_bytes)) return false;
  const auto total = length_of(held_);
  if (!total) return std::unexpected(total.error());
  return take(*total);
}

Result<void> EventStreamDecoder::feed(std::string_view bytes,
                                      std::vector<EventStreamMessage>& out) {
  if (!held_.empty()) {
    const auto whole = complete_held(bytes);
    if (!whole) return std::unexpected(whole.error());
    if (!*whole) return {};
    completed_.swap(held_);
    held_.clear();
    const auto message = message_from(completed_);
    if (!message) return std::unexpected(message.error());
    out.push_back(*message);
  }
  while (bytes.size() >= prelude_bytes) {
    const auto total = length_of(bytes);
    if (!total) return std::unexpected(total.error());
    if (bytes.size() < *total) break;
    const auto message = message_from(bytes.substr(0, *total));
    if (!message) return std::unexpected(message.error());
    out.push_back(*message);
    bytes.remove_prefix(*total);
  }
  held_.assign(bytes);
  return {};
}

std::size_t begin_event_stream_message(std::string& out,
                                       std::span<const EventStreamHeader> headers) {
  const std::size_t begin = out.size();
  out.append(prelude_bytes, '\0');
  for (const EventStreamHeader& header : headers) {
    out.push_back(static_cast<char>(header.name.size()));
    out.append(header.name);
    out.push_back(static_cast<char>(header.type));
    if (!fixed_size(header.type)) {
      out.push_back(static_cast<char>(header.value.size() >> 8U));
      out.push_back(static_cast<char>(header.value.size()));
    }
    out.append(header.value);
  }
  put_u32(out, begin + 4, static_cast<std::uint32_t>(out.size() - begin - prelude_bytes));
  return begin;
}

void end_event_stream_message(std::string& out, std::size_t begin) {
  const std::size_t end = out.size();
  put_u32(out, begin, static_cast<std::uint32_t>(end + crc_bytes - begin));
  put_u32(out, begin + 8, crc32(std::string_view(out).substr(begin, 8)));
  const std::uint32_t crc = crc32(std::string_view(out).substr(begin));
  out.append(crc_bytes, '\0');
  put_u32(out, end, crc);
}

void append_event_stream_message(std::string& out, std::span<const EventStreamHeader> headers,
                                 std::string_view payload) {
  const std::size_t begin = begin_event_stream_message(out, headers);
  out.append(payload);
  end_event_stream_message(out, begin);
}

}  // namespace holdfast::net
