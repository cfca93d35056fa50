// Where a provider's credential comes from, as its operator configured it: `auth` of a provider.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "vault/credential.h"
#include "vault/request.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::vault {

enum class Source : std::uint8_t {  // spelled in the file as here
  google_service_account,
  google_metadata,
  google_workload_identity,
  google_authorized_user,
  entra_client_secret,
  entra_federated,
  azure_managed_identity,
  aws_static,
  aws_web_identity,
  aws_assume_role,
  aws_container,
  aws_instance,
  openbao,
};
std::string_view to_string(Source source);

enum class ManagedForm : std::uint8_t { imds, app_service };

struct AuthSettings {  // what a source does not use keeps its default
  Source source = Source::google_service_account;
  std::string credential_file;              // google: key file, external account or authorized user
  std::string token_file;                   // entra_federated, aws_web_identity, aws_container
  std::string endpoint;                     // of the service; empty: the cloud's own
  std::string token_url;                    // google: in place of what the credential file says
  std::string impersonation_url;            // google_workload_identity: likewise
  std::vector<std::string> scopes;          // google
  std::string account = "default";          // google_metadata
  std::string tenant, client_id;            // entra, azure
  Secret client_secret;                     // entra_client_secret
  std::string scope;                        // entra; azure_managed_identity asks for its resource
  ManagedForm form = ManagedForm::imds;     // azure_managed_identity
  Secret identity_header;                   // azure_managed_identity, form app_service
  std::string access_key_id;                // aws_static
  Secret secret_access_key, session_token;  // aws_static
  std::string region;                       // aws: of the token service
  std::string role;                         // aws_instance; empty: the instance's own
  std::string role_arn, session_name = "holdfast", external_id;
  std::chrono::seconds duration{3'600};
  std::string mount = "secret", path, field = "key";  // openbao: where the secret is
  int version = 0;                                    // openbao; 0: the newest
  std::string role_id, login_mount = "approle";       // openbao
  Secret secret_id, token;                            // openbao: one of them
  std::chrono::seconds lease{300};                    // openbao
  std::shared_ptr<const AuthSettings> base;           // aws_assume_role: who assumes it
  Network network;
};
// Whether both get the same credential in the same way, so that one that runs may be kept.
bool operator==(const AuthSettings& a, const AuthSettings& b);
// Whether what was fetched with `a` is good for who is told `b`: all but the secrets that prove it.
bool same_account(const AuthSettings& a, const AuthSettings& b);

// What the kind of provider that is read can use, and what it needs where the file says nothing.
struct AuthOffer {
  bool google = true, azure = true, aws = true;
  std::string google_scope = "https://www.googleapis.com/auth/cloud-platform";
  std::string azure_scope = "https://cognitiveservices.azure.com/.default";
  std::string aws_region;  // of the provider
};

// Reads `auth` of a provider; nothing when the file does not set it. What is wrong is reported at
// its key, and there is a value nevertheless.   Blocks on the disk.
std::optional<AuthSettings> read_auth(config::Section& provider, const AuthOffer& offer);

// The source that `settings` describe.
std::unique_ptr<const CredentialSource> make_source(const AuthSettings& settings);

}  // namespace holdfast::vault
