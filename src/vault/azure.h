// Tokens of Microsoft Entra and of Azure's managed identities
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
// learn.microsoft.com/azure/app-service/overview-managed-identity, read 2026-11).
#pragma once
#include <memory>
#include <string_view>

#include "vault/settings.h"

namespace holdfast::vault {

// POST {tenant}/oauth2/v2.0/token below `authority`, with the secret or, when it is not empty, the
// assertion.
TokenRequest client_credentials_request(const Endpoint& authority, const AuthSettings& settings,
                                        std::string_view assertion);
// GET of a managed identity's token, in the form that `settings` name.
TokenRequest managed_identity_request(const Endpoint& endpoint, const AuthSettings& settings);

std::unique_ptr<const CredentialSource> make_azure_source(const AuthSettings& settings);

}  // namespace holdfast::vault
