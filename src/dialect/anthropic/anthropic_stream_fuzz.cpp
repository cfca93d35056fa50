// The stream reader: the same events however the bytes are cut; blocks open before they speak and
// close before the end; and what the writer makes of them is read again.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

namespace {

using namespace holdfast::dialect;

void hold_to_order(const std::vector<StreamEvent>& events, std::vector<std::uint32_t>& open) {
  for (const StreamEvent& event : events) {
    const auto found = std::ranges::find(open, event.block);
    switch (event.kind) {
      case EventKind::block_start:
        HF_CHECK(found == open.end());
        open.push_back(event.block);
        break;
      case EventKind::delta:
      case EventKind::signature:
      case EventKind::citation:
        HF_CHECK(found != open.end());
        break;
      case EventKind::block_stop:
        HF_CHECK(found != open.end());
        open.erase(found);
        break;
      case EventKind::finish:
      case EventKind::end:
        HF_CHECK(open.empty());
        break;
      default:
        break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto said = [bytes](std::size_t chunk) {
    return test::read_stream(*anthropic::codec().stream_reader(), bytes, chunk, true);
  };
  const std::string whole = said(size);
  HF_CHECK(said(1) == whole);
  HF_CHECK(said(1U + data[0] % 16U) == whole);

  AnswerContext context;
  context.request_id = "r";
  context.pad_seed = data[0];
  const auto reader = anthropic::codec().stream_reader();
  const auto writer = anthropic::codec().stream_writer(context);
  std::vector<StreamEvent> events;
  std::vector<std::uint32_t> open;
  std::string written;
  const bool fed = reader->feed(bytes, events).has_value();
  hold_to_order(events, open);
  for (const StreamEvent& event : events) writer->write(event, written);
  events.clear();
  if (fed && reader->finish(events)) {
    hold_to_order(events, open);
    for (const StreamEvent& event : events) writer->write(event, written);
  }
  const auto again = anthropic::codec().stream_reader();
  events.clear();
  open.clear();
  HF_CHECK(again->feed(written, events).has_value());
  hold_to_order(events, open);
  return 0;
}
