// However the bytes are split, the messages are the same; what was decoded is encoded to the same
// bytes again.
#include "base/check.h"
#include "net/event_stream.h"

namespace {
using namespace holdfast::net;

struct Reading {
  std::string raw;
  std::size_t messages = 0;
  bool failed = false;
};

Reading read(std::string_view bytes, std::size_t chunk) {
  EventStreamDecoder decoder(1U << 16U);
  Reading out;
  std::vector<EventStreamMessage> messages;
  for (std::size_t at = 0; at < bytes.size() && !out.failed; at += chunk) {
    const std::string only_now(bytes.substr(at, chunk));  // so that a view kept too long is found
    messages.clear();
    out.failed = !decoder.feed(only_now, messages);
    for (const EventStreamMessage& message : messages) {
      out.raw += message.raw;
      ++out.messages;
      std::vector<EventStreamHeader> headers;
      std::string_view rest = message.headers;
      while (const auto header = next_header(rest)) headers.push_back(*header);
      std::string again;
      append_event_stream_message(again, headers, message.payload);
      HF_CHECK(again == message.raw);
    }
  }
  HF_CHECK(bytes.starts_with(out.raw));
  HF_CHECK(out.failed || decoder.within_message() == (out.raw.size() < bytes.size()));
  return out;
}

// Puts right CRCs into what may be one message, so that mutations get past them.
std::string mended(std::string_view bytes) {
  std::string out;
  if (bytes.size() < 16) return out;
  const std::size_t header_bytes = std::min<std::size_t>(
      static_cast<unsigned char>(bytes[6]) * 256U + static_cast<unsigned char>(bytes[7]),
      bytes.size() - 16);
  const std::size_t begin = begin_event_stream_message(out, {});
  out.append(bytes.substr(12, bytes.size() - 16));
  out[4] = out[5] = 0;
  out[6] = static_cast<char>(header_bytes >> 8U);
  out[7] = static_cast<char>(header_bytes);
  end_event_stream_message(out, begin);
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t chunk = 1U + data[0] % 16U;
  const std::string given(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const std::string& bytes : {given, mended(given) + mended(given)}) {
    const Reading whole = read(bytes, bytes.size() + 1);
    for (const std::size_t each : {std::size_t{1}, chunk}) {
      const Reading cut = read(bytes, each);
      HF_CHECK(cut.failed == whole.failed && cut.messages == whole.messages);
    }
  }
  return 0;
}
