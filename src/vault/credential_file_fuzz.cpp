// Any bytes as a credential file, and as the URLs in it: no crash, and no URL that sends tokens
// anywhere in the clear.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "vault/google.h"
#include "vault/metadata.h"

namespace {
using namespace holdfast;
using namespace holdfast::vault;

void check_url(std::string_view url) {
  const auto endpoint = parse_endpoint(url, {});
  if (!endpoint) return;
  HF_CHECK(endpoint->origin.tls || net::is_loopback_host(endpoint->origin.host) ||
           metadata_address(endpoint->origin));
  HF_CHECK(endpoint->target.starts_with('/') && is_visible(endpoint->target));
  HF_CHECK(is_visible(endpoint->authority));
  const auto bytes = to_bytes(TokenRequest{"GET", below(*endpoint, "/x?y"), {}, {}});
  HF_CHECK(bytes.has_value());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_url(bytes);
  if (const auto user = read_authorized_user(bytes)) check_url(user->token_url);
  if (const auto account = read_service_account(bytes)) check_url(account->token_url);
  const auto external = read_external_account(bytes);
  if (!external) return 0;
  check_url(external->token_url);
  check_url(external->url);
  check_url(external->impersonation_url);
  if (const auto token = subject_token(*external, bytes)) HF_CHECK(!token->empty());
  (void)exchange_request({}, *external, "subject", "scope");
  return 0;
}
