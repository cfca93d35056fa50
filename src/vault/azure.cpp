#include "vault/azure.h"

#include <fmt/format.h>

namespace holdfast::vault {
namespace {
constexpr std::string_view entra_url = "https://login.microsoftonline.com";
constexpr std::string_view instance_url = "http://169.254.169.254/metadata/identity/oauth2/token";

// "https://cognitiveservices.azure.com/.default" is the resource "https://cognitive...com".
std::string_view resource_of(std::string_view scope) {
  constexpr std::string_view suffix = "/.default";
  if (scope.ends_with(suffix)) scope.remove_suffix(suffix.size());
  return scope;
}

class EntraSource final : public CredentialSource {
 public:
  explicit EntraSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    Secret assertion;
    if (settings_.source == Source::entra_federated) {
      auto file = exchange.read_file(settings_.token_file);
      if (!file) co_return std::unexpected(std::move(file).error());
      assertion = *std::move(file);
    }
    const auto authority = parse_endpoint(
        settings_.endpoint.empty() ? entra_url : settings_.endpoint, settings_.network);
    if (!authority)
      co_return fail(ErrorCode::configuration, "endpoint: " + authority.error().detail);
    TokenRequest request = client_credentials_request(*authority, settings_, assertion.reveal());
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_bearer(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

class ManagedIdentitySource final : public CredentialSource {
 public:
  explicit ManagedIdentitySource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto endpoint = parse_endpoint(
        settings_.endpoint.empty() ? instance_url : settings_.endpoint, settings_.network);
    if (!endpoint) co_return fail(ErrorCode::configuration, "endpoint: " + endpoint.error().detail);
    TokenRequest request = managed_identity_request(*endpoint, settings_);
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_bearer(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};
}  // namespace

TokenRequest client_credentials_request(const Endpoint& authority, const AuthSettings& settings,
                                        std::string_view assertion) {
  const Secret tenant = percent_encode(settings.tenant);
  const Endpoint endpoint = below(authority, fmt::format("/{}/oauth2/v2.0/token", tenant.reveal()));
  if (assertion.empty())
    return post_form(endpoint, {{"grant_type", "client_credentials"},
                                {"client_id", settings.client_id},
                                {"client_secret", settings.client_secret.reveal()},
                                {"scope", settings.scope}});
  return post_form(endpoint, {{"grant_type", "client_credentials"},
                              {"client_id", settings.client_id},
                              {"client_assertion_type",
                               "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                              {"client_assertion", assertion},
                              {"scope", settings.scope}});
}

TokenRequest managed_identity_request(const Endpoint& endpoint, const AuthSettings& settings) {
  const bool instance = settings.form == ManagedForm::imds;
  const Secret query = form({{"api-version", instance ? "2018-02-01" : "2019-08-01"},
                             {"resource", resource_of(settings.scope)},
                             {"client_id", settings.client_id}});
  TokenRequest out{"GET", below(endpoint, fmt::format("?{}", query.reveal())), {}, {}};
  if (instance)
    out.headers.push_back({"Metadata", Secret("true")});
  else
    out.headers.push_back({"X-IDENTITY-HEADER", settings.identity_header});
  return out;
}

std::unique_ptr<const CredentialSource> make_azure_source(const AuthSettings& settings) {
  if (settings.source == Source::azure_managed_identity)
    return std::make_unique<ManagedIdentitySource>(settings);
  return std::make_unique<EntraSource>(settings);
}

}  // namespace holdfast::vault
