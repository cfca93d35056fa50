#include "vault/refresher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/descriptor.h"
#include "base/log.h"
#include "config/problem.h"
#include "vault/instant.h"
#include "vault/schedule.h"

namespace holdfast::vault {
namespace {
using namespace std::chrono_literals;
constexpr Duration request_timeout = 10s;
constexpr Duration between_refusals = 10s;
constexpr Duration look_at_wall = 30s;  // how often, while waiting
constexpr std::int64_t tolerated_skew_us = 60'000'000;
constexpr std::int64_t longest_life_us = std::int64_t{31} * 86'400 * 1'000'000;
constexpr std::int64_t longest_skew_us = std::int64_t{86'400} * 1'000'000;

std::int64_t in_us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

Duration read_seconds(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return std::chrono::seconds(std::min(seconds, 86'400U));
}

// What the code of a status makes of a refused fetch.
ErrorCode code_of(int status) {
  const bool later = status == 408 || status == 429 || status >= 500;
  return later ? ErrorCode::upstream_unavailable : ErrorCode::configuration;
}
}  // namespace

Refresher::Refresher(Loop loop, std::string name, std::unique_ptr<const CredentialSource> source,
                     OnChange on_change, Random random)
    : loop_(loop),
      name_(std::move(name)),
      source_(std::move(source)),
      random_(random),
      on_change_(std::move(on_change)) {}

Task<void> Refresher::run() {
  const auto self = shared_from_this();
  while (!stopping_) {
    asked_wait_ = {};
    last_try_ = loop_.clock.now();
    auto got = co_await source_->fetch(*this);
    if (stopping_) break;
    if (got)
      take(*std::move(got));
    else
      note_failure(got.error());
    co_await wait_for_turn();
  }
}

void Refresher::refused() {
  if (failed_ > 0) return;
  next_ = std::min(next_, std::max(loop_.clock.now(), last_try_ + between_refusals));
  if (waking_ != nullptr) waking_->notify();
}

void Refresher::stop() {
  stopping_ = true;
  if (call_ != nullptr) call_->cancel();
  if (waking_ != nullptr) waking_->notify();
}

void Refresher::silence() {
  const std::lock_guard lock(telling_);
  on_change_ = nullptr;
}

Status Refresher::status() const {
  const std::lock_guard lock(mutex_);
  Status out = status_;
  out.ready = out.fetches > 0 && out.expires_us > loop_.clock.wall_us();
  return out;
}

bool Refresher::due() const {
  return stopping_ || loop_.clock.now() >= next_ || loop_.clock.wall_us() >= next_us_;
}

Task<void> Refresher::wait_for_turn() {
  while (!due()) {
    net::Signal signal(loop_.loop, loop_.watchdog);
    waking_ = &signal;
    const net::Deadline until = std::min(next_, loop_.clock.now() + look_at_wall);
    const Result<void> told = co_await signal.wait(until);
    waking_ = nullptr;
    if (!told && told.error().code == ErrorCode::cancelled) co_return;
  }
}

void Refresher::take(Credential credential) {
  const std::int64_t now_us = loop_.clock.wall_us();
  if (credential.expires_us != never_us) credential.expires_us -= ahead_us_;
  const bool lasts = credential.expires_us == never_us;
  const std::int64_t life_us =
      std::clamp<std::int64_t>(credential.expires_us - now_us, 0, longest_life_us);
  const std::chrono::microseconds life(life_us);
  const Duration wait =
      credential.leased ? renew_after(life, random_) : refresh_after(life, random_);
  next_ = lasts ? net::no_deadline : loop_.clock.now() + wait;
  next_us_ = lasts ? never_us : now_us + in_us(wait);
  if (failed_ > 0) log::info("credential of {}: fetched again", name_);
  failed_ = 0;
  const auto published = std::make_shared<const Credential>(std::move(credential));
  {
    const std::lock_guard lock(mutex_);
    if (published->version != status_.version)
      log::info("credential of {}: version {}", name_, published->version);
    status_.version = published->version;
    status_.fetched_us = now_us;
    status_.expires_us = published->expires_us;
    status_.next_us = next_us_;
    ++status_.fetches;
    status_.last_error.clear();
  }
  const std::lock_guard lock(telling_);
  if (on_change_) on_change_(published);
}

void Refresher::note_failure(const Error& error) {
  ++failed_;
  const Duration wait = retry_after(failed_, asked_wait_, random_);
  next_ = loop_.clock.now() + wait;
  next_us_ = loop_.clock.wall_us() + in_us(wait);
  const std::lock_guard lock(mutex_);
  if (status_.last_error != error.detail)
    log::warning("credential of {}: {}; trying again in {:.1f} s, then ever more slowly", name_,
                 error.detail, std::chrono::duration<double>(wait).count());
  ++status_.failures;
  status_.next_us = next_us_;
  status_.last_error = error.detail;
}

std::int64_t Refresher::wall_us() const { return loop_.clock.wall_us() + ahead_us_; }

// A token service refuses what is signed at a wrong time, and says in `Date` what it takes for the
// right one. Believed only of one that has proven who it is.
void Refresher::learn_time(const TokenAnswer& answer, bool trusted) {
  const auto theirs_us = parse_http_date(answer.header("date"));
  if (!trusted || !theirs_us) return;
  const std::int64_t ahead_us = *theirs_us - loop_.clock.wall_us();
  const std::int64_t distance = ahead_us < 0 ? -ahead_us : ahead_us;
  if (distance > longest_skew_us) return;
  const std::int64_t believed = distance > tolerated_skew_us ? ahead_us : 0;
  if (believed != 0 && ahead_us_ == 0)
    log::warning("credential of {}: this machine's clock differs from the token service's by {} s",
                 name_, ahead_us / 1'000'000);
  ahead_us_ = believed;
}

Result<Secret> Refresher::read_file(const std::string& path) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto wrong = [&](std::string_view why) {
    return fail(ErrorCode::configuration,
                fmt::format("the file {} {}", config::printable(path), why));
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0)
    return wrong(fmt::format("cannot be opened: {}", std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) return wrong("is not a regular file");
  std::string bytes(limits::token_file_bytes + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < bytes.size(); size += static_cast<std::size_t>(got)) {
    got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0) return wrong("cannot be read");
  }
  const Secret whole(std::move(bytes));
  if (size > limits::token_file_bytes) return wrong("is longer than 64 KiB");
  std::string_view text = whole.reveal().substr(0, size);
  text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
  text = text.substr(0, text.find_last_not_of(spaces) + 1);
  if (text.empty()) return wrong("is empty");
  return Secret(std::string(text));
}

Task<Result<TokenAnswer>> Refresher::send(TokenRequest request) {
  if (stopping_) co_return fail(ErrorCode::cancelled, "stopping");
  const net::Deadline deadline = loop_.clock.now() + request_timeout;
  auto answer = co_await ask(request, deadline);
  if (!answer) {
    Error error = std::move(answer).error();
    error.detail = fmt::format("{}: {}", request.endpoint.origin.host, error.detail);
    co_return std::unexpected(std::move(error));
  }
  learn_time(*answer, request.endpoint.origin.tls);
  const int status = answer->status;
  const bool refused = status == 400 || status == 403 || status == 404;
  if (status == 200 || (refused && request.refusals_too)) co_return answer;
  asked_wait_ = read_seconds(answer->header("retry-after"));
  co_return fail(code_of(answer->status), refusal(request, *answer));
}

namespace {
// What is under way, so that stop() can end it.
struct Held {
  net::UpstreamCall*& place;
  Held(net::UpstreamCall*& where, net::UpstreamCall& call) : place(where) { place = &call; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { place = nullptr; }
};
}  // namespace

Task<Result<TokenAnswer>> Refresher::ask(const TokenRequest& request, net::Deadline deadline) {
  const Result<Secret> bytes = to_bytes(request);
  if (!bytes) co_return std::unexpected(bytes.error());
  const std::string key = request.endpoint.origin.key();
  net::UpstreamCall call(loop_.pool, request.endpoint.origin, key);
  const Held held(call_, call);  // NOLINT(misc-coroutine-hostile-raii)
  auto opened = co_await call.open(deadline);
  if (!opened) co_return fail(ErrorCode::upstream_unavailable, std::move(opened).error().detail);
  auto sent = co_await call.send(bytes->reveal(), deadline);
  if (!sent) co_return std::unexpected(std::move(sent).error());
  auto head = co_await call.read_head(deadline);
  if (!head) co_return std::unexpected(std::move(head).error());
  TokenAnswer answer;
  answer.status = (*head)->status;
  for (const net::HeaderField& field : (*head)->headers.fields)
    answer.headers.emplace_back(field.name, field.value);
  std::string body;
  body.reserve(limits::token_answer_bytes);
  while (true) {
    const auto piece = co_await call.read_piece(deadline);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (body.size() + piece->size() > limits::token_answer_bytes)
      co_return fail(ErrorCode::too_large, "the answer is longer than 64 KiB");
    body.append(*piece);
  }
  answer.body = Secret(std::move(body));
  co_return answer;
}

}  // namespace holdfast::vault
