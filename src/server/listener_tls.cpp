#include "server/listener_tls.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.h"
#include "net/tls_limits.h"

namespace holdfast::server {
namespace {
constexpr auto warn_again_after = std::chrono::hours(24);

std::string text_of(const std::string& name, const net::TlsProblem& problem) {
  return fmt::format("{}.{}: {}; {}", name, problem.key, problem.what, problem.remedy);
}
}  // namespace

ListenerTls::ListenerTls(std::string name, std::string alpn, const Clock& clock)
    : name_(std::move(name)), alpn_(std::move(alpn)), clock_(clock) {}

Result<void> ListenerTls::open(const net::ServerTlsFiles& files) {
  files_ = files;
  loaded_ = seen_ = look();
  auto loaded = net::ServerTls::load(files_, alpn_, clock_.wall_us());
  if (!loaded) return fail(ErrorCode::configuration, text_of(name_, loaded.error()));
  take_over(*std::move(loaded));
  return {};
}

void ListenerTls::give_to(Taker take) {
  take(current_);
  takers_.push_back(std::move(take));
}

void ListenerTls::use(const net::ServerTlsFiles& files) {
  files_ = files;
  loaded_ = seen_ = look();
  load();
}

ListenerTls::Look ListenerTls::look() const {
  Look out;
  for (const std::string& path : {files_.certificate, files_.key, files_.client_ca}) {
    struct stat status{};
    if (path.empty() || ::stat(path.c_str(), &status) != 0) status = {};
    out.insert(out.end(),
               {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                status.st_ctim.tv_nsec, status.st_size, static_cast<std::int64_t>(status.st_ino)});
  }
  return out;
}

void ListenerTls::load() {
  auto loaded = net::ServerTls::load(files_, alpn_, clock_.wall_us());
  if (!loaded) {
    ++failures_;
    problem_ = text_of(name_, loaded.error());
    log::error("the certificate before stays in use: {}", problem_);
    return;
  }
  problem_.clear();
  ever_warned_ = false;
  log::info("{}: certificate and key were read again", name_);
  if (!(*loaded)->warning().empty()) log::warning("{}: {}", name_, (*loaded)->warning());
  take_over(*std::move(loaded));
}

void ListenerTls::take_over(std::shared_ptr<const net::ServerTls> tls) {
  current_ = std::move(tls);
  tickets_since_ = clock_.now();
  for (const Taker& take : takers_) take(current_);
}

// Files that are being replaced change one after the other: they are read once they have been the
// same for a tick.
void ListenerTls::tick() {
  Look now = look();
  const bool still = now == seen_;
  seen_ = std::move(now);
  if (still && seen_ != loaded_) {
    loaded_ = seen_;
    load();
  }
  if (clock_.now() - tickets_since_ >= limits::ticket_lifetime)
    take_over(current_->with_new_tickets());
  const std::string expiring = expiry();
  if (expiring.empty() || (ever_warned_ && clock_.now() - warned_ < warn_again_after)) return;
  ever_warned_ = true;
  warned_ = clock_.now();
  log::warning("{}", expiring);
}

std::string ListenerTls::warning() const {
  return problem_.empty() ? expiry() : "the certificate before stays in use: " + problem_;
}

std::string ListenerTls::expiry() const {
  const auto left = std::chrono::microseconds(current_->expires_us() - clock_.wall_us());
  if (left >= limits::expiry_warning) return {};
  if (left.count() <= 0)
    return fmt::format("{}: the certificate in use has expired: clients refuse it; renew {}", name_,
                       files_.certificate);
  return fmt::format("{}: the certificate expires in {} hours: renew {}", name_,
                     std::chrono::duration_cast<std::chrono::hours>(left).count(),
                     files_.certificate);
}

}  // namespace holdfast::server
