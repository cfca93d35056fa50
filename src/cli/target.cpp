#include "cli/target.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <optional>

#include "config/values.h"
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

// POSTs JSON to the administration.
Result<Answer> post(const net::Origin& origin, std::string_view body) {
  boost::asio::io_context loop;
  net::Watchdog watchdog(loop, system_clock());
  const auto connector = net::make_connector(loop, watchdog, system_clock());
  net::ConnectionPool pool(*connector, system_clock());
  const std::string key = origin.key();
  std::optional<Result<Answer>> result;
  {
    net::UpstreamCall call(pool, origin, key);
    std::string request = fmt::format(
        "POST /api/v1/targets HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        origin.authority(), body.size(), body);
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

}  // namespace

Outcome act_on_target(const std::string& admin, const std::string& action,
                      const std::string& target, const std::string& duration,
                      const std::string& reason) {
  auto base = net::parse_base_url(admin);
  if (!base) return {usage, {}, fmt::format("--admin: {}\n", base.error().detail)};
  base->origin.private_allowed = true;
  json::object wish{{"action", action}, {"target", target}};
  if (!reason.empty()) wish["reason"] = reason;
  if (!duration.empty()) {
    const auto time = config::parse_duration(duration);
    if (!time || *time < 1s)
      return {usage, {}, fmt::format("--for: {} is no time, as in 90s or 2h\n", duration)};
    wish["for_s"] = std::chrono::duration_cast<std::chrono::seconds>(*time).count();
  }
  const auto answer = post(base->origin, json::serialize(wish));
  if (!answer)
    return {infrastructure,
            {},
            fmt::format("holdfast: {}: {}\nIs that the administration's address (admin.listen)?\n",
                        admin, answer.error().detail)};
  if (answer->status != 200) return {usage, {}, fmt::format("holdfast: {}\n", message_of(*answer))};
  const std::string done = action == "drain"    ? "takes no new request; streams finish"
                           : action == "freeze" ? "keeps its present health, whatever happens"
                                                : "serves as its health says";
  return {0, fmt::format("{} {}\n", target, done), {}};
}

}  // namespace holdfast::cli
