// However the bytes of a chat stream are cut, the events are the same; what comes of them is
// written without complaint, and read again.
#include "base/check.h"
#include "dialect/openai/codec.h"
#include "dialect/test_support.h"

namespace {
using namespace holdfast::dialect;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto tables = openai::deviations::all();
  const openai::ChatCodec codec(*tables[data[0] % tables.size()]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = codec.stream_reader();
  const auto single = codec.stream_reader();
  HF_CHECK(test::read_stream(*whole, bytes, size) == test::read_stream(*single, bytes, 1));

  AnswerContext context;
  context.include_usage = true;
  context.pad_seed = size;
  const auto reader = codec.stream_reader();
  const auto writer = codec.stream_writer(context);
  std::vector<StreamEvent> events;
  std::string out;
  const bool fed = reader->feed(bytes, events).has_value();
  for (const StreamEvent& event : events) writer->write(event, out);
  if (!fed) writer->error({}, out);
  const auto again = codec.stream_reader();
  events.clear();
  HF_CHECK(again->feed(out, events).has_value());
  HF_CHECK(again->finish(events).has_value());

  static_cast<void>(codec.read_answer(bytes));
  codec.read_error(400 + data[0], bytes);
  return 0;
}
