#include "vault/aws.h"

#include <fmt/format.h>

#include <algorithm>

#include "vault/instant.h"
#include "vault/xml.h"

namespace holdfast::vault {
namespace {
constexpr std::string_view container_url = "http://169.254.170.2";
constexpr std::string_view instance_url = "http://169.254.169.254";
constexpr std::string_view sts_version = "2011-06-15";
constexpr std::string_view session_life_s = "21600";  // of the instance metadata's own token
constexpr std::int64_t us_per_s = 1'000'000;

std::unexpected<Error> malformed(std::string detail) {
  return fail(ErrorCode::malformed_response, std::move(detail));
}

Result<Credential> keys_of(std::string_view id, std::string_view secret, std::string_view token,
                           std::string_view expiration, std::int64_t now_us) {
  const bool id_fits = id.size() >= 16 && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
                         return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                (c >= '0' && c <= '9') || c == '_';
                       });
  if (!id_fits) return malformed("the answer has no AccessKeyId");
  if (!is_visible(secret)) return malformed("the answer has no SecretAccessKey");
  if (!is_visible(token) || token.size() > limits::token_bytes)
    return malformed("the answer has no session token");
  const auto expires_us = parse_rfc3339(expiration);
  if (!expires_us) return malformed("the answer has no Expiration");
  if (*expires_us <= now_us) return malformed("the keys have expired already");
  Credential out;
  out.kind = Credential::Kind::aws;
  out.aws = {std::string(id), Secret(std::string(secret)), Secret(std::string(token))};
  out.expires_us = *expires_us;
  return out;
}

// Where the token service of `settings` is.
Result<Endpoint> sts_endpoint(const AuthSettings& settings) {
  const std::string url = settings.endpoint.empty() ? sts_url(settings.region) : settings.endpoint;
  auto endpoint = parse_endpoint(url, settings.network);
  if (!endpoint)
    return fail(ErrorCode::configuration, "endpoint: " + std::move(endpoint).error().detail);
  return endpoint;
}

class StaticSource final : public CredentialSource {
 public:
  explicit StaticSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange&) const override {
    Credential out;
    out.kind = Credential::Kind::aws;
    out.aws = {settings_.access_key_id, settings_.secret_access_key, settings_.session_token};
    co_return out;
  }

 private:
  AuthSettings settings_;
};

class WebIdentitySource final : public CredentialSource {
 public:
  explicit WebIdentitySource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto token = exchange.read_file(settings_.token_file);
    if (!token) co_return std::unexpected(token.error());
    const auto endpoint = sts_endpoint(settings_);
    if (!endpoint) co_return std::unexpected(endpoint.error());
    TokenRequest request = web_identity_request(*endpoint, settings_, token->reveal());
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_sts(*answer, "AssumeRoleWithWebIdentity", exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

class AssumeRoleSource final : public CredentialSource {
 public:
  explicit AssumeRoleSource(AuthSettings settings)
      : settings_(std::move(settings)), base_(make_source(*settings_.base)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto base = co_await base_->fetch(exchange);
    if (!base) co_return fail(base.error().code, "the base credential: " + base.error().detail);
    const auto endpoint = sts_endpoint(settings_);
    if (!endpoint) co_return std::unexpected(endpoint.error());
    auto request = assume_role_request(*endpoint, settings_, *base, exchange.wall_us());
    if (!request) co_return std::unexpected(request.error());
    const auto answer = co_await exchange.send(*std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_sts(*answer, "AssumeRole", exchange.wall_us());
  }

 private:
  AuthSettings settings_;
  std::unique_ptr<const CredentialSource> base_;
};

class ContainerSource final : public CredentialSource {
 public:
  explicit ContainerSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    auto endpoint = parse_endpoint(settings_.endpoint.empty() ? container_url : settings_.endpoint,
                                   settings_.network);
    if (!endpoint) co_return fail(ErrorCode::configuration, "endpoint: " + endpoint.error().detail);
    TokenRequest request{"GET", *std::move(endpoint), {}, {}};
    if (!settings_.token_file.empty()) {
      auto token = exchange.read_file(settings_.token_file);
      if (!token) co_return std::unexpected(token.error());
      request.headers.push_back({"Authorization", *std::move(token)});
    }
    const auto answer = co_await exchange.send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_aws_keys(*answer, exchange.wall_us());
  }

 private:
  AuthSettings settings_;
};

// Instance metadata, version 2: a session first, then the role's name, then its keys.
class InstanceSource final : public CredentialSource {
 public:
  explicit InstanceSource(AuthSettings settings) : settings_(std::move(settings)) {}
  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto endpoint = parse_endpoint(
        settings_.endpoint.empty() ? instance_url : settings_.endpoint, settings_.network);
    if (!endpoint) co_return fail(ErrorCode::configuration, "endpoint: " + endpoint.error().detail);
    TokenRequest open{"PUT", below(*endpoint, "/latest/api/token"), {}, {}};
    open.headers.push_back(
        {"X-aws-ec2-metadata-token-ttl-seconds", Secret(std::string(session_life_s))});
    const auto session = co_await exchange.send(std::move(open));
    if (!session) co_return std::unexpected(session.error());
    if (!is_visible(session->body.reveal()))
      co_return malformed("the metadata session is no token");
    std::string role = settings_.role;
    if (role.empty()) {
      TokenRequest ask = metadata(*endpoint, "", session->body);
      const auto named = co_await exchange.send(std::move(ask));
      if (!named) co_return std::unexpected(named.error());
      const std::string_view text = named->body.reveal();
      role = text.substr(0, text.find_first_of("\r\n"));
      if (!is_visible(role)) co_return malformed("the instance has no role");
    }
    TokenRequest get = metadata(*endpoint, role, session->body);
    const auto answer = co_await exchange.send(std::move(get));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_aws_keys(*answer, exchange.wall_us());
  }

 private:
  static TokenRequest metadata(const Endpoint& endpoint, std::string_view role,
                               const Secret& session) {
    const Secret name = percent_encode(role);
    const Secret path = concat({"/latest/meta-data/iam/security-credentials/", name.reveal()});
    TokenRequest out{"GET", below(endpoint, path.reveal()), {}, {}};
    out.headers.push_back({"X-aws-ec2-metadata-token", session});
    return out;
  }

  AuthSettings settings_;
};
}  // namespace

std::string sts_url(std::string_view region) {
  return fmt::format("https://sts.{}.amazonaws.com{}", region,
                     region.starts_with("cn-") ? ".cn" : "");
}

TokenRequest web_identity_request(const Endpoint& endpoint, const AuthSettings& settings,
                                  std::string_view token) {
  return post_form(endpoint, {{"Action", "AssumeRoleWithWebIdentity"},
                              {"Version", sts_version},
                              {"RoleArn", settings.role_arn},
                              {"RoleSessionName", settings.session_name},
                              {"WebIdentityToken", token},
                              {"DurationSeconds", std::to_string(settings.duration.count())}});
}

Result<TokenRequest> assume_role_request(const Endpoint& endpoint, const AuthSettings& settings,
                                         const Credential& base, std::int64_t now_us) {
  TokenRequest out =
      post_form(endpoint, {{"Action", "AssumeRole"},
                           {"Version", sts_version},
                           {"RoleArn", settings.role_arn},
                           {"RoleSessionName", settings.session_name},
                           {"ExternalId", settings.external_id},
                           {"DurationSeconds", std::to_string(settings.duration.count())}});
  const std::vector<net::HeaderField> headers = {
      {"host", endpoint.authority}, {"content-type", out.headers.front().value.reveal()}};
  const std::string body_sha256 = net::sha256_hex(out.body.reveal());
  const std::string_view target = endpoint.target;
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view query = mark < target.size() ? target.substr(mark + 1) : "";
  const net::SignableRequest signable{"POST", target.substr(0, mark), query, headers, body_sha256};
  net::SigningOptions options;
  options.region = settings.region;
  options.service = "sts";
  options.now_s = now_us / us_per_s;
  options.send_payload_hash = false;
  auto added = net::sign_sigv4(signable, base.aws, options);
  if (!added) return std::unexpected(std::move(added).error());
  for (auto& [name, value] : *added) out.headers.push_back({name, Secret(std::move(value))});
  return out;
}

Result<Credential> read_sts(const TokenAnswer& answer, std::string_view action,
                            std::int64_t now_us) {
  const auto leaves = read_xml(answer.body.reveal());
  if (!leaves) return std::unexpected(leaves.error());
  const std::string at = fmt::format("{0}Response/{0}Result/Credentials/", action);
  const auto text = [&](std::string_view name) {
    return find_leaf(*leaves, at + std::string(name)).value_or("");
  };
  return keys_of(text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"),
                 text("Expiration"), now_us);
}

Result<Credential> read_aws_keys(const TokenAnswer& answer, std::int64_t now_us) {
  const auto object = read_object(answer.body.reveal(), "the answer");
  if (!object) return std::unexpected(object.error());
  const std::string_view code = text_of(*object, "Code");
  if (!code.empty() && code != "Success")
    return malformed("the metadata service has no keys for this role");
  return keys_of(text_of(*object, "AccessKeyId"), text_of(*object, "SecretAccessKey"),
                 text_of(*object, "Token"), text_of(*object, "Expiration"), now_us);
}

std::unique_ptr<const CredentialSource> make_aws_source(const AuthSettings& settings) {
  switch (settings.source) {
    case Source::aws_static:
      return std::make_unique<StaticSource>(settings);
    case Source::aws_web_identity:
      return std::make_unique<WebIdentitySource>(settings);
    case Source::aws_assume_role:
      return std::make_unique<AssumeRoleSource>(settings);
    case Source::aws_container:
      return std::make_unique<ContainerSource>(settings);
    default:
      return std::make_unique<InstanceSource>(settings);
  }
}

}  // namespace holdfast::vault
