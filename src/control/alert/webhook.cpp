#include "control/alert/webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/signal.h"

namespace holdfast::control::alert {
namespace {
using namespace std::chrono_literals;
constexpr Duration first_pause = 1s;
constexpr Duration longest_pause = 10min;
constexpr Duration try_time = 10s;

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// The bytes that sign.
Secret key_of(const Secret& secret) {
  constexpr std::string_view prefix = "whsec_";
  std::string_view text = secret.reveal();
  if (!text.starts_with(prefix)) return secret;
  text.remove_prefix(prefix.size());
  std::string bytes(3 * (text.size() / 4) + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return secret;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return Secret(std::move(bytes));
}

std::string iso_time(std::int64_t wall_us) {
  const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(wall_us)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace

Message message_of(const Change& change, Random& random) {
  const Alert& alert = change.alert;
  const Rule& rule = *alert.rule;
  boost::json::object scope;
  if (!rule.scope.provider.empty()) scope["provider"] = rule.scope.provider;
  if (!rule.scope.model.empty()) scope["model"] = rule.scope.model;
  if (!rule.scope.service.empty()) scope["service"] = rule.scope.service;
  const boost::json::object body = {{"type", alert.firing ? "alert.firing" : "alert.resolved"},
                                    {"timestamp", iso_time(change.at_us)},
                                    {"data",
                                     {{"rule", rule.name},
                                      {"kind", to_string(rule.kind)},
                                      {"severity", to_string(alert.severity)},
                                      {"windows", alert.windows},
                                      {"scope", std::move(scope)},
                                      {"value", alert.value},
                                      {"threshold", alert.threshold},
                                      {"since", iso_time(alert.since_us)},
                                      {"summary", summary_of(alert)}}}};
  return {make_id("msg_", change.at_us, random), boost::json::serialize(body)};
}

std::string sign(const Secret& secret, std::string_view id, std::int64_t timestamp_s,
                 std::string_view body) {
  const std::string signed_text = fmt::format("{}.{}.{}", id, timestamp_s, body);
  const Secret key = key_of(secret);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HF_CHECK(HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.reveal().size()),
                reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(),
                digest, &size) != nullptr);
  return "v1," + base64({reinterpret_cast<const char*>(digest), size});
}

Duration pause_after(int tried, Random& random) {
  Duration bound = first_pause;
  for (int i = 1; i < tried && bound < longest_pause; ++i) bound *= 2;
  bound = std::min(bound, longest_pause);
  return bound / 2 + Duration(random.below(static_cast<std::uint64_t>(bound.count() / 2)));
}

// One hook with what waits for it. Shared by its coroutine, which outlives its place in the list.
struct Webhooks::Hook : std::enable_shared_from_this<Webhooks::Hook> {
  struct Waiting {
    Message message;
    int tried = 0;
    MonoTime due{};
  };
  Hook(Loop parts, WebhookSettings hook, Random seed)
      : loop(parts), settings(std::move(hook)), random(seed) {}

  Task<void> run();
  Task<Result<void>> post(const Message& message);
  void wake() {
    if (waking != nullptr) waking->notify();
  }

  Loop loop;
  WebhookSettings settings;
  Random random;
  std::deque<Waiting> waiting;
  WebhookStatus status;
  net::Signal* waking = nullptr;
  net::UpstreamCall* call = nullptr;
  bool running = false;
  bool stopping = false;
};

// Sends what is due, the longest due first; ends when nothing waits any more.
Task<void> Webhooks::Hook::run() {
  const auto self = shared_from_this();
  while (!stopping && !waiting.empty()) {
    auto next = std::ranges::min_element(waiting, {}, &Waiting::due);
    if (next->due > loop.clock.now()) {
      net::Signal signal(loop.loop, loop.watchdog);
      waking = &signal;
      const Result<void> told = co_await signal.wait(next->due);
      waking = nullptr;
      if (!told && told.error().code == ErrorCode::cancelled) break;
      continue;
    }
    Waiting one = std::move(*next);
    waiting.erase(next);
    const Result<void> posted = co_await post(one.message);
    if (stopping) break;
    if (posted) {
      ++status.delivered;
      status.last_error.clear();
      continue;
    }
    status.last_error = posted.error().detail;
    ++one.tried;
    if (one.tried >= most_tries) {
      ++status.given_up;
      log::error("webhook {}: given up after {} tries: {}", settings.name, one.tried,
                 status.last_error);
      continue;
    }
    if (one.tried == 1)
      log::warning("webhook {}: {}; trying again", settings.name, status.last_error);
    one.due = loop.clock.now() + pause_after(one.tried, random);
    waiting.push_back(std::move(one));
  }
  running = false;
}

Task<Result<void>> Webhooks::Hook::post(const Message& message) {
  const net::Deadline deadline = loop.clock.now() + try_time;
  const std::int64_t now_s = loop.clock.wall_us() / 1'000'000;
  const net::Origin origin = settings.url.origin;  // a reload may replace the settings meanwhile
  const std::string key = origin.key();
  const std::string_view path =
      settings.url.path.empty() ? "/" : std::string_view(settings.url.path);
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "User-Agent: holdfast\r\nAccept-Encoding: identity\r\nwebhook-id: {}\r\n"
      "webhook-timestamp: {}\r\nwebhook-signature: {}\r\n\r\n{}",
      path, origin.authority(), message.body.size(), message.id, now_s,
      sign(settings.secret, message.id, now_s, message.body), message.body);
  net::UpstreamCall sending(loop.pool, origin, key);
  call = &sending;
  Result<void> outcome;
  auto opened = co_await sending.open(deadline);
  if (!opened) {
    outcome = fail(ErrorCode::upstream_unavailable, std::move(opened).error().detail);
  } else {
    outcome = co_await sending.send(request, deadline);
  }
  if (outcome) {
    auto head = co_await sending.read_head(deadline);
    if (!head)
      outcome = std::unexpected(std::move(head).error());
    else if ((*head)->status < 200 || (*head)->status > 299)
      outcome = fail(ErrorCode::upstream_unavailable, fmt::format("status {}", (*head)->status));
  }
  call = nullptr;
  co_return outcome;
}

Webhooks::Webhooks(Loop loop, Random random) : loop_(loop), random_(random) {}

Webhooks::~Webhooks() { stop(); }

void Webhooks::stop() {
  for (const auto& hook : hooks_) {
    hook->stopping = true;
    if (hook->call != nullptr) hook->call->cancel();
    hook->wake();
  }
}

void Webhooks::use(const std::vector<WebhookSettings>& hooks) {
  std::list<std::shared_ptr<Hook>> next;
  for (const WebhookSettings& settings : hooks) {
    const auto old = std::ranges::find_if(
        hooks_, [&](const auto& hook) { return hook->settings.name == settings.name; });
    if (old != hooks_.end()) {
      (*old)->settings = settings;
      next.push_back(*old);
      hooks_.erase(old);
    } else {
      next.push_back(std::make_shared<Hook>(loop_, settings, Random(random_.next())));
      next.back()->status.name = settings.name;
    }
  }
  for (const auto& gone : hooks_) {
    gone->stopping = true;
    gone->wake();
  }
  hooks_ = std::move(next);
}

void Webhooks::tell(const std::string& name, Message message) {
  const auto found =
      std::ranges::find_if(hooks_, [&](const auto& hook) { return hook->settings.name == name; });
  if (found == hooks_.end()) return;
  Hook& hook = **found;
  if (hook.waiting.size() >= limits::alerts_waiting) {
    hook.waiting.pop_front();
    ++hook.status.given_up;
    log::error("webhook {}: more than {} messages wait; the oldest is given up", name,
               limits::alerts_waiting);
  }
  hook.waiting.push_back({std::move(message), 0, loop_.clock.now()});
  if (hook.running) return hook.wake();
  hook.running = true;
  boost::asio::co_spawn(loop_.loop, hook.run(), boost::asio::detached);
}

std::vector<WebhookStatus> Webhooks::status() const {
  std::vector<WebhookStatus> out;
  for (const auto& hook : hooks_) {
    out.push_back(hook->status);
    out.back().waiting = hook->waiting.size();
  }
  return out;
}

}  // namespace holdfast::control::alert
