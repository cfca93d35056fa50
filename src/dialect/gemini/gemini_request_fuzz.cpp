// Requests of Google's dialect: what is read can be written, and is the same when read again.
#include "base/check.h"
#include "dialect/gemini/codec.h"
#include "dialect/gemini/embedding.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace holdfast::dialect;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)gemini::split_path(body);
  (void)gemini::retry_delay(body);
  (void)gemini::codec().read_error(400, body);
  (void)gemini::read_embed_answer(body);
  for (const gemini::Verb verb :
       {gemini::Verb::embed_content, gemini::Verb::batch_embed_contents, gemini::Verb::predict})
    (void)gemini::read_embed_request(body, "m", verb);
  if (const auto answer = gemini::codec().read_answer(body)) {
    const std::string again = gemini::codec().write_answer(*answer, {});
    HF_CHECK(gemini::codec().read_answer(again).has_value());
  }
  const auto request = gemini::codec().read_request(body, "m", false);
  if (!request) return 0;
  Abilities abilities;
  abilities.house = "google";
  std::vector<Loss> losses;
  const auto wire = gemini::codec().write_request(*request, "m", abilities, losses);
  HF_CHECK(wire.has_value());
  const std::string text = wire->body.joined();
  JsonDocument document;
  HF_CHECK(document.parse(text).has_value());
  const auto second = gemini::codec().read_request(text, "m", false);
  if (!second) return 0;  // a part that says nothing elsewhere, an id given twice ...
  std::vector<Loss> more;
  const auto third = gemini::codec().write_request(*second, "m", abilities, more);
  const std::string stable = third->body.joined();
  const auto last = gemini::codec().read_request(stable, "m", false);
  HF_CHECK(last.has_value());
  HF_CHECK(test::describe(*last) == test::describe(*second));
  return 0;
}
