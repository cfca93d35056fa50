// Any bytes as the answer of a token service, read as every kind of answer there is: no crash,
// credentials that are fit to be sent, refusals of one line that hold nothing that was sent.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "vault/aws.h"
#include "vault/google.h"
#include "vault/instant.h"
#include "vault/xml.h"

namespace {
using namespace holdfast;
using namespace holdfast::vault;
constexpr std::int64_t now_us = 1'800'000'000'000'000;
constexpr std::string_view secret = "Zq7~fuzz-secret";

void check_bearer(const Result<Credential>& got) {
  if (!got) return;
  HF_CHECK(is_visible(got->token.reveal()) && got->expires_us > now_us);
}

void check_keys(const Result<Credential>& got) {
  if (!got) return;
  HF_CHECK(is_visible(got->aws.access_key_id) && is_visible(got->aws.secret_access_key.reveal()) &&
           is_visible(got->aws.session_token.reveal()) && got->expires_us > now_us);
}

void check_refusal(std::string_view bytes) {
  static const Endpoint endpoint = *parse_endpoint("https://login.example/token", {});
  const TokenRequest request = post_form(endpoint, {{"client_secret", secret}});
  const std::string text = refusal(request, {400, {}, Secret(std::string(bytes))});
  HF_CHECK(text.size() < 1'024 && text.find(secret) == std::string::npos);
  for (const char c : text) HF_CHECK(c >= 0x20 && c < 0x7f);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const TokenAnswer answer{200, {}, Secret(std::string(bytes))};
  check_bearer(read_bearer(answer, now_us));
  check_bearer(read_impersonated(answer, now_us));
  check_keys(read_aws_keys(answer, now_us));
  check_keys(read_sts(answer, "AssumeRole", now_us));
  check_refusal(bytes);
  const auto leaves = read_xml(bytes);
  if (leaves) HF_CHECK(!leaves->empty() && leaves->size() <= limits::xml_leaves);
  (void)parse_rfc3339(bytes);
  (void)parse_http_date(bytes);
  return 0;
}
