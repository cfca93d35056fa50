#include "responses/keeper.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "responses/schema.h"

namespace holdfast::responses {
namespace {
namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t batch_changes = 256;      // in one transaction ...
constexpr std::size_t batch_bytes = 8U << 20U;  // ... and one more entry than this
constexpr auto pause_after_error = 1s;
constexpr auto retention_interval = 10s;

Error too_many() { return {ErrorCode::io, "too many ask for kept responses at the same time"}; }

}  // namespace

// One coroutine that waits. Its fields are used on its own loop only.
template <class T>
struct Keeper::Waiter {
  explicit Waiter(const asio::any_io_executor& executor)
      : home(executor), timer(std::in_place, executor) {}
  asio::any_io_executor home;
  // Ends with the wait, on its own loop: the last who lets go of the rest may be another thread,
  // and later than the loop.
  std::optional<asio::steady_timer> timer;
  std::atomic<bool> over{false};
  std::optional<Result<T>> outcome;

  // Any thread.
  static void settle(const std::shared_ptr<Waiter>& waiter, Result<T> outcome) {
    if (waiter->over) return;  // nobody waits any more
    asio::post(waiter->home, [waiter, outcome = std::move(outcome)]() mutable {
      if (waiter->over) return;
      waiter->outcome = std::move(outcome);
      waiter->timer->cancel();
    });
  }
};

Result<std::unique_ptr<Keeper>> Keeper::open(const std::string& state_dir, const Settings& settings,
                                             const Clock& clock) {
  std::string path = database_path(state_dir);
  auto shelf = Shelf::open(path);
  if (!shelf) return std::unexpected(std::move(shelf).error());
  std::unique_ptr<Keeper> keeper(new Keeper(std::move(path), *std::move(shelf), settings, clock));
  keeper->writer_ = std::thread([raw = keeper.get()] { raw->write(); });
  keeper->reader_ = std::thread([raw = keeper.get()] { raw->read(); });
  return keeper;
}

Keeper::Keeper(std::string path, Shelf shelf, const Settings& settings, const Clock& clock)
    : path_(std::move(path)),
      settings_(settings),
      clock_(clock),
      shelf_(std::move(shelf)),
      retained_at_(clock.now() - retention_interval) {}

Keeper::~Keeper() {
  if (const auto stopped = stop(); !stopped) log::error("responses: {}", stopped.error().detail);
}

Result<void> Keeper::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    looks_.clear();
  }
  written_to_.notify_all();
  asked_.notify_all();
  if (writer_.joinable()) writer_.join();
  if (reader_.joinable()) reader_.join();
  const std::scoped_lock lock(mutex_);
  const std::size_t lost = std::exchange(waiting_, {}).size();
  if (lost == 0) return {};
  return fail(ErrorCode::io, fmt::format("{} changes are lost: {}", lost, totals_.error));
}

Totals Keeper::totals() const {
  const std::scoped_lock lock(mutex_);
  return totals_;
}

bool Keeper::enqueue(Waiting waiting) {
  {
    const std::scoped_lock lock(mutex_);
    const bool fits = waiting_.empty() ||
                      (waiting_.size() < limits::responses_waiting &&
                       totals_.waiting_bytes + waiting.bytes <= limits::responses_waiting_bytes);
    if (!fits || stopping_) return false;
    if (const auto* entry = std::get_if<SharedEntry>(&waiting.change))
      newest_.insert_or_assign(Key{(*entry)->owner, (*entry)->id}, *entry);
    totals_.waiting_bytes += waiting.bytes;
    ++totals_.waiting;
    waiting_.push_back(std::move(waiting));
  }
  written_to_.notify_one();
  return true;
}

bool Keeper::keep(SharedEntry entry) {
  const std::size_t bytes = entry->bytes();
  if (enqueue({std::move(entry), {}, bytes})) return true;
  const std::scoped_lock lock(mutex_);
  ++totals_.lost;
  return false;
}

bool Keeper::enqueue_look(Look look) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || looks_.size() >= limits::responses_looks) return false;
    looks_.push_back(std::move(look));
  }
  asked_.notify_one();
  return true;
}

template <class T>
Task<Result<T>> Keeper::ask(std::shared_ptr<Waiter<T>> waiter, net::Deadline deadline) {
  waiter->timer->expires_at(deadline);
  auto [error] = co_await waiter->timer->async_wait(asio::as_tuple(asio::use_awaitable));
  waiter->over = true;
  waiter->timer.reset();
  if (waiter->outcome) co_return std::move(*waiter->outcome);
  if (error) co_return fail(ErrorCode::cancelled, "the wait was cancelled");
  co_return fail(ErrorCode::deadline_exceeded, "the kept responses did not answer in time");
}

Task<Result<SharedEntry>> Keeper::find(std::string owner, std::string id, net::Deadline deadline) {
  auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter<SharedEntry>>(executor);
  const bool asked = enqueue_look([this, waiter, owner, id, deadline](Shelf* shelf) {
    Waiter<SharedEntry>::settle(waiter, look_up(shelf, owner, id, deadline));
  });
  if (!asked) co_return std::unexpected(too_many());
  co_return co_await ask(waiter, deadline);
}

Task<Result<Chain>> Keeper::chain(std::string owner, std::string id, net::Deadline deadline) {
  auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter<Chain>>(executor);
  const bool asked = enqueue_look([this, waiter, owner, id, deadline](Shelf* shelf) {
    Waiter<Chain>::settle(waiter, look_up_chain(shelf, owner, id, deadline));
  });
  if (!asked) co_return std::unexpected(too_many());
  co_return co_await ask(waiter, deadline);
}

Task<Result<bool>> Keeper::remove(std::string owner, std::string id, net::Deadline deadline) {
  auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter<bool>>(executor);
  const std::size_t bytes = owner.size() + id.size();
  Waiting waiting;
  waiting.change = Removal{std::move(owner), std::move(id)};
  waiting.done = [waiter](Result<bool> outcome) {
    Waiter<bool>::settle(waiter, std::move(outcome));
  };
  waiting.bytes = bytes;
  const bool asked = enqueue(std::move(waiting));
  if (!asked) co_return std::unexpected(too_many());
  co_return co_await ask(waiter, deadline);
}

// ---- the writer's thread -----------------------------------------------------------------------

void Keeper::write() {
  ::prctl(PR_SET_NAME, "hf-resp-write");
  std::unique_lock lock(mutex_);
  while (true) {
    bool fine = true;
    while (fine && !waiting_.empty()) fine = write_batch(lock);
    if (stopping_) return;
    lock.unlock();
    retain_if_due();
    lock.lock();
    if (fine)
      written_to_.wait_for(lock, retention_interval,
                           [this] { return stopping_ || !waiting_.empty(); });
    else
      written_to_.wait_for(lock, pause_after_error, [this] { return stopping_; });
  }
}

// Writes the first of those that wait; false: the disk took nothing. `lock` is given up meanwhile:
// what waits stays where it is until it is written, so that it is found.
bool Keeper::write_batch(std::unique_lock<std::mutex>& lock) {
  std::vector<Change> changes;
  std::size_t bytes = 0;
  bool removes = false;
  for (const Waiting& one : waiting_) {
    if (changes.size() == batch_changes || bytes > batch_bytes) break;
    changes.push_back(one.change);
    bytes += one.bytes;
    removes = removes || std::holds_alternative<Removal>(one.change);
  }
  lock.unlock();
  auto changed = shelf_.apply(changes);
  if (changed && removes) {
    if (const auto shrunk = shelf_.shrink(); !shrunk)
      log::warning("responses: deleted, and not yet out of the file: {}", shrunk.error().detail);
  }
  lock.lock();
  if (!changed) {
    if (totals_.error.empty())
      log::error("responses: not kept on disk, tried again every second: {}",
                 changed.error().detail);
    totals_.error = changed.error().detail;
    return false;
  }
  if (!totals_.error.empty()) log::info("responses: kept on disk again");
  totals_.error.clear();
  for (const bool did : *changed) {
    Waiting& one = waiting_.front();
    if (const auto* entry = std::get_if<SharedEntry>(&one.change)) {
      ++totals_.written;
      const auto newest = newest_.find(Key{(*entry)->owner, (*entry)->id});
      if (newest != newest_.end() && newest->second == *entry) newest_.erase(newest);
    }
    if (one.done) one.done(did);
    --totals_.waiting;
    totals_.waiting_bytes -= one.bytes;
    waiting_.pop_front();
  }
  return true;
}

void Keeper::retain_if_due() {
  if (clock_.now() - retained_at_ < retention_interval) return;
  retained_at_ = clock_.now();
  bool deleted = false;
  Result<bool> more = true;
  while (more && *more) {
    more = shelf_.retain(settings_, clock_.wall_us());
    deleted = deleted || (more && *more);
  }
  if (!more) log::warning("responses: old ones are not deleted: {}", more.error().detail);
  if (!deleted) return;
  if (const auto shrunk = shelf_.shrink(); !shrunk)
    log::warning("responses: deleted, and not yet out of the file: {}", shrunk.error().detail);
}

// ---- the reader's thread -----------------------------------------------------------------------

void Keeper::read() {
  ::prctl(PR_SET_NAME, "hf-resp-read");
  std::optional<Shelf> shelf;
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopping_ || !looks_.empty(); });
    if (stopping_) return;
    const Look look = std::move(looks_.front());
    looks_.pop_front();
    lock.unlock();
    if (!shelf) {
      auto opened = Shelf::open_reader(path_);
      if (opened)
        shelf.emplace(*std::move(opened));
      else
        log::error("responses: {}", opened.error().detail);
    }
    look(shelf ? &*shelf : nullptr);
    lock.lock();
  }
}

SharedEntry Keeper::waiting_entry(const std::string& owner, const std::string& id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = newest_.find(Key{owner, id});
  return found == newest_.end() ? nullptr : found->second;
}

// The queue first: what is not in it any more has been committed.
Result<SharedEntry> Keeper::look_up(Shelf* shelf, const std::string& owner, const std::string& id,
                                    net::Deadline deadline) const {
  if (auto waiting = waiting_entry(owner, id)) return waiting;
  if (shelf == nullptr) return fail(ErrorCode::io, "the kept responses cannot be read");
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock_.now());
  if (left <= 0ms) return fail(ErrorCode::deadline_exceeded, "asked too late");
  return shelf->find(owner, id, left);
}

Result<Chain> Keeper::look_up_chain(Shelf* shelf, const std::string& owner, std::string id,
                                    net::Deadline deadline) const {
  Chain chain;
  std::size_t bytes = 0;
  while (!id.empty()) {
    auto found = look_up(shelf, owner, id, deadline);
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) {
      chain.missing = std::move(id);
      break;
    }
    const Entry& entry = **found;
    bytes += entry.bytes();
    if (chain.entries.size() == limits::responses_chain_length ||
        bytes > limits::responses_chain_bytes)
      return fail(
          ErrorCode::too_large,
          fmt::format("the conversation has more than {} responses or {} MiB",
                      limits::responses_chain_length, limits::responses_chain_bytes >> 20U));
    id = entry.previous;
    chain.entries.push_back(*std::move(found));
  }
  std::ranges::reverse(chain.entries);
  return chain;
}

}  // namespace holdfast::responses
