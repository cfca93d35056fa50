#include "engine/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace holdfast::engine {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// One coroutine in wait_ready(). Its fields are used on its own loop only.
struct Supervisor::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::optional<Result<void>> outcome;
};

// Strikes the waiter off the list, however its coroutine ends.
class Supervisor::Waiting {
 public:
  Waiting(Supervisor& owner, std::shared_ptr<Waiter> waiter)
      : owner_(owner), waiter_(std::move(waiter)) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.waiters_.erase(waiter_);
  }

 private:
  Supervisor& owner_;
  std::shared_ptr<Waiter> waiter_;
};

Supervisor::Supervisor(Plan plan, Endpoint endpoint, const Clock& clock)
    : plan_(std::move(plan)),
      endpoint_(std::make_shared<const Endpoint>(std::move(endpoint))),
      clock_(clock),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      log_(plan_.log_path),
      random_(entropy_seed()) {
  status_.port = endpoint_->port;
  thread_ = std::thread([this] { run(); });
}

Supervisor::~Supervisor() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake();
  thread_.join();
}

void Supervisor::start() {
  if (!plan_.warm) return;
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wake();
}

EngineStatus Supervisor::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Supervisor::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_.get(), &one, sizeof one);
}

std::optional<Result<void>> Supervisor::known_outcome() const {
  if (ready_.load()) return Result<void>{};
  if (quit_) return fail(ErrorCode::cancelled, "stopping");
  if (status_.state == EngineState::failed)
    return fail(ErrorCode::configuration, status_.last_error);
  if (failed_starts_ >= plan_.limits.hopeless_starts)
    return fail(ErrorCode::io, status_.last_error);
  return std::nullopt;
}

void Supervisor::enlist(const std::shared_ptr<Waiter>& waiter) {
  {
    const std::lock_guard lock(mutex_);
    waiter->outcome = known_outcome();
    if (waiter->outcome && waiter->outcome->has_value()) return;
    wanted_ = true;
    if (!waiter->outcome) waiters_.insert(waiter);
  }
  wake();
}

Task<Result<void>> Supervisor::wait_ready(net::Deadline deadline) {
  note_use();
  auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter>(executor);
  waiter->timer.expires_at(deadline);
  const Waiting waiting(*this, waiter);  // NOLINT(misc-coroutine-hostile-raii)
  enlist(waiter);
  if (!waiter->outcome) {
    auto [error] = co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!waiter->outcome && error) co_return fail(ErrorCode::cancelled, "the wait was cancelled");
  }
  if (waiter->outcome) co_return *waiter->outcome;
  co_return fail(ErrorCode::deadline_exceeded,
                 fmt::format("the local engine {} was not ready in time", plan_.name));
}

void Supervisor::settle_waiters(const Result<void>& outcome) {
  const std::lock_guard lock(mutex_);
  for (const auto& waiter : waiters_)
    asio::post(waiter->timer.get_executor(), [waiter, outcome] {
      waiter->outcome = outcome;
      waiter->timer.cancel();
    });
  waiters_.clear();
}

// ---- the supervisor's thread -------------------------------------------------------------------

void Supervisor::run() {
  while (true) {
    const MonoTime now = clock_.now();
    obey(now);
    {
      const std::lock_guard lock(mutex_);
      if (quit_ && !process_) break;
    }
    watch(now);
  }
  enter(EngineState::stopped, status().last_error);
  settle_waiters(fail(ErrorCode::cancelled, "stopping"));
}

// Does what is wanted or due at `now`.
void Supervisor::obey(MonoTime now) {
  bool wanted = false, quit = false;
  EngineState state{};
  {
    const std::lock_guard lock(mutex_);
    wanted = wanted_;
    quit = quit_;
    state = status_.state;
  }
  if (quit && process_ && state != EngineState::stopping) return begin_stop(now);
  if (quit && !process_) return;
  switch (state) {
    case EngineState::stopped:
      if (wanted) launch(now);
      return;
    case EngineState::failed:
    case EngineState::backing_off:
      if (now >= retry_at_) launch(now);
      return;
    case EngineState::starting:
      if (now >= started_at_ + plan_.start_timeout)
        give_up_on(fmt::format("it was not ready within {} s (start_timeout)",
                               std::chrono::duration<double>(plan_.start_timeout).count()));
      return;
    case EngineState::ready:
      if (!plan_.warm) stop_when_idle(now);
      return;
    case EngineState::stopping:
      if (now >= kill_at_) process_->signal(SIGKILL);
      return;
  }
}

void Supervisor::launch(MonoTime now) {
  const auto command = plan_.prepare();
  if (!command) {
    retry_at_ = now + plan_.limits.look_again;
    const bool told = status().last_error == command.error().detail;
    if (!told) log::error("local engine {}: {}", plan_.name, command.error().detail);
    enter(EngineState::failed, command.error().detail);
    settle_waiters(fail(ErrorCode::configuration, command.error().detail));
    return;
  }
  log_.start();
  auto process = Process::spawn(*command);
  if (!process) return back_off(now, process.error().detail);
  process_.emplace(std::move(*process));
  started_at_ = now;
  probe_at_ = now;
  output_open_ = true;
  kill_reason_.clear();
  {
    const std::lock_guard lock(mutex_);
    ++status_.starts;
  }
  enter(EngineState::starting, status().last_error);
}

void Supervisor::begin_stop(MonoTime now) {
  kill_at_ = now + plan_.limits.stop_grace;
  health_.stop();
  process_->signal(SIGTERM);
  enter(EngineState::stopping, status().last_error);
}

// A request says note_use() first and asks ready() then; here it is the other way round, so that
// one of the two sees the other.
void Supervisor::stop_when_idle(MonoTime now) {
  if (now < last_use_.load() + plan_.idle_stop) return;
  ready_.store(false);
  if (now < last_use_.load() + plan_.idle_stop) {
    ready_.store(true);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    wanted_ = !waiters_.empty();
  }
  log::info("local engine {}: idle, stopping", plan_.name);
  begin_stop(now);
}

// Waits for the next thing to happen and handles it.
void Supervisor::watch(MonoTime now) {
  std::array<pollfd, 4> polled{pollfd{wake_.get(), POLLIN, 0}, pollfd{-1, POLLIN, 0},
                               pollfd{-1, POLLIN, 0}, pollfd{-1, 0, 0}};
  if (process_) polled[1].fd = process_->exit_descriptor();
  if (process_ && output_open_) polled[2].fd = process_->output_descriptor();
  if (health_.active()) polled[3] = {health_.descriptor(), health_.wanted(), 0};
  const auto wait = std::chrono::ceil<milliseconds>(
      std::clamp<Duration>(next_event(now) - now, {}, milliseconds(60'000)));
  if (::poll(polled.data(), polled.size(), static_cast<int>(wait.count())) < 0) return;
  if (polled[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  }
  if (polled[2].revents != 0) output_open_ = log_.drain(process_->output_descriptor());
  if (polled[3].revents != 0) on_probe(health_.step(), clock_.now());
  if (polled[1].revents != 0)
    on_exit(clock_.now());
  else
    probe(clock_.now());
}

MonoTime Supervisor::next_event(MonoTime now) const {
  const std::lock_guard lock(mutex_);
  MonoTime next = MonoTime::max();
  if (health_.active()) next = probe_deadline_;
  switch (status_.state) {
    case EngineState::stopped:
      return wanted_ ? now : next;
    case EngineState::failed:
    case EngineState::backing_off:
      return retry_at_;
    case EngineState::starting:
      next = std::min(next, started_at_ + plan_.start_timeout);
      return health_.active() ? next : std::min(next, probe_at_);
    case EngineState::ready:
      if (!plan_.warm) next = std::min(next, last_use_.load() + plan_.idle_stop);
      return health_.active() ? next : std::min(next, probe_at_);
    case EngineState::stopping:
      return kill_at_;
  }
  return next;
}

// Begins a probe that is due, ends one that takes too long.
void Supervisor::probe(MonoTime now) {
  const EngineState state = status().state;
  if (state != EngineState::starting && state != EngineState::ready) return;
  if (health_.active() && now >= probe_deadline_) return on_probe(ProbeResult::gone, now);
  if (health_.active() || now < probe_at_) return;
  probe_deadline_ = now + plan_.limits.probe_timeout;
  probe_began_ = now;
  probe_cpu_ = process_->cpu_time();
  health_.start(endpoint_->port);
  on_probe(health_.step(), now);
}

void Supervisor::on_probe(ProbeResult result, MonoTime now) {
  if (result == ProbeResult::pending) return;
  health_.stop();
  const bool starting = status().state == EngineState::starting;
  probe_at_ = now + (starting ? plan_.limits.probe_while_starting : plan_.limits.probe_every);
  if (starting && result == ProbeResult::well) {
    ready_at_ = now;
    missed_ = 0;
    const double seconds = std::chrono::duration<double>(now - started_at_).count();
    {
      const std::lock_guard lock(mutex_);
      status_.time_to_ready_seconds = seconds;
      failed_starts_ = 0;
    }
    note_use();
    log::info("local engine {}: ready after {:.2f} s, pid {}", plan_.name, seconds,
              process_->pid());
    enter(EngineState::ready, status().last_error);
    settle_waiters({});
  } else if (!starting) {
    missed_ = result == ProbeResult::gone && seems_stuck(now) ? missed_ + 1 : 0;
    if (missed_ >= plan_.limits.missed_probes)
      give_up_on(fmt::format("it runs but did not answer {} health checks in a row", missed_));
  }
}

bool Supervisor::seems_stuck(MonoTime now) const {
  const Duration used = process_->cpu_time() - probe_cpu_;
  return used * 1000 <= (now - probe_began_) * plan_.limits.idle_permille;
}

// Kills it; on_exit() says why.
void Supervisor::give_up_on(std::string why) {
  if (!kill_reason_.empty()) return;
  kill_reason_ = std::move(why);
  ready_.store(false);
  health_.stop();
  process_->signal(SIGKILL);
}

void Supervisor::on_exit(MonoTime now) {
  ready_.store(false);
  health_.stop();
  if (output_open_) log_.drain(process_->output_descriptor());
  const EngineState before = status().state;
  std::string how = process_->reap();
  process_.reset();
  if (before == EngineState::stopping) return enter(EngineState::stopped, status().last_error);
  {
    const std::lock_guard lock(mutex_);
    ++status_.deaths;
  }
  if (!kill_reason_.empty()) return back_off(now, kill_reason_);
  if (before == EngineState::ready) {
    if (now >= ready_at_ + plan_.limits.well_after) backoffs_ = 0;
    return back_off(now, how);
  }
  const std::string said = log_.tail(3);
  back_off(now, fmt::format("{} before it was ready; its last words: {}", how,
                            said.empty() ? "none" : said));
}

// Waits before the next start. Who waits for a start that failed is told so; who waits for a
// server that was ready and died waits on.
void Supervisor::back_off(MonoTime now, const std::string& why) {
  const EngineState before = status().state;
  const milliseconds doubled = plan_.limits.first_backoff * (1L << std::min(backoffs_, 16));
  const milliseconds full = std::min(plan_.limits.longest_backoff, doubled);
  ++backoffs_;
  // Between three quarters and all of it.
  const auto quarter = static_cast<std::uint64_t>(full.count() / 4 + 1);
  const auto delay = full - milliseconds(random_.below(quarter));
  retry_at_ = now + delay;
  log::warning("local engine {}: {}; starting again in {:.1f} s", plan_.name, why,
               std::chrono::duration<double>(delay).count());
  if (before != EngineState::ready) {
    const std::lock_guard lock(mutex_);
    ++failed_starts_;
  }
  enter(EngineState::backing_off, why);
  if (before != EngineState::ready) settle_waiters(fail(ErrorCode::io, why));
}

void Supervisor::enter(EngineState state, std::string error) {
  EngineStatus copy;
  {
    const std::lock_guard lock(mutex_);
    if (status_.state == state && status_.last_error == error) return;
    status_.state = state;
    status_.last_error = std::move(error);
    status_.pid = process_ ? process_->pid() : 0;
    ready_.store(state == EngineState::ready);
    copy = status_;
  }
  if (plan_.on_change) plan_.on_change(copy);
}

}  // namespace holdfast::engine
