#include "server/loader.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "vault/sealed/lookup.h"

namespace holdfast::server {
namespace {
using namespace std::chrono_literals;
// A change is read when it has been still from one look to the next: a file that is being written
// is not read half.
constexpr auto look_interval = 200ms;
constexpr auto again_after = 10s;  // a change that was refused

// The vault is open while secrets are read, and no longer.
Reading read_with_secrets(std::shared_ptr<config::Document> document, const ServeOptions& options) {
  const auto secrets = std::make_shared<config::SeenSecrets>(options.state_dir + "/vault.head");
  document->seen = secrets;
  document->vault =
      vault::sealed::lookup_in(options.state_dir, document->environment, system_clock());
  auto settings = read_settings(*document);
  document->vault = {};
  document->seen = nullptr;
  return {std::move(document), secrets, std::move(settings)};
}
}  // namespace

Reading read_configuration(const ServeOptions& options) {
  return read_with_secrets(std::make_shared<config::Document>(config::load(options.config_path)),
                           options);
}

Loader::Loader(ServeOptions options, const Reading& in_force, Hand hand)
    : options_(std::move(options)),
      hand_(std::move(hand)),
      in_force_{in_force.document, in_force.secrets},
      read_(in_force.secrets->stamps()),
      seen_(read_),
      thread_([this] { run(); }) {}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

bool Loader::ask() {
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    waits = handed_ || asked_;
    asked_ = true;
  }
  woken_.notify_all();
  return waits;
}

void Loader::done(Loaded::Cause cause, const Reading* in_force) {
  {
    const std::lock_guard lock(mutex_);
    handed_ = false;
    if (in_force != nullptr) refused_ = false;
    if (in_force == nullptr && cause == Loaded::Cause::secrets) {
      refused_ = true;
      again_at_ = std::chrono::steady_clock::now() + again_after;
    }
    if (in_force != nullptr) {
      in_force_ = {in_force->document, in_force->secrets};
      read_ = seen_ = in_force_.secrets->stamps();
    }
  }
  woken_.notify_all();
}

void Loader::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.wait_for(lock, look_interval, [&] { return stopping_ || (asked_ && !handed_); });
    if (stopping_ || handed_) continue;
    const bool asked = std::exchange(asked_, false);
    handed_ = true;  // busy from here on: another wish waits for its turn
    lock.unlock();
    auto loaded = asked ? std::make_shared<Loaded>(
                              Loaded{Loaded::Cause::asked, read_configuration(options_), {}})
                        : look_at_secrets();
    const bool handed = loaded != nullptr;
    if (handed) hand_(std::move(loaded));
    lock.lock();
    if (!handed) handed_ = false;  // else done() says when
  }
}

// Nothing: no secret has changed. A change that was refused is tried again, since what it was
// refused for may have passed: a full disk, a vault that was in use.
std::shared_ptr<Loaded> Loader::look_at_secrets() {
  std::vector<config::FileStamp> now = in_force_.secrets->look_again();
  const bool still = now == seen_;
  seen_ = std::move(now);
  const bool again = refused_ && std::chrono::steady_clock::now() >= again_at_;
  if (!still || (seen_ == read_ && !again)) return nullptr;
  read_ = seen_;
  auto loaded = std::make_shared<Loaded>(
      Loaded{Loaded::Cause::secrets, read_with_secrets(in_force_.document, options_), {}});
  if (loaded->reading.settings) {
    loaded->secrets = loaded->reading.secrets->changed_since(*in_force_.secrets);
    if (loaded->secrets.empty() && !refused_) return nullptr;
  }
  return loaded;
}
}  // namespace holdfast::server
