// However the bytes of a stream are cut, the events are the same; blocks open before their deltas
// and close once; what is written of them can be read again. Answers and errors are read as well.
#include "base/check.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/test_support.h"

namespace {

using namespace holdfast::dialect;
using openai_responses::codec;

// Writes the events of `bytes` for a client, and checks their order.
std::string translated(std::string_view bytes) {
  const auto reader = codec().stream_reader();
  const auto writer = openai_responses::response_stream({}, {});
  std::vector<StreamEvent> events;
  const bool fed = reader->feed(bytes, events).has_value();
  std::string out;
  std::vector<bool> open;
  bool over = false;
  for (const StreamEvent& event : events) {
    HF_CHECK(!over);
    switch (event.kind) {
      case EventKind::block_start:
        HF_CHECK(event.block == open.size());
        open.push_back(true);
        break;
      case EventKind::delta:
      case EventKind::signature:
      case EventKind::citation:
        HF_CHECK(event.block < open.size() && open[event.block]);
        break;
      case EventKind::block_stop:
        HF_CHECK(event.block < open.size() && open[event.block]);
        open[event.block] = false;
        break;
      case EventKind::finish:
        for (const bool still : open) HF_CHECK(!still);
        break;
      case EventKind::error:
      case EventKind::end:
        over = true;
        break;
      default:
        break;
    }
    writer->write(event, out);
  }
  if (fed && over) {
    JsonDocument response;
    HF_CHECK(response.parse(writer->whole()).has_value());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto answer = codec().read_answer(bytes)) {
    const std::string written = codec().write_answer(*answer, {});
    HF_CHECK(codec().read_answer(written).has_value());
  }
  codec().read_error(400 + data[0], bytes);
  const auto whole = codec().stream_reader();
  const std::string said = test::read_stream(*whole, bytes, bytes.size() + 1);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{1} + data[0] % 16U}) {
    const auto cut = codec().stream_reader();
    HF_CHECK(test::read_stream(*cut, bytes, chunk) == said);
  }
  const std::string again = translated(bytes);
  const auto reader = codec().stream_reader();
  HF_CHECK(test::read_stream(*reader, again, again.size() + 1).find("failed: ") ==
           std::string::npos);
  return 0;
}
