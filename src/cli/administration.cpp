#include "cli/administration.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <optional>

#include "config/problem.h"
#include "identity/machine_token.h"
#include "net/http_client.h"
#include "net/url.h"

namespace holdfast::cli {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
constexpr int usage = 1, infrastructure = 4;
constexpr auto patience = 10s;
constexpr std::size_t answer_bytes = 1U << 20U;

struct Answer {
  int status = 0;
  std::string body;
};

Task<Result<Answer>> exchange(net::UpstreamCall& call, std::string request,
                              net::Deadline deadline) {
  const auto opened = co_await call.open(deadline);
  if (!opened) co_return fail(ErrorCode::upstream_unavailable, opened.error().detail);
  const auto sent = co_await call.send(request, deadline);
  if (!sent) co_return std::unexpected(sent.error());
  const auto head = co_await call.read_head(deadline);
  if (!head) co_return std::unexpected(head.error());
  Answer answer{(*head)->status, {}};
  while (answer.body.size() < answer_bytes) {
    const auto piece = co_await call.read_piece(deadline);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    answer.body.append(*piece);
  }
  co_return answer;
}

Result<Answer> ask(const net::Origin& origin, std::string_view method, std::string_view path,
                   const Secret& token, std::string_view body) {
  boost::asio::io_context loop;
  net::Watchdog watchdog(loop, system_clock());
  const auto connector = net::make_connector(loop, watchdog, system_clock());
  net::ConnectionPool pool(*connector, system_clock());
  const std::string key = origin.key();
  std::optional<Result<Answer>> result;
  {
    net::UpstreamCall call(pool, origin, key);
    std::string request = fmt::format(
        "{} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        method, path, origin.authority(), token.reveal(), body.size(), body);
    auto asking = exchange(call, std::move(request), system_clock().now() + patience);
    boost::asio::co_spawn(loop, std::move(asking),
                          [&](const std::exception_ptr& error, Result<Answer> answer) {
                            if (!error) result.emplace(std::move(answer));
                            loop.stop();
                          });
    loop.run();
  }
  if (!result) return fail(ErrorCode::io, "the request failed");
  return *std::move(result);
}

std::string message_of(const Answer& answer) {
  boost::system::error_code error;
  const json::value value = json::parse(answer.body, error);
  if (!error && value.is_object())
    if (const auto* problem = value.as_object().if_contains("error"))
      if (problem->is_object() && problem->as_object().contains("message"))
        return json::value_to<std::string>(problem->at("message"));
  return fmt::format("status {}", answer.status);
}

struct NamedToken {
  Secret token;
  std::string source;  // as messages name it
};

Result<NamedToken> from_file(const std::string& path) {
  auto token = identity::read_token_file(path);
  if (!token) return std::unexpected(std::move(token).error());
  return NamedToken{*std::move(token), path};
}

Result<NamedToken> find_token(const Administration& to, const config::Environment& environment) {
  if (!to.token_file.empty()) return from_file(to.token_file);
  if (const auto file = environment("HOLDFAST_ADMIN_TOKEN_FILE"); file && !file->empty())
    return from_file(*file);
  if (auto token = environment("HOLDFAST_ADMIN_TOKEN"); token && !token->empty()) {
    if (!identity::is_token(*token))
      return fail(ErrorCode::configuration, "HOLDFAST_ADMIN_TOKEN is no token");
    return NamedToken{Secret(*std::move(token)), "HOLDFAST_ADMIN_TOKEN"};
  }
  return from_file(to.state_dir + "/" + std::string(identity::machine_token_file));
}

Outcome trouble(int code, std::string_view what) {
  return {code, {}, fmt::format("holdfast: {}\n", what)};
}

std::expected<json::value, Outcome> ask_administration(const Administration& to,
                                                       std::string_view method,
                                                       std::string_view path,
                                                       const std::string& body,
                                                       const config::Environment& environment) {
  auto base = net::parse_base_url(to.url);
  if (!base)
    return std::unexpected(Outcome{usage, {}, fmt::format("--admin: {}\n", base.error().detail)});
  if (!base->origin.tls && !net::is_loopback_host(base->origin.host))
    return std::unexpected(
        trouble(usage, "--admin: a token is sent to https:// or to this machine alone"));
  base->origin.private_allowed = true;
  base->origin.ca_file = to.ca_file;
  const auto token = find_token(to, environment);
  if (!token) return std::unexpected(trouble(infrastructure, token.error().detail));
  const auto answer = ask(base->origin, method, base->path + std::string(path), token->token, body);
  if (!answer)
    return std::unexpected(trouble(
        infrastructure, fmt::format("{}: {}\nIs that the administration's address (admin.listen)?",
                                    to.url, answer.error().detail)));
  if (answer->status == 401)
    return std::unexpected(trouble(
        usage, fmt::format("{} does not know the token of {}: {}. Is it another Holdfast's? "
                           "--state names the state directory of the one that is meant",
                           to.url, token->source, message_of(*answer))));
  if (answer->status < 200 || answer->status > 202)
    return std::unexpected(trouble(usage, message_of(*answer)));
  boost::system::error_code error;
  json::value value = json::parse(answer->body, error);
  if (error) return std::unexpected(trouble(infrastructure, to.url + " answered no JSON"));
  return value;
}

}  // namespace

std::expected<json::value, Outcome> post_to_administration(const Administration& to,
                                                           std::string_view path,
                                                           const json::value& body,
                                                           const config::Environment& environment) {
  return ask_administration(to, "POST", path, json::serialize(body), environment);
}

std::expected<json::value, Outcome> get_from_administration(
    const Administration& to, std::string_view path, const config::Environment& environment) {
  return ask_administration(to, "GET", path, {}, environment);
}

}  // namespace holdfast::cli
