// The request scanner: what it accepts, simdjson accepts; what it splices stays acceptable and
// keeps its model; nothing else changes.
#include <simdjson.h>

#include <iterator>

#include "base/check.h"
#include "dialect/json_scan.h"
#include "dialect/openai/answer.h"
#include "dialect/openai/media.h"
#include "dialect/openai/request.h"

namespace {

using namespace holdfast::dialect;
using namespace holdfast::dialect::openai;

// simdjson refuses numbers that fit no 64 bits, which are fine here.
bool simdjson_minds(simdjson::error_code error) {
  return error != simdjson::SUCCESS && error != simdjson::NUMBER_ERROR &&
         error != simdjson::DEPTH_ERROR;
}

constexpr Endpoint endpoints[] = {Endpoint::chat_completions, Endpoint::completions,
                                  Endpoint::embeddings,       Endpoint::images_generations,
                                  Endpoint::moderations,      Endpoint::audio_speech};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const Endpoint endpoint = endpoints[data[0] % std::size(endpoints)];
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  scan_event(body);
  scan_media_event(body);
  scan_answer(endpoint, body);
  classify_error(400 + data[0], body);
  const auto request = scan_request(endpoint, body);
  if (!request) return 0;

  simdjson::dom::parser parser;
  simdjson::dom::element document;
  const auto error = parser.parse(simdjson::padded_string(body)).get(document);
  HF_CHECK(!simdjson_minds(error));

  const std::vector<std::string> stop = {"\nUser:", "\"quoted\""};
  const std::string spliced = splice(*request, {"other-model", request->stream, &stop});
  const auto again = scan_request(endpoint, spliced);
  HF_CHECK(again.has_value());
  HF_CHECK(again->model == "other-model");
  HF_CHECK(!request->stream || again->include_usage);
  const std::string same = splice(*request, {request->model, false, nullptr});
  const auto third = scan_request(endpoint, same);
  HF_CHECK(third.has_value() && third->model == request->model);
  HF_CHECK(body.substr(0, request->model_at.begin) ==
           std::string_view(same).substr(0, request->model_at.begin));
  const std::size_t kept_from =
      request->model_at.end > 0 ? request->model_at.end : request->root_at;
  HF_CHECK(same.ends_with(body.substr(kept_from)));
  return 0;
}
