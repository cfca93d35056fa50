// However a stream is cut, its events are the same; blocks open before their deltas, once, and are
// closed before the end; what is written of them for a client is a stream again. The input is lines
// "EVENT PAYLOAD", framed here, so that mutations get past the CRCs; or, after a '!', raw bytes.
#include <map>

#include "base/check.h"
#include "dialect/bedrock/codec.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"
#include "net/event_stream.h"

namespace {
using namespace holdfast;
using namespace holdfast::dialect;

std::string framed(std::string_view text) {
  if (text.starts_with('!')) return std::string(text.substr(1));
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space);
    const bool exception = name.ends_with("Exception");
    const net::EventStreamHeader headers[] = {
        {exception ? ":exception-type" : ":event-type", name.substr(0, 200)},
        {":message-type", exception ? "exception" : "event"}};
    net::append_event_stream_message(out, headers, line.substr(std::min(space + 1, line.size())));
  }
  return out;
}

// Checks the order of what is read, and writes it for a client.
struct Checked {
  std::unique_ptr<StreamReader> reader = bedrock::codec().stream_reader();
  std::unique_ptr<StreamWriter> writer = bedrock::codec().stream_writer({});
  std::map<std::uint32_t, bool> open;
  bool finished = false, ended = false;
  std::string bytes;

  void take(const std::vector<StreamEvent>& events) {
    for (const StreamEvent& event : events) {
      HF_CHECK(!ended);
      switch (event.kind) {
        case EventKind::block_start:
          HF_CHECK(!open.contains(event.block));
          open[event.block] = true;
          break;
        case EventKind::delta:
        case EventKind::signature:
        case EventKind::citation:
          HF_CHECK(open[event.block]);
          break;
        case EventKind::block_stop:
          HF_CHECK(open[event.block]);
          open[event.block] = false;
          break;
        case EventKind::finish:
          HF_CHECK(!finished);
          for (const auto& [block, is_open] : open) HF_CHECK(!is_open);
          finished = true;
          break;
        case EventKind::end:
          HF_CHECK(finished);
          ended = true;
          break;
        default:
          break;
      }
      writer->write(event, bytes);
    }
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string bytes = framed({reinterpret_cast<const char*>(data) + 1, size - 1});
  const auto whole = bedrock::codec().stream_reader();
  const std::string said = test::read_stream(*whole, bytes, bytes.size() + 1);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{2} + data[0] % 32U}) {
    const auto cut = bedrock::codec().stream_reader();
    HF_CHECK(test::read_stream(*cut, bytes, chunk) == said);
  }
  Checked checked;
  std::vector<StreamEvent> events;
  const bool fed = checked.reader->feed(bytes, events).has_value();
  checked.take(events);
  events.clear();
  if (fed && checked.reader->finish(events)) checked.take(events);
  net::EventStreamDecoder decoder;
  std::vector<net::EventStreamMessage> messages;
  HF_CHECK(decoder.feed(checked.bytes, messages).has_value() && !decoder.within_message());
  JsonDocument document;
  for (const auto& message : messages) HF_CHECK(document.parse(message.payload).has_value());
  return 0;
}
