// Streams of Google's dialect: where the bytes are cut changes no event, and what the events say
// can be written as a stream of the same dialect.
#include "base/check.h"
#include "dialect/gemini/codec.h"
#include "dialect/test_support.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace holdfast::dialect;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = gemini::codec().stream_reader();
  const std::string said = test::read_stream(*whole, bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto pieces = gemini::codec().stream_reader();
  HF_CHECK(test::read_stream(*pieces, bytes, 1 + data[0] % 7) == said);

  AnswerContext context;
  context.json_array = data[0] >= 128;
  const auto writer = gemini::codec().stream_writer(context);
  const auto reader = gemini::codec().stream_reader();
  std::vector<StreamEvent> events;
  std::string out;
  if (!reader->feed(bytes, events) || !reader->finish(events)) return 0;
  for (const StreamEvent& event : events) writer->write(event, out);
  const auto again = gemini::codec().stream_reader();
  std::vector<StreamEvent> read;
  HF_CHECK(again->feed(out, read).has_value());
  return 0;
}
