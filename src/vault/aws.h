// Keys of AWS: its Security Token Service (docs.aws.amazon.com/STS/latest/APIReference), the
// container endpoint and instance metadata v2 (docs.aws.amazon.com/sdkref, read 2026-11).
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "vault/settings.h"

namespace holdfast::vault {

// https://sts.eu-central-1.amazonaws.com
std::string sts_url(std::string_view region);
TokenRequest web_identity_request(const Endpoint& endpoint, const AuthSettings& settings,
                                  std::string_view token);
// Signed by `base`.
Result<TokenRequest> assume_role_request(const Endpoint& endpoint, const AuthSettings& settings,
                                         const Credential& base, std::int64_t now_us);
// The XML of either.   action   "AssumeRole" or "AssumeRoleWithWebIdentity"
Result<Credential> read_sts(const TokenAnswer& answer, std::string_view action,
                            std::int64_t now_us);
// The JSON of container endpoint and instance metadata.
Result<Credential> read_aws_keys(const TokenAnswer& answer, std::int64_t now_us);

std::unique_ptr<const CredentialSource> make_aws_source(const AuthSettings& settings);

}  // namespace holdfast::vault
