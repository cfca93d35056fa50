// A request that is accepted can be written for every server of the dialect; what is written is
// acceptable again, and from then on stays as it is.
#include "base/check.h"
#include "dialect/json_document.h"
#include "dialect/openai/codec.h"
#include "dialect/test_support.h"

namespace {
using namespace holdfast::dialect;

std::string written(const openai::ChatCodec& codec, const Request& request) {
  std::vector<Loss> losses;
  const auto wire = codec.write_request(request, "m", {}, losses);
  HF_CHECK(wire.has_value());
  return wire->body.joined();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto tables = openai::deviations::all();
  const openai::ChatCodec codec(*tables[data[0] % tables.size()]);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto request = codec.read_request(body, "", false);
  if (!request) {
    HF_CHECK(!request.error().message.empty());
    return 0;
  }
  const std::string first = written(codec, *request);
  JsonDocument document;
  HF_CHECK(document.parse(first).has_value());
  const openai::ChatCodec own(openai::deviations::openai);
  const std::string once = written(own, *request);
  const auto again = own.read_request(once, "", false);
  HF_CHECK(again.has_value());
  const std::string twice = written(own, *again);
  const auto third = own.read_request(twice, "", false);
  HF_CHECK(third.has_value());
  HF_CHECK(test::describe(*again) == test::describe(*third));
  return 0;
}
