// Tokens of Google Cloud (developers.google.com/identity/protocols/oauth2/service-account,
// google.aip.dev/auth/4117, read 2026-11): key file, metadata server, workload identity
// federation, a user's own login.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/jwt.h"
#include "vault/settings.h"

namespace holdfast::vault {

struct ServiceAccount {
  std::string email, key_id, token_url;
  RsaKey key;
};
// A key file.   errors   configuration
Result<ServiceAccount> read_service_account(std::string_view json);
// What proves to `audience` that we are `account`: a JWT, valid for an hour.
Result<Secret> service_account_assertion(const ServiceAccount& account, std::string_view scopes,
                                         std::string_view audience, std::int64_t now_us);

struct AuthorizedUser {
  std::string client_id, token_url;
  Secret client_secret, refresh_token;
};
Result<AuthorizedUser> read_authorized_user(std::string_view json);

struct ExternalAccount {
  std::string audience, subject_token_type, token_url;
  std::string impersonation_url;  // empty: the federated token is used itself
  std::int64_t impersonation_s = 3'600;
  std::string file, url;        // where the subject token is: one of them
  std::vector<Header> headers;  // sent to `url`
  std::string json_field;       // the token's name in JSON; empty: it is the whole text
};
//   errors   configuration; kinds of subject tokens that are not read here (aws, executable,
//   certificate) are named
Result<ExternalAccount> read_external_account(std::string_view json);
// The subject token in what `account.file` or `account.url` holds.
Result<Secret> subject_token(const ExternalAccount& account, std::string_view text);
TokenRequest exchange_request(const Endpoint& endpoint, const ExternalAccount& account,
                              std::string_view subject_token, std::string_view scopes);
TokenRequest impersonation_request(const Endpoint& endpoint, const ExternalAccount& account,
                                   std::string_view federated_token,
                                   const std::vector<std::string>& scopes);
Result<Credential> read_impersonated(const TokenAnswer& answer, std::int64_t now_us);

TokenRequest metadata_request(const Endpoint& endpoint, std::string_view account,
                              const std::vector<std::string>& scopes);

std::unique_ptr<const CredentialSource> make_google_source(const AuthSettings& settings);

}  // namespace holdfast::vault
