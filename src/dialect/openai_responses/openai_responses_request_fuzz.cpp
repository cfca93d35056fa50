// What is read as a request can be written, is JSON then, and reads as the same again.
#include "base/check.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/kept.h"
#include "dialect/test_support.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace holdfast::dialect;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto& codec = openai_responses::codec();
  const auto request = codec.read_request(body, {}, false);
  if (!request) {
    HF_CHECK(!request.error().message.empty());
    return 0;
  }
  JsonDocument document;
  HF_CHECK(document.parse(body).has_value());
  openai_responses::read_state(document.root());
  const auto listed = openai_responses::list_items(document.root()["input"], "seed", {});
  JsonDocument list;
  HF_CHECK(listed.has_value() && list.parse(*listed).has_value());
  const JsonValue history[] = {document.root()["input"]};
  if (history[0].is_string() ||
      history[0].is_array())  // what could be read once can be gone on from
    HF_CHECK(openai_responses::read_request(body, history).has_value());
  Abilities abilities;
  abilities.house = "openai";
  std::vector<Loss> losses;
  const auto wire = codec.write_request(*request, request->model, abilities, losses);
  HF_CHECK(wire.has_value());
  const std::string written = wire->body.joined();
  JsonDocument check;
  HF_CHECK(check.parse(written).has_value());
  const auto again = codec.read_request(written, {}, false);
  if (!again) return 0;  // what was lost may have been all there was
  std::vector<Loss> none;
  const auto second = codec.write_request(*again, again->model, abilities, none);
  HF_CHECK(!losses.empty() || second->body.joined() == written);
  return 0;
}
