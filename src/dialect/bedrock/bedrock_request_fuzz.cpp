// A body that is accepted can be written, and what is written reads as it was; an answer likewise.
#include "base/check.h"
#include "dialect/bedrock/codec.h"
#include "dialect/json_document.h"
#include "dialect/test_support.h"

namespace {
using namespace holdfast::dialect;

// Written once, a request is in its canonical form: then nothing changes any more.
void check_request(const Codec& codec, std::string_view body) {
  const auto request = codec.read_request(body, "m", true);
  if (!request) return;
  Abilities abilities;
  abilities.house = "anthropic";
  abilities.prefill = true;
  std::vector<Loss> losses;
  const auto first = codec.write_request(*request, "m", abilities, losses);
  if (!first) return;
  const std::string written = first->body.joined();
  const auto again = codec.read_request(written, "m", true);
  if (!again) {  // what is sent is JSON, whatever it says
    JsonDocument document;
    HF_CHECK(document.parse(written).has_value());
    return;
  }
  const auto second = codec.write_request(*again, "m", abilities, losses);
  HF_CHECK(!second || second->body.size() <= 2 * written.size() + 1024);
  // Nothing of a client of another dialect may break the body either.
  Request foreign = *codec.read_request(body, "m", true);
  foreign.from = Dialect::openai;
  const auto translated = codec.write_request(foreign, "m", abilities, losses);
  if (!translated) return;
  JsonDocument document;
  HF_CHECK(document.parse(translated->body.joined()).has_value());
}

void check_answer(const Codec& codec, std::string_view body) {
  const auto answer = codec.read_answer(body);
  if (!answer) return;
  const std::string written = codec.write_answer(*answer, {});
  const auto again = codec.read_answer(written);
  HF_CHECK(again.has_value());
  // Counters that were not told are zero from then on.
  const std::string settled = codec.write_answer(*again, {});
  const auto third = codec.read_answer(settled);
  HF_CHECK(third.has_value());
  HF_CHECK(codec.write_answer(*third, {}) == settled);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Codec& codec = bedrock::codec();
  if (data[0] % 2 == 0)
    check_request(codec, text);
  else
    check_answer(codec, text);
  codec.read_error(400 + data[0], text);
  if (const auto path = bedrock::read_path(text)) {
    const auto again = bedrock::read_path(bedrock::path_of(path->model, path->stream));
    HF_CHECK(again && again->model == path->model && again->stream == path->stream);
  }
  return 0;
}
