#include "vault/google.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "vault/instant.h"

namespace holdfast::vault {
namespace {
namespace json = boost::json;
constexpr std::string_view google_token_url = "https://oauth2.googleapis.com/token";
constexpr std::string_view google_metadata_url = "http://metadata.google.internal";
constexpr std::string_view iam_scope = "https://www.googleapis.com/auth/iam";
constexpr std::int64_t assertion_s = 3'600;
constexpr std::int64_t us_per_s = 1'000'000;

std::unexpected<Error> wrong(std::string detail) {
  return fail(ErrorCode::configuration, std::move(detail));
}

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

std::string_view or_else(std::string_view text, std::string_view fallback) {
  return text.empty() ? fallback : text;
}

// A credential file of the given type.
Result<json::object> read_file_of(std::string_view text, std::string_view type) {
  auto object = read_object(text, "the credential file");
  if (!object) return wrong(std::move(object.error().detail));
  if (text_of(*object, "type") != type)
    return wrong(fmt::format("the credential file is not of the type \"{}\"", type));
  return object;
}

std::optional<Error> read_subject_source(const json::object& source, ExternalAccount& into) {
  into.file = text_of(source, "file");
  into.url = text_of(source, "url");
  if (into.file.empty() == into.url.empty() || source.contains("environment_id"))
    return Error{ErrorCode::configuration,
                 "the credential file's credential_source must have a file or a url; others "
                 "(aws, executable, certificate) are not read here"};
  if (const json::value* headers = source.if_contains("headers"); headers && headers->is_object())
    for (const auto& [key, value] : headers->get_object()) {
      const std::string_view name(key.data(), key.size());
      const bool fit = is_visible(name) && name.find(':') == std::string_view::npos;
      if (!fit || !value.is_string())
        return Error{ErrorCode::configuration, "a header of credential_source is not one"};
      into.headers.push_back(
          {std::string(name), Secret(std::string(text_of(headers->get_object(), name)))});
    }
  const json::value* format = source.if_contains("format");
  if (format == nullptr || !format->is_object()) return std::nullopt;
  const std::string_view type = text_of(format->get_object(), "type");
  if (type == "json") {
    into.json_field = text_of(format->get_object(), "subject_token_field_name");
    if (!into.json_field.empty()) return std::nullopt;
  } else if (type.empty() || type == "text") {
    return std::nullopt;
  }
  return Error{ErrorCode::configuration,
               "the credential file's format must be text, or json with subject_token_field_name"};
}

std::string joined(const std::vector<std::string>& scopes) {
  return fmt::format("{}", fmt::join(scopes, " "));
}

class ServiceAccountSource final : public CredentialSource {
 public:
  explicit ServiceAccountSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto file = exchange.read_file(settings_.credential_file);
    if (!file) co_return std::unexpected(file.error());
    const auto account = read_service_account(file->reveal());
    if (!account) co_return std::unexpected(account.error());
    const auto endpoint =
        parse_endpoint(or_else(settings_.token_url, account->token_url), settings_.network);
    if (!endpoint) co_return wrong("token_uri: " + endpoint.error().detail);
    // Addressed to whom the file names, whichever way it takes.
    const auto assertion = service_account_assertion(*account, joined(settings_.scopes),
                                                     account->token_url, exchange.wall_us());
    if (!assertion) co_return std::unexpected(assertion.error());
    TokenRequest request =
        post_form(*endpoint, {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                              {"assertion", assertion->reveal()}});
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_bearer(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

class AuthorizedUserSource final : public CredentialSource {
 public:
  explicit AuthorizedUserSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto file = exchange.read_file(settings_.credential_file);
    if (!file) co_return std::unexpected(file.error());
    const auto user = read_authorized_user(file->reveal());
    if (!user) co_return std::unexpected(user.error());
    const auto endpoint =
        parse_endpoint(or_else(settings_.token_url, user->token_url), settings_.network);
    if (!endpoint) co_return wrong("token_uri: " + endpoint.error().detail);
    TokenRequest request = post_form(*endpoint, {{"grant_type", "refresh_token"},
                                                 {"client_id", user->client_id},
                                                 {"client_secret", user->client_secret.reveal()},
                                                 {"refresh_token", user->refresh_token.reveal()}});
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_bearer(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

class MetadataSource final : public CredentialSource {
 public:
  explicit MetadataSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto endpoint =
        parse_endpoint(or_else(settings_.endpoint, google_metadata_url), settings_.network);
    if (!endpoint) co_return wrong("endpoint: " + endpoint.error().detail);
    TokenRequest request = metadata_request(*endpoint, settings_.account, settings_.scopes);
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->header("metadata-flavor") != "Google")
      co_return fail(ErrorCode::malformed_response,
                     "the answer is not from Google's metadata server (no Metadata-Flavor)");
    co_return read_bearer(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

class WorkloadIdentitySource final : public CredentialSource {
 public:
  explicit WorkloadIdentitySource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto file = exchange.read_file(settings_.credential_file);
    if (!file) co_return std::unexpected(file.error());
    auto account = read_external_account(file->reveal());
    if (!account) co_return std::unexpected(account.error());
    if (!settings_.token_url.empty()) account->token_url = settings_.token_url;
    if (!settings_.impersonation_url.empty())
      account->impersonation_url = settings_.impersonation_url;
    const auto subject = co_await get_subject_token(exchange, *account);
    if (!subject) co_return std::unexpected(subject.error());
    auto federated = co_await exchange_subject(exchange, *account, *subject);
    if (!federated || account->impersonation_url.empty()) co_return federated;
    auto impersonated = co_await impersonate(exchange, *account, federated->token);
    co_return impersonated;
  }

 private:
  Task<Result<Secret>> get_subject_token(Exchange& exchange, const ExternalAccount& account) const {
    if (account.url.empty()) {
      const auto text = exchange.read_file(account.file);
      if (!text) co_return std::unexpected(text.error());
      co_return subject_token(account, text->reveal());
    }
    auto endpoint = parse_endpoint(account.url, settings_.network);
    if (!endpoint) co_return wrong("credential_source.url: " + endpoint.error().detail);
    TokenRequest request{"GET", *std::move(endpoint), account.headers, {}};
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return subject_token(account, answer->body.reveal());
  }

  Task<Result<Credential>> exchange_subject(Exchange& exchange, const ExternalAccount& account,
                                            const Secret& subject) const {
    const auto endpoint = parse_endpoint(account.token_url, settings_.network);
    if (!endpoint) co_return wrong("token_url: " + endpoint.error().detail);
    const std::string scopes =
        account.impersonation_url.empty() ? joined(settings_.scopes) : std::string(iam_scope);
    TokenRequest request = exchange_request(*endpoint, account, subject.reveal(), scopes);
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_bearer(*answer, exchange.wall_us());
  }

  Task<Result<Credential>> impersonate(Exchange& exchange, const ExternalAccount& account,
                                       const Secret& federated) const {
    const auto endpoint = parse_endpoint(account.impersonation_url, settings_.network);
    if (!endpoint) co_return wrong("service_account_impersonation_url: " + endpoint.error().detail);
    TokenRequest request =
        impersonation_request(*endpoint, account, federated.reveal(), settings_.scopes);
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_impersonated(*answer, exchange.wall_us());
  }

  AuthSettings settings_;
};
}  // namespace

Result<ServiceAccount> read_service_account(std::string_view text) {
  const auto object = read_file_of(text, "service_account");
  if (!object) return std::unexpected(object.error());
  const std::string_view email = text_of(*object, "client_email");
  if (!is_visible(email)) return wrong("the credential file has no client_email");
  auto key = RsaKey::read(text_of(*object, "private_key"));
  if (!key) return wrong("the credential file: " + key.error().detail);
  return ServiceAccount{std::string(email), std::string(text_of(*object, "private_key_id")),
                        std::string(or_else(text_of(*object, "token_uri"), google_token_url)),
                        *std::move(key)};
}

Result<Secret> service_account_assertion(const ServiceAccount& account, std::string_view scopes,
                                         std::string_view audience, std::int64_t now_us) {
  const std::int64_t now_s = now_us / us_per_s;
  json::object header{{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.key_id.empty()) header["kid"] = account.key_id;
  const json::object claims{{"iss", account.email},
                            {"scope", view(scopes)},
                            {"aud", view(audience)},
                            {"iat", now_s},
                            {"exp", now_s + assertion_s}};
  return sign_jwt(account.key, json::serialize(header), json::serialize(claims));
}

Result<AuthorizedUser> read_authorized_user(std::string_view text) {
  const auto object = read_file_of(text, "authorized_user");
  if (!object) return std::unexpected(object.error());
  AuthorizedUser out;
  out.client_id = text_of(*object, "client_id");
  out.client_secret = Secret(std::string(text_of(*object, "client_secret")));
  out.refresh_token = Secret(std::string(text_of(*object, "refresh_token")));
  out.token_url = or_else(text_of(*object, "token_uri"), google_token_url);
  if (out.client_id.empty() || out.refresh_token.empty())
    return wrong("the credential file has no client_id or no refresh_token");
  return out;
}

Result<ExternalAccount> read_external_account(std::string_view text) {
  const auto object = read_file_of(text, "external_account");
  if (!object) return std::unexpected(object.error());
  ExternalAccount out;
  out.audience = text_of(*object, "audience");
  out.subject_token_type = text_of(*object, "subject_token_type");
  out.token_url = or_else(text_of(*object, "token_url"), "https://sts.googleapis.com/v1/token");
  out.impersonation_url = text_of(*object, "service_account_impersonation_url");
  if (out.audience.empty() || out.subject_token_type.empty())
    return wrong("the credential file has no audience or no subject_token_type");
  if (object->contains("workforce_pool_user_project"))
    return wrong("the credential file is of a workforce pool, which is not read here");
  if (const json::value* more = object->if_contains("service_account_impersonation");
      more && more->is_object()) {
    const auto life_s = whole_of(more->get_object(), "token_lifetime_seconds");
    out.impersonation_s = std::clamp<std::int64_t>(life_s.value_or(3'600), 600, 43'200);
  }
  const json::value* source = object->if_contains("credential_source");
  if (source == nullptr || !source->is_object())
    return wrong("the credential file has no credential_source");
  if (auto error = read_subject_source(source->get_object(), out))
    return std::unexpected(*std::move(error));
  return out;
}

Result<Secret> subject_token(const ExternalAccount& account, std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  if (!account.json_field.empty()) {
    const auto object = read_object(text, "the subject token's file or answer");
    if (!object) return std::unexpected(object.error());
    const std::string_view token = text_of(*object, account.json_field);
    if (token.empty())
      return fail(ErrorCode::malformed_response,
                  "the subject token's file or answer has no such field as the credential file "
                  "names");
    return Secret(std::string(token));
  }
  const std::size_t begin = std::min(text.find_first_not_of(spaces), text.size());
  text.remove_prefix(begin);
  text = text.substr(0, text.find_last_not_of(spaces) + 1);
  if (text.empty()) return fail(ErrorCode::malformed_response, "the subject token is empty");
  return Secret(std::string(text));
}

TokenRequest exchange_request(const Endpoint& endpoint, const ExternalAccount& account,
                              std::string_view subject, std::string_view scopes) {
  return post_form(endpoint,
                   {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                    {"audience", account.audience},
                    {"scope", scopes},
                    {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                    {"subject_token", subject},
                    {"subject_token_type", account.subject_token_type}});
}

TokenRequest impersonation_request(const Endpoint& endpoint, const ExternalAccount& account,
                                   std::string_view federated_token,
                                   const std::vector<std::string>& scopes) {
  json::array list;
  for (const std::string& scope : scopes) list.emplace_back(scope);
  const json::object body{{"scope", std::move(list)},
                          {"lifetime", fmt::format("{}s", account.impersonation_s)}};
  TokenRequest out{"POST", endpoint, {}, Secret(json::serialize(body))};
  out.headers.push_back({"Authorization", concat({"Bearer ", federated_token})});
  out.headers.push_back({"Content-Type", Secret("application/json")});
  return out;
}

Result<Credential> read_impersonated(const TokenAnswer& answer, std::int64_t now_us) {
  const auto object = read_object(answer.body.reveal(), "the answer");
  if (!object) return std::unexpected(object.error());
  const auto expires_us = parse_rfc3339(text_of(*object, "expireTime"));
  if (!expires_us) return fail(ErrorCode::malformed_response, "the answer has no expireTime");
  return bearer(text_of(*object, "accessToken"), *expires_us, now_us);
}

TokenRequest metadata_request(const Endpoint& endpoint, std::string_view account,
                              const std::vector<std::string>& scopes) {
  const Secret name = percent_encode(account);
  const Secret list = percent_encode(fmt::format("{}", fmt::join(scopes, ",")));
  const std::string path =
      fmt::format("/computeMetadata/v1/instance/service-accounts/{}/token{}{}", name.reveal(),
                  scopes.empty() ? "" : "?scopes=", list.reveal());
  TokenRequest out{"GET", below(endpoint, path), {}, {}};
  out.headers.push_back({"Metadata-Flavor", Secret("Google")});
  return out;
}

std::unique_ptr<const CredentialSource> make_google_source(const AuthSettings& settings) {
  switch (settings.source) {
    case Source::google_service_account:
      return std::make_unique<ServiceAccountSource>(settings);
    case Source::google_authorized_user:
      return std::make_unique<AuthorizedUserSource>(settings);
    case Source::google_workload_identity:
      return std::make_unique<WorkloadIdentitySource>(settings);
    default:
      return std::make_unique<MetadataSource>(settings);
  }
}

}  // namespace holdfast::vault
