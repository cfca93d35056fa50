#include "records/journal.h"

#include <fmt/format.h>

#include <cstring>

#include "base/log.h"
#include "records/frame.h"

namespace holdfast::records {
namespace {
constexpr auto retry_pause = std::chrono::seconds(1);
// Starts stop short of the buffer's end, so that the attempts under way can still end.
constexpr std::size_t room_for_starts = journal_buffer_bytes / 4 * 3;
}  // namespace

Journal::Journal(std::shared_ptr<JournalFolder> folder, std::uint16_t thread, Clock& clock)
    : folder_(std::move(folder)),
      clock_(clock),
      thread_(thread),
      buffer_(std::make_unique_for_overwrite<char[]>(journal_buffer_bytes)) {}

Journal::~Journal() {
  retry_at_ = {};
  if (const auto flushed = flush(); !flushed) {
    log::error("journal {}: {} records are lost: {}", thread_, records_, flushed.error().detail);
    for (; records_ > 0; --records_) lose();
  }
  leave_file();
  if (lossy()) folder_->lossy.fetch_sub(1, std::memory_order_relaxed);
}

void Journal::lose() {
  lost_.store(lost() + 1, std::memory_order_relaxed);
  folder_->lost.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Journal::start(const AttemptStart& start) {
  if (size_ + frame_max_bytes > room_for_starts) [[unlikely]] {
    lose();
    return 0;
  }
  ++serial_;
  size_ += write_start(buffer_.get() + size_, serial_, start);
  ++records_;
  return serial_;
}

void Journal::end(const AttemptEnd& end) {
  if (end.serial == 0 || size_ + frame_max_bytes > journal_buffer_bytes) [[unlikely]] {
    lose();
    return;
  }
  size_ += write_end(buffer_.get() + size_, end);
  ++records_;
}

Result<void> Journal::flush() {
  if (size_ == 0) return {};
  if (lossy() && clock_.now() < retry_at_) return fail(ErrorCode::io, "the journal is lossy");
  if (file_ && file_->written.load(std::memory_order_relaxed) >= journal_file_bytes) leave_file();
  if (!file_) {
    auto opened = open_file();
    if (!opened) return fall_lossy(std::move(opened).error().detail);
  }
  auto written = write_buffer();
  if (!written) return fall_lossy(std::move(written).error().detail);
  if (lossy()) {
    lossy_.store(false, std::memory_order_relaxed);
    folder_->lossy.fetch_sub(1, std::memory_order_relaxed);
    log::warning("journal {}: writes again; {} records were lost", thread_, lost());
  }
  return {};
}

Result<void> Journal::open_file() {
  auto created = folder_->create(thread_, sequence_ + 1);
  if (!created) return std::unexpected(std::move(created).error());
  ++sequence_;
  file_ = *std::move(created);
  char head[head_bytes];
  write_head(head, {folder_->run(), thread_, sequence_});
  const ssize_t count = folder_->disk().write(file_->descriptor, head);
  if (count == static_cast<ssize_t>(head_bytes)) {
    file_->written.store(head_bytes);
    return {};
  }
  leave_file();
  return fail(ErrorCode::io, count < 0 ? std::strerror(static_cast<int>(-count)) : "short write");
}

Result<void> Journal::write_buffer() {
  const ssize_t count = folder_->disk().write(file_->descriptor, {buffer_.get(), size_});
  ++flushes_;
  if (count == static_cast<ssize_t>(size_)) {
    file_->records.store(file_->records.load(std::memory_order_relaxed) + records_,
                         std::memory_order_relaxed);
    file_->written.store(file_->written.load(std::memory_order_relaxed) + size_);
    size_ = 0;
    records_ = 0;
    folder_->wake_if_idle();
    return {};
  }
  if (count > 0) drop_whole_records(static_cast<std::size_t>(count));
  leave_file();  // it may end inside a record now: what follows goes to a new file
  return fail(ErrorCode::io, count < 0 ? std::strerror(static_cast<int>(-count)) : "disk full");
}

// After a short write: what is whole in the file leaves the buffer.
void Journal::drop_whole_records(std::size_t written) {
  std::size_t whole = 0, count = 0;
  while (whole + frame_bytes(buffer_.get() + whole) <= written) {
    whole += frame_bytes(buffer_.get() + whole);
    ++count;
  }
  std::memmove(buffer_.get(), buffer_.get() + whole, size_ - whole);
  size_ -= whole;
  records_ -= count;
  file_->records.store(file_->records.load(std::memory_order_relaxed) + count,
                       std::memory_order_relaxed);
  file_->written.store(file_->written.load(std::memory_order_relaxed) + whole);
}

void Journal::leave_file() {
  if (!file_) return;
  file_->finished.store(true);
  // A file without a record has nothing for the drain; on a full disk there would be one a second.
  if (file_->written.load(std::memory_order_relaxed) <= head_bytes) folder_->remove(*file_);
  file_.reset();
  folder_->wake_if_idle();
}

Result<void> Journal::fall_lossy(std::string detail) {
  retry_at_ = clock_.now() + retry_pause;
  if (!lossy()) {
    lossy_.store(true, std::memory_order_relaxed);
    folder_->lossy.fetch_add(1, std::memory_order_relaxed);
    log::error("journal {}: cannot write ({}); serving goes on, records may be lost", thread_,
               detail);
  }
  return fail(ErrorCode::io, std::move(detail));
}

}  // namespace holdfast::records
