#include "simulation/disk.h"

#include <cerrno>

#include "records/shadow_attempt.h"

namespace holdfast::simulation {

int Disk::create(const std::string& path) {
  if (full_) return -ENOSPC;
  files_.push_back({path});
  return static_cast<int>(files_.size() - 1);
}

// A full disk takes nothing at all: the journal's own tests have the short writes.
ssize_t Disk::write(int descriptor, std::span<const char> bytes) {
  if (full_) return -ENOSPC;
  ++writes_;
  take(files_.at(static_cast<std::size_t>(descriptor)), {bytes.data(), bytes.size()});
  return static_cast<ssize_t>(bytes.size());
}

int Disk::remove(const std::string& path) {
  for (const File& file : files_)
    if (file.path == path) return 0;
  return -ENOENT;
}

void Disk::take(File& file, std::string_view bytes) {
  if (!file.has_head) {
    file.has_head = true;
    damaged_ = damaged_ || !records::read_head(bytes);
    return;
  }
  records::FrameReader reader(bytes);
  while (const auto record = reader.next()) {
    if (const auto* begun = std::get_if<records::StartRecord>(&*record)) {
      const records::AttemptStart& start = begun->start;
      open_[begun->serial] = attempts_.size();
      attempts_.push_back({std::string(start.request_id), std::string(start.provider),
                           std::string(start.model), start.attempt});
      const bool copy = start.attempt == records::shadow_attempt;
      ++(copy ? copies_ : starts_)[attempts_.back().request_id];
      continue;
    }
    const auto& end = std::get<records::AttemptEnd>(*record);
    const auto found = open_.find(end.serial);
    if (found == open_.end()) {
      damaged_ = true;  // an end without its start, or a second one
      continue;
    }
    RecordedAttempt& attempt = attempts_[found->second];
    attempt.ended = true;
    attempt.failure = end.failure;
    attempt.status = end.status;
    attempt.tokens_in = end.tokens_in.value_or(-1);
    attempt.tokens_out = end.tokens_out.value_or(-1);
    open_.erase(found);
  }
  damaged_ = damaged_ || reader.tail() != records::Tail::clean;
}

std::size_t Disk::starts_of(std::string_view request_id, bool copies) const {
  const auto& all = copies ? copies_ : starts_;
  const auto found = all.find(request_id);
  return found == all.end() ? 0 : found->second;
}

}  // namespace holdfast::simulation
