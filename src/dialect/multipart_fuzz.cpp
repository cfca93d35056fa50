// A form that is read stays the same form when one of its parts is replaced, and no part has the
// boundary in it.
#include "base/check.h"
#include "dialect/multipart.h"
#include "dialect/openai/form_request.h"

// The input is a Content-Type, LF and a body.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace holdfast::dialect;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  if (line == text.npos) return 0;
  const auto boundary = read_boundary(text.substr(0, line));
  if (!boundary) return 0;
  HF_CHECK(read_boundary(form_content_type(*boundary)).value_or("") == *boundary);
  const std::string_view body = text.substr(line + 1);
  const auto parts = read_form(body, *boundary);
  const auto request = openai::scan_form(openai::Endpoint::audio_transcriptions, body, *boundary);
  if (!parts) {
    HF_CHECK(!parts.error().message.empty() && !request);
    return 0;
  }
  const std::string delimiter = "--" + std::string(*boundary);
  for (const FormPart& part : *parts) {
    HF_CHECK(part.begin < part.end && part.end < body.size());
    HF_CHECK(part.value.find(delimiter) == part.value.npos);
  }
  if (!request) return 0;
  const std::string sent = openai::splice(*request, {.model = "m-2"});
  const auto again = openai::scan_form(openai::Endpoint::audio_transcriptions, sent, *boundary);
  HF_CHECK(again && again->model == "m-2" && again->stream == request->stream);
  return 0;
}
