#include "records/drain.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "records/schema.h"

namespace holdfast::records {
namespace {
using namespace std::chrono_literals;
constexpr std::size_t chunk_bytes = 1U << 20U;  // of a journal, in one transaction
constexpr std::chrono::milliseconds pause = 200ms;
constexpr std::chrono::milliseconds pause_after_error = 1s;
constexpr std::chrono::milliseconds longest_sleep = 10s;
constexpr auto retention_interval = 10s;
constexpr auto lost_after = 24h;     // no attempt takes so long
constexpr auto seal_interval = 60s;  // a segment is an entry in the audit log, so not too many

// Reads up to `size` bytes at `offset`; fewer only at the file's end.
Result<std::size_t> read_at(const JournalFile& file, std::uint64_t offset, char* into,
                            std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t count =
        ::pread(file.descriptor, into + got, size - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return fail(ErrorCode::io, fmt::format("{}: {}", file.name, std::strerror(errno)));
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
}
}  // namespace

Result<std::unique_ptr<Drain>> Drain::open(const std::string& state_dir, const Settings& settings,
                                           Clock& clock, JournalDisk& disk, Sealer* sealer) {
  auto ledger = Ledger::open(database_path(state_dir), clock.wall_us(), sealer);
  if (!ledger) return std::unexpected(std::move(ledger).error());
  auto folder = JournalFolder::open(journal_path(state_dir), ledger->run(), disk);
  if (!folder) return std::unexpected(std::move(folder).error());
  std::vector<std::string> names;
  for (const auto& file : (*folder)->files()) {
    auto position = ledger->position(file->name);
    if (!position) return std::unexpected(std::move(position).error());
    file->drained = *position;
    names.push_back(file->name);
  }
  auto forgotten = ledger->forget_all_but(names);
  if (!forgotten) return std::unexpected(std::move(forgotten).error());
  std::unique_ptr<Drain> drain(new Drain(*std::move(folder), *std::move(ledger), settings, clock));
  drain->thread_ = std::thread([raw = drain.get()] { raw->run(); });
  return drain;
}

Drain::Drain(std::shared_ptr<JournalFolder> folder, Ledger ledger, const Settings& settings,
             Clock& clock)
    : folder_(std::move(folder)),
      settings_(settings),
      clock_(clock),
      ledger_(std::move(ledger)),
      chunk_(std::make_unique_for_overwrite<char[]>(chunk_bytes)),
      synced_at_(clock.now()),
      retained_at_(clock.now() - retention_interval),
      sealed_at_(clock.now() - seal_interval),
      marked_at_(clock.now()),
      counts_(ledger_.counts()) {}

Drain::~Drain() {
  if (const auto stopped = stop(); !stopped)
    log::error("records: the next start drains the rest: {}", stopped.error().detail);
}

std::unique_ptr<Journal> Drain::open_journal() {
  const std::uint32_t thread = folder_->journals.fetch_add(1);
  return std::make_unique<Journal>(folder_, static_cast<std::uint16_t>(thread), clock_);
}

Result<void> Drain::wait_until_drained() {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++asked_;
  folder_->wake();
  answer_.wait(lock, [&] { return answered_ >= ticket || ended_; });
  return outcome_;
}

Result<void> Drain::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  folder_->wake();
  if (thread_.joinable()) thread_.join();
  return outcome_;
}

Totals Drain::totals() const {
  Totals totals;
  {
    const std::scoped_lock lock(mutex_);
    const auto count = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    totals.attempts = count(counts_.attempts);
    totals.settled = count(counts_.settled);
    totals.unsettled = count(counts_.unsettled);
    totals.open = count(counts_.attempts - counts_.settled - counts_.unsettled);
    totals.unmatched = count(counts_.unmatched);
    totals.damaged = count(counts_.damaged);
    if (!outcome_) totals.store_error = outcome_.error().detail;
    totals.unsealed = count(unsealed_);
    totals.seal_error = seal_error_;
  }
  totals.lost = folder_->lost.load(std::memory_order_relaxed);
  totals.lossy = folder_->lossy.load(std::memory_order_relaxed) > 0;
  for (const auto& file : folder_->files()) {
    totals.journal_bytes += file->written.load();
    totals.lag_records += file->records.load() - file->drained_records.load();
  }
  return totals;
}

bool Drain::hurried() const {
  const std::scoped_lock lock(mutex_);
  return stopping_ || asked_ > answered_;
}

void Drain::run() {
  ::prctl(PR_SET_NAME, "hf-drain");
  while (true) {
    std::unique_lock lock(mutex_);
    const std::uint64_t asked = asked_;
    const bool stopping = stopping_;
    lock.unlock();
    const auto more = pass(stopping);
    sync_if_due();
    lock.lock();
    if (!more && outcome_) log::error("records: not stored, retried: {}", more.error().detail);
    if (more && !outcome_) log::info("records: stored again");
    const bool failed = !more;
    outcome_ = failed ? Result<void>(std::unexpected(more.error())) : Result<void>();
    counts_ = ledger_.counts();
    unsealed_ = ledger_.unsealed();
    if (!ledger_.log_error().empty() && seal_error_ != ledger_.log_error())
      log::error("records: not sealed, tried again: {}", ledger_.log_error());
    seal_error_ = ledger_.log_error();
    if (!failed && *more) continue;
    answered_ = asked;
    ended_ = stopping;
    answer_.notify_all();
    lock.unlock();
    if (stopping) return;
    sleep(failed);
  }
}

// Drains what is there. Returns whether there is more to do at once.
Result<bool> Drain::pass(bool stopping) {
  bool dead = false;
  for (const auto& file : folder_->files()) {
    auto drained = drain_file(*file);
    if (!drained) return std::unexpected(std::move(drained).error());
    dead = dead || file->dead;
  }
  if (!dead && !dead_are_settled_) {
    auto settled = ledger_.settle_dead_runs();
    if (!settled) return std::unexpected(std::move(settled).error());
    dead_are_settled_ = true;
  }
  if (dead) return true;
  if (auto more = seal(stopping); !more || *more) return more;
  if (clock_.now() - retained_at_ < retention_interval) return false;
  auto more = ledger_.retain(settings_, clock_.wall_us());
  if (more && !*more) retained_at_ = clock_.now();
  return more;
}

// Seals what is due: what an earlier process has left first, the rest before this one ends, and
// what is to be deleted for want of room.
Result<bool> Drain::seal(bool stopping) {
  const MonoTime now = clock_.now();
  bool due = stopping || now - sealed_at_ >= seal_interval;
  if (!due && now - retained_at_ >= retention_interval) {
    const auto large = ledger_.too_large(settings_);
    if (!large) return large;
    due = *large;
  }
  if (!due) return false;
  if (now - marked_at_ >= lost_after) {
    if (auto settled = ledger_.settle_lost(marked_id_); !settled)
      return std::unexpected(std::move(settled).error());
    marked_at_ = now;
    marked_id_ = ledger_.last_id();
  }
  const auto more = ledger_.seal();
  if (more && !*more) sealed_at_ = now;
  return more;
}

Result<void> Drain::drain_file(JournalFile& file) {
  const bool finished = file.finished.load();  // before `written`, which then is final
  const std::uint64_t end = file.written.load();
  if (end == 0 && !finished) return {};  // its head is being written
  char head_text[head_bytes];
  auto head_size = read_at(file, 0, head_text, head_bytes);
  if (!head_size) return std::unexpected(std::move(head_size).error());
  const auto head = read_head({head_text, *head_size});
  if (!head) file.damaged = file.damaged || *head_size == head_bytes;
  if (head && file.drained < head_bytes) file.drained = head_bytes;
  bool torn = !head && !file.damaged;
  while (!torn && !file.damaged && file.drained < end) {
    const std::size_t wanted = std::min<std::uint64_t>(chunk_bytes, end - file.drained);
    auto size = read_at(file, file.drained, chunk_.get(), wanted);
    if (!size) return std::unexpected(std::move(size).error());
    FrameReader reader({chunk_.get(), *size});
    records_.clear();
    while (auto record = reader.next()) records_.push_back(*record);
    if (records_.empty()) {
      torn = reader.tail() == Tail::torn || *size == 0;
      file.damaged = !torn;
      break;
    }
    const std::uint64_t position = file.drained + reader.consumed();
    auto posted = ledger_.post(file.name, *head, records_, position);
    if (!posted) return posted;
    file.drained = position;
    file.drained_records += records_.size();
    const std::scoped_lock lock(mutex_);
    counts_ = ledger_.counts();
  }
  if (torn && file.drained < end)
    log::warning("records: {} ends inside a record at byte {}", file.name, file.drained.load());
  if (file.damaged || (torn && !finished)) {  // an open file that is torn was tampered with
    if (file.drained < end)
      log::error("records: {} is damaged at byte {}; it will be kept as {}.damaged", file.name,
                 file.drained.load(), file.name);
    file.damaged = true;
    file.drained = end;
  }
  if (!finished) return {};
  return close_file(file);
}

Result<void> Drain::close_file(JournalFile& file) {
  if (file.damaged)
    folder_->set_aside(file);
  else
    folder_->remove(file);
  // For good, before its position is forgotten: else a power loss could bring it back to be
  // drained again.
  folder_->sync();
  return ledger_.forget(file.name, file.damaged);
}

// What is not in the store yet is made to survive a power loss. While the store keeps up there is
// nothing to do: its transactions do.
void Drain::sync_if_due() {
  if (clock_.now() - synced_at_ < settings_.fsync) return;
  synced_at_ = clock_.now();
  bool some = false;
  for (const auto& file : folder_->files()) {
    const std::uint64_t written = file->written.load();
    if (written <= std::max(file->drained.load(), file->synced)) continue;
    if (::fdatasync(file->descriptor) == 0) file->synced = written;
    some = true;
  }
  if (some) folder_->sync();
}

void Drain::sleep(bool failed) {
  if (hurried()) return;
  if (!failed) {
    folder_->wait(static_cast<int>(longest_sleep.count()), true);
    if (hurried()) return;
  }
  // Not at once: an attempt that starts and ends meanwhile costs half, and so does a batch.
  const auto longest = failed ? pause_after_error : pause;
  folder_->wait(static_cast<int>(std::min(longest, settings_.fsync).count()), false);
}

}  // namespace holdfast::records
