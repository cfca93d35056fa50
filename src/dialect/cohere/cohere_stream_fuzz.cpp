// However the bytes of a stream are cut, the events are the same. Answers of all kinds and errors
// are read as well, and requests for reranking.
#include "base/check.h"
#include "dialect/cohere/codec.h"
#include "dialect/cohere/rerank.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace holdfast::dialect;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& codec = cohere::codec();
  (void)codec.read_answer(bytes);
  codec.read_error(400 + data[0], bytes);
  (void)cohere::read_rerank_answer(bytes, data[0]);
  if (const auto request = cohere::read_rerank_request(bytes)) {
    const std::string written = cohere::write_rerank_request(*request, "m").body.joined();
    const auto again = cohere::read_rerank_request(written);
    HF_CHECK(again.has_value());
    HF_CHECK(again->documents == request->documents);
  }
  const auto whole = codec.stream_reader();
  const std::string said = test::read_stream(*whole, bytes, bytes.size() + 1);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{1} + data[0] % 16U}) {
    const auto cut = codec.stream_reader();
    HF_CHECK(test::read_stream(*cut, bytes, chunk) == said);
  }
  return 0;
}
