#include "vault/keeper.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "vault/metadata.h"

namespace holdfast::vault {
namespace asio = boost::asio;

Keeper::Keeper(const Clock& clock, std::uint64_t seed, const net::ResolverOptions& options)
    : clock_(clock),
      work_(loop_.get_executor()),
      watchdog_(loop_, clock_),
      connector_(make_token_connector(loop_, watchdog_,
                                      net::make_connector(loop_, watchdog_, clock_, options))),
      pool_(*connector_, clock_),
      random_(seed),
      thread_([this] { loop_.run(); }) {}

Keeper::~Keeper() {
  clock_.stop();
  asio::post(loop_, [this] {
    stopping_ = true;
    for (const auto& refresher : running_) refresher->stop();
    watchdog_.check();
    if (running_.empty()) loop_.stop();
  });
  thread_.join();
}

std::unique_ptr<Keeper::Kept> Keeper::keep(std::string name,
                                           std::unique_ptr<const CredentialSource> source,
                                           OnChange on_change) {
  std::uint64_t seed = 0;
  {
    const std::lock_guard lock(random_mutex_);
    seed = random_.next();
  }
  auto refresher =
      std::make_shared<Refresher>(Refresher::Loop{loop_, watchdog_, pool_, clock_}, std::move(name),
                                  std::move(source), std::move(on_change), Random(seed));
  asio::post(loop_, [this, refresher] { begin(refresher); });
  return std::unique_ptr<Kept>(new Kept(*this, std::move(refresher)));
}

void Keeper::begin(const std::shared_ptr<Refresher>& refresher) {
  if (stopping_) return;
  running_.push_back(refresher);
  asio::co_spawn(loop_, refresher->run(), [this, refresher](const std::exception_ptr& bug) {
    if (bug) log::error("a credential is no longer kept: an exception that nobody expected");
    ended(refresher);
  });
}

void Keeper::ended(const std::shared_ptr<Refresher>& refresher) {
  std::erase(running_, refresher);
  if (stopping_ && running_.empty()) loop_.stop();
}

Keeper::Kept::~Kept() {
  refresher_->silence();
  asio::post(keeper_.loop_, [refresher = refresher_] { refresher->stop(); });
}

void Keeper::Kept::refused() {
  asio::post(keeper_.loop_, [refresher = refresher_] { refresher->refused(); });
}

}  // namespace holdfast::vault
