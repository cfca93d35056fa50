// Writing: entries, what is owed, checkpoints. How a log is opened is in log_open.cpp.
#include "audit/log.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/log_files.h"
#include "base/log.h"

namespace holdfast::audit {

Log::Log(const std::string& folder, Settings settings, const Clock& clock, OpenAppend open,
         Signer signer)
    : paths_(folder),
      clock_(clock),
      open_(std::move(open)),
      signer_(std::move(signer)),
      settings_(settings) {}

Log::~Log() = default;

Entry Log::entry_of(const Event& event, Phase phase) const {
  Entry entry;
  entry.phase = phase;
  entry.event = event;
  return entry;
}

Result<std::uint64_t> Log::append(const Event& event) {
  const std::scoped_lock lock(mutex_);
  return write(entry_of(event, Phase::fact));
}

Result<std::uint64_t> Log::begin(const Event& event) {
  const std::scoped_lock lock(mutex_);
  if (open_intents_.size() + owed_.size() >= limits::audit_open_intents)
    return fail(ErrorCode::too_large,
                fmt::format("{} changes are under way already", limits::audit_open_intents));
  // Before it is written: no checkpoint may part it from its outcome.
  open_intents_.push_back({frontier_.size(), event.action, event.target});
  auto index = write(entry_of(event, Phase::intent));
  if (index)
    open_intents_.back().index = *index;
  else
    open_intents_.pop_back();
  return index;
}

void Log::conclude(std::uint64_t intent, Outcome outcome) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(open_intents_, intent, &Intent::index);
  if (found == open_intents_.end()) return;
  owed_.push_back({std::move(*found), outcome});
  open_intents_.erase(found);
  [[maybe_unused]] const auto settled = settle_owed();  // else it goes before the next entry
}

Result<void> Log::settle_owed() {
  while (!owed_.empty()) {
    Entry entry;
    entry.phase = Phase::outcome;
    entry.of = owed_.front().intent.index;
    entry.outcome = owed_.front().outcome;
    entry.event.action = owed_.front().intent.action;
    entry.event.target = owed_.front().intent.target;
    auto written = write_whole_entry(std::move(entry));
    if (!written) return std::unexpected(std::move(written).error());
    owed_.erase(owed_.begin());
  }
  const auto fresh = static_cast<std::uint64_t>(settings_.checkpoint_entries);
  if (frontier_.size() >= status_.signed_entries + fresh) [[maybe_unused]]
    const auto made = sign();  // counted, and tried again
  return {};
}

Result<std::uint64_t> Log::write(Entry entry) {
  if (auto settled = settle_owed(); !settled) {
    ++status_.refused;
    return std::unexpected(std::move(settled).error());
  }
  auto index = write_whole_entry(std::move(entry));
  if (!index) {
    ++status_.refused;
    return index;
  }
  // Nothing is owed: this signs when enough has come together.
  [[maybe_unused]] const auto settled = settle_owed();
  return index;
}

// All of it or nothing of it.
Result<std::uint64_t> Log::write_whole_entry(Entry entry) {
  if (!files_)
    if (auto loaded = load(); !loaded) {
      note_failure(loaded.error());
      return std::unexpected(std::move(loaded).error());
    }
  entry.index = frontier_.size();
  entry.time_us = clock_.wall_us();
  auto line = write_entry(entry);
  if (!line) return std::unexpected(std::move(line).error());
  Frontier next = frontier_;
  std::vector<Hash> whole;
  next.add(leaf_hash(*line), &whole);
  *line += '\n';
  const std::uint64_t end = bytes_ + line->size();
  auto done = files_->nodes->append(node_bytes(whole));
  if (done) done = files_->ends->append(end_bytes(end));
  if (done) done = files_->entries->append(*line);
  if (done) done = files_->entries->sync();
  if (!done) {
    // What is not whole goes at once if the disk lets it, else before the next entry.
    [[maybe_unused]] const auto entries = files_->entries->truncate(bytes_);
    [[maybe_unused]] const auto ends = files_->ends->truncate(frontier_.size() * end_size);
    [[maybe_unused]] const auto nodes =
        files_->nodes->truncate(nodes_of(frontier_.size()) * node_size);
    files_.reset();
    note_failure(done.error());
    return std::unexpected(std::move(done).error());
  }
  if (frontier_.size() == status_.signed_entries) unsigned_since_ = clock_.now();
  frontier_ = std::move(next);
  bytes_ = end;
  status_.entries = frontier_.size();
  return entry.index;
}

void Log::note_failure(const Error& error) {
  if (status_.problem != error.detail) log::error("audit: {}", error.detail);
  status_.problem = error.detail;
}

// After a failure: opens the files again, writes what is owed, and how many entries were refused.
void Log::resume() {
  if (!files_)
    if (auto loaded = load(); !loaded) return note_failure(loaded.error());
  if (!settle_owed()) return;
  if (status_.refused > told_refused_) {
    const Event gap = own_event("log.resumed", {{"refused", status_.refused - told_refused_}});
    if (!write_whole_entry(entry_of(gap, Phase::fact))) return;
  }
  log::info("audit: entries can be written again");
  told_refused_ = status_.refused;
  status_.problem.clear();
}

void Log::tick() {
  const std::scoped_lock lock(mutex_);
  if (!status_.problem.empty()) resume();
  const bool due = frontier_.size() > status_.signed_entries &&
                   clock_.now() - unsigned_since_ >= settings_.checkpoint_interval;
  if (due) [[maybe_unused]]
    const auto made = sign();  // counted, and tried again
}

Result<void> Log::checkpoint() {
  const std::scoped_lock lock(mutex_);
  if (auto settled = settle_owed(); !settled) return settled;
  return sign();
}

Result<void> Log::sign() {
  if (!open_intents_.empty() || !owed_.empty()) return {};
  if (frontier_.size() == status_.signed_entries) return {};
  Result<void> done;
  if (!files_) done = load();
  std::uint64_t before = 0;
  if (done) {
    before = files_->checkpoints->size();
    done = files_->nodes->sync();  // what is signed for is not made anew after a loss of power
    if (done) done = files_->ends->sync();
    const auto note = signer_.sign(frontier_.size(), frontier_.root());
    if (done && !note) done = std::unexpected(note.error());
    if (done) done = files_->checkpoints->append(*note + "\n");
    if (done) done = files_->checkpoints->sync();
  }
  if (!done) {
    if (files_) [[maybe_unused]]
      const auto cut = files_->checkpoints->truncate(before);
    files_.reset();
    ++status_.checkpoint_failures;
    const std::string& why = done.error().detail;
    if (status_.checkpoint_problem != why) log::error("audit: no checkpoint: {}", why);
    status_.checkpoint_problem = why;
    return done;
  }
  status_.checkpoint_problem.clear();
  status_.signed_entries = frontier_.size();
  status_.checkpoint_us = clock_.wall_us();
  return {};
}

void Log::use(const Settings& settings) {
  const std::scoped_lock lock(mutex_);
  settings_ = settings;
}

Status Log::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

}  // namespace holdfast::audit
