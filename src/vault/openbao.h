// Secrets of an OpenBao or HashiCorp Vault: its key-value engine, version 2, behind a login by
// AppRole or a token (openbao.org/api-docs/secret/kv/kv-v2, .../auth/approle, read 2026-11).
#pragma once
#include <memory>
#include <string_view>

#include "vault/settings.h"

namespace holdfast::vault {

// What a login or a renewal gives.
struct BaoToken {
  Secret token;
  std::int64_t life_us = 0;  // 0: it has no end
  bool renewable = false;
};

TokenRequest login_request(const Endpoint& server, const AuthSettings& settings);
TokenRequest renew_request(const Endpoint& server, std::string_view token);
TokenRequest lookup_request(const Endpoint& server, std::string_view token);
TokenRequest secret_request(const Endpoint& server, const AuthSettings& settings,
                            std::string_view token);
// The answers to a login or a renewal, and to a look at a token that was given.
//   errors   malformed_response
Result<BaoToken> read_login(const TokenAnswer& answer);
Result<BaoToken> read_lookup(const TokenAnswer& answer, std::string_view token);
// The field of the secret, and its version; it has no end of its own.
//   errors   malformed_response; configuration: it has no such field: says which it has
Result<Credential> read_secret(const TokenAnswer& answer, const AuthSettings& settings);

// A source that keeps its login from one fetch to the next. One coroutine at a time fetches.
std::unique_ptr<const CredentialSource> make_openbao_source(const AuthSettings& settings);

}  // namespace holdfast::vault
