#include "vault/openbao.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/secrets.h"

namespace holdfast::vault {
namespace {
namespace json = boost::json;
constexpr std::int64_t us_per_s = 1'000'000;
constexpr int permission_denied = 403, not_found = 404;
constexpr std::int64_t renew_again_us = std::int64_t{60} * us_per_s;  // after a refusal
constexpr std::int64_t between_denied_logins_us = std::int64_t{600} * us_per_s;

// Visible ASCII as a JSON text.
Secret json_text(std::string_view text) {
  std::string out;
  out.reserve(2 * text.size() + 2);  // never moved: no copy is left behind
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return Secret(std::move(out));
}

std::string encoded_path(std::string_view path) {
  std::string out;
  while (true) {
    const std::string_view part = path.substr(0, path.find('/'));
    out += '/';
    out += percent_encode(part).reveal();
    if (part.size() == path.size()) return out;
    path.remove_prefix(part.size() + 1);
  }
}

TokenRequest with_token(std::string_view method, Endpoint endpoint, std::string_view token) {
  TokenRequest out{method, std::move(endpoint), {}, {}};
  out.headers.push_back({"X-Vault-Token", Secret(std::string(token))});
  out.refusals_too = true;
  return out;
}

Result<json::object> object_in(const TokenAnswer& answer, std::string_view key) {
  auto whole = read_object(answer.body.reveal(), "the answer");
  if (!whole) return std::unexpected(std::move(whole).error());
  const json::value* value = whole->if_contains(key);
  if (value == nullptr || !value->is_object())
    return fail(ErrorCode::malformed_response, fmt::format("the answer has no {}", key));
  return json::object(value->get_object(), whole->storage());
}

Result<BaoToken> token_of(const json::object& object, std::string_view token,
                          std::string_view life) {
  const auto seconds = whole_of(object, life);
  if (!seconds || *seconds < 0 || *seconds > (std::int64_t{1} << 40U))
    return fail(ErrorCode::malformed_response, fmt::format("the answer has no {}", life));
  const json::value* renewable = object.if_contains("renewable");
  return BaoToken{Secret(std::string(token)), *seconds * us_per_s,
                  renewable != nullptr && renewable->is_bool() && renewable->get_bool()};
}

class OpenBaoSource final : public CredentialSource {
 public:
  explicit OpenBaoSource(AuthSettings settings) : settings_(std::move(settings)) {}

  Task<Result<Credential>> fetch(Exchange& exchange) const override {
    const auto server = parse_endpoint(settings_.endpoint, settings_.network);
    if (!server) co_return fail(ErrorCode::configuration, "endpoint: " + server.error().detail);
    bool fresh = false;
    if (!is_usable(exchange.wall_us())) {
      auto entered = co_await enter(exchange, *server);
      if (!entered) co_return std::unexpected(std::move(entered).error());
      fresh = true;
    } else if (exchange.wall_us() >= session_.renew_us) {
      // Refused or not, the token is good until its end: what is read by it says the rest.
      const Session before = session_;
      const auto renewed = co_await renew(exchange, *server);
      if (!renewed) {
        session_ = before;
        session_.renew_us = exchange.wall_us() + renew_again_us;
      }
    }
    TokenRequest request = secret_request(*server, settings_, session_.token.reveal());
    auto answer = co_await exchange.send(request);
    if (answer && answer->status == permission_denied && by_role() && !fresh &&
        may_enter_again(exchange.wall_us())) {
      // The token may have been taken away before its time; what the role may do decides.
      auto entered = co_await enter(exchange, *server);
      if (!entered) co_return std::unexpected(std::move(entered).error());
      request = secret_request(*server, settings_, session_.token.reveal());
      answer = co_await exchange.send(request);
    }
    if (!answer) co_return std::unexpected(std::move(answer).error());
    if (answer->status != 200) {
      if (answer->status == permission_denied && !by_role()) session_ = {};
      session_.has_read = false;
      co_return fail(ErrorCode::configuration, refused_because(request, *answer));
    }
    auto credential = read_secret(*answer, settings_);
    if (!credential) co_return credential;
    const std::int64_t lease_us = std::chrono::microseconds(settings_.lease).count();
    credential->expires_us = std::min(session_.expires_us, exchange.wall_us() + lease_us);
    credential->leased = true;
    session_.has_read = true;
    co_return credential;
  }

 private:
  struct Session {  // with the server; no token: not logged in
    Secret token;
    std::int64_t since_us = 0, expires_us = 0, renew_us = never_us;
    std::int64_t first_life_us = 0;  // of the token when it was new; 0: it has no end
    bool has_read = false;           // the last time it was used
  };

  bool by_role() const { return settings_.token.empty(); }
  bool is_usable(std::int64_t now_us) const {
    return !session_.token.empty() && now_us < session_.expires_us;
  }

  // A login uses up a secret id that has a number of uses: a role that may not read is not logged
  // in over and over.
  bool may_enter_again(std::int64_t now_us) const {
    return session_.has_read || now_us >= session_.since_us + between_denied_logins_us;
  }

  std::string refused_because(const TokenRequest& request, const TokenAnswer& answer) const {
    std::string out = refusal(request, answer);
    if (answer.status == not_found)
      out += fmt::format(": there is no {}/{}, or this version was deleted", settings_.mount,
                         settings_.path);
    if (answer.status == permission_denied)
      out += fmt::format(": the policy must allow read of {}/data/{}", settings_.mount,
                         settings_.path);
    return out;
  }

  // Logs in; or looks at the token that was given.
  Task<Result<void>> enter(Exchange& exchange, const Endpoint& server) const {
    session_ = {};
    TokenRequest request = by_role() ? login_request(server, settings_)
                                     : lookup_request(server, settings_.token.reveal());
    const auto answer = co_await exchange.send(request);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->status != 200)
      co_return fail(ErrorCode::configuration,
                     fmt::format("{} ({})", refusal(request, *answer),
                                 by_role() ? "login by AppRole" : "the token is no longer good"));
    auto token = by_role() ? read_login(*answer) : read_lookup(*answer, settings_.token.reveal());
    if (!token) co_return std::unexpected(std::move(token).error());
    session_.since_us = exchange.wall_us();
    session_.first_life_us = token->life_us;
    take(*std::move(token), exchange.wall_us());
    co_return Result<void>();
  }

  // A token that does not last: a longer life for it, or another one.
  Task<Result<void>> renew(Exchange& exchange, const Endpoint& server) const {
    const TokenRequest request = renew_request(server, session_.token.reveal());
    const auto answer = co_await exchange.send(request);
    if (!answer) co_return std::unexpected(answer.error());
    auto renewed =
        answer->status == 200
            ? read_login(*answer)
            : Result<BaoToken>(fail(ErrorCode::configuration, refusal(request, *answer)));
    // Near the end of the longest life that it may have, a renewal gives ever less.
    const bool worth_it = renewed && renewed->life_us >= session_.first_life_us / 2;
    if (!worth_it && by_role()) co_return co_await enter(exchange, server);
    if (!renewed) co_return std::unexpected(std::move(renewed).error());
    take(*std::move(renewed), exchange.wall_us());
    co_return Result<void>();
  }

  void take(BaoToken token, std::int64_t now_us) const {
    session_.token = std::move(token.token);
    session_.expires_us = token.life_us == 0 ? never_us : now_us + token.life_us;
    // Somewhat before the two thirds at which a fetch comes, which has jitter.
    session_.renew_us =
        token.life_us == 0 || !token.renewable ? never_us : now_us + token.life_us / 10 * 6;
  }

  AuthSettings settings_;
  mutable Session session_;  // of the coroutine that fetches
};
}  // namespace

TokenRequest login_request(const Endpoint& server, const AuthSettings& settings) {
  const Secret role = json_text(settings.role_id), secret = json_text(settings.secret_id.reveal());
  TokenRequest out{
      "POST",
      below(server, fmt::format("/v1/auth{}/login", encoded_path(settings.login_mount))),
      {},
      concat({"{\"role_id\":", role.reveal(), ",\"secret_id\":", secret.reveal(), "}"})};
  out.headers.push_back({"Content-Type", Secret("application/json")});
  out.refusals_too = true;
  return out;
}

TokenRequest renew_request(const Endpoint& server, std::string_view token) {
  TokenRequest out = with_token("POST", below(server, "/v1/auth/token/renew-self"), token);
  out.headers.push_back({"Content-Type", Secret("application/json")});
  out.body = Secret("{}");
  return out;
}

TokenRequest lookup_request(const Endpoint& server, std::string_view token) {
  return with_token("GET", below(server, "/v1/auth/token/lookup-self"), token);
}

TokenRequest secret_request(const Endpoint& server, const AuthSettings& settings,
                            std::string_view token) {
  std::string target =
      fmt::format("/v1{}/data{}", encoded_path(settings.mount), encoded_path(settings.path));
  if (settings.version > 0) target += fmt::format("?version={}", settings.version);
  return with_token("GET", below(server, target), token);
}

Result<BaoToken> read_login(const TokenAnswer& answer) {
  const auto auth = object_in(answer, "auth");
  if (!auth) return std::unexpected(auth.error());
  const std::string_view token = text_of(*auth, "client_token");
  if (!is_visible(token) || token.size() > limits::token_bytes)
    return fail(ErrorCode::malformed_response, "the answer has no client_token");
  return token_of(*auth, token, "lease_duration");
}

Result<BaoToken> read_lookup(const TokenAnswer& answer, std::string_view token) {
  const auto data = object_in(answer, "data");
  if (!data) return std::unexpected(data.error());
  return token_of(*data, token, "ttl");
}

Result<Credential> read_secret(const TokenAnswer& answer, const AuthSettings& settings) {
  const auto outer = object_in(answer, "data");
  if (!outer) return std::unexpected(outer.error());
  const json::value* fields = outer->if_contains("data");
  const json::value* metadata = outer->if_contains("metadata");
  if (fields == nullptr || !fields->is_object() || metadata == nullptr || !metadata->is_object())
    return fail(ErrorCode::malformed_response,
                fmt::format("{} is no key-value engine of version 2", settings.mount));
  const auto version = whole_of(metadata->get_object(), "version");
  if (!version || *version < 1)
    return fail(ErrorCode::malformed_response, "the answer has no version");
  const std::string where =
      fmt::format("{} of {}/{}", settings.field, settings.mount, settings.path);
  if (!fields->get_object().contains(settings.field)) {
    std::string there;
    for (const auto& field : fields->get_object())
      there += fmt::format("{}{}", there.empty() ? "" : ", ", std::string_view(field.key()));
    return fail(ErrorCode::configuration,
                fmt::format("there is no {}; it has: {}", where, there.substr(0, 200)));
  }
  const std::string_view value = text_of(fields->get_object(), settings.field);
  if (auto right = config::check_secret(value, where); !right)
    return std::unexpected(std::move(right).error());
  Credential out;
  out.token = Secret(std::string(value));
  out.version = *version;
  return out;
}

std::unique_ptr<const CredentialSource> make_openbao_source(const AuthSettings& settings) {
  return std::make_unique<OpenBaoSource>(settings);
}

}  // namespace holdfast::vault
