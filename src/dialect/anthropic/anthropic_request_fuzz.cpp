// Requests, answers and errors: what is read can be written, and what was written reads the same.
#include <string>

#include "base/check.h"
#include "dialect/anthropic/codec.h"
#include "dialect/test_support.h"

using namespace holdfast::dialect;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Codec& codec = anthropic::codec();
  AnswerContext context;
  context.request_id = "r";
  codec.read_error(400 + data[0], body);
  if (const auto answer = codec.read_answer(body)) {
    const std::string written = codec.write_answer(*answer, context);
    const auto again = codec.read_answer(written);
    HF_CHECK(again.has_value());
    HF_CHECK(codec.write_answer(*again, context) == written);
  }
  JsonDocument document;
  if (document.parse(body)) anthropic::check_version(anthropic::version_2026, document.root());

  auto request = codec.read_request(body, {}, false);
  if (!request) return 0;
  Abilities abilities;
  abilities.house = "anthropic";
  abilities.adaptive_thinking = (data[0] & 1U) != 0;
  abilities.prefill = (data[0] & 2U) != 0;
  std::vector<Loss> losses;
  const auto wire = codec.write_request(*request, request->model, abilities, losses);
  if (!wire) return 0;
  const std::string written = wire->body.joined();
  const auto again = codec.read_request(written, {}, false);
  HF_CHECK(again.has_value());
  const auto third = codec.write_request(*again, again->model, abilities, losses);
  HF_CHECK(third.has_value());
  // The second reading is the normal form: from there on nothing moves.
  const std::string normal = third->body.joined();
  const auto last = codec.read_request(normal, {}, false);
  HF_CHECK(last.has_value() && test::describe(*last) == test::describe(*again));
  return 0;
}
