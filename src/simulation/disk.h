// The virtual disk of the journal: keeps what was written, knows what of it a restart would find,
// and fails when it is told to.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "records/frame.h"
#include "records/journal_folder.h"

namespace holdfast::simulation {

// What the journal says of one attempt.
struct RecordedAttempt {
  std::string request_id, provider, model;
  std::uint16_t attempt = 0;
  bool ended = false;
  FailureClass failure = FailureClass::none;
  std::uint16_t status = 0;
  std::int64_t tokens_in = -1, tokens_out = -1;  // -1: not known
};

class Disk final : public records::JournalDisk {
 public:
  int create(const std::string& path) override;
  ssize_t write(int descriptor, std::span<const char> bytes) override;
  void close(int /*descriptor*/) override {}
  int remove(const std::string& path) override;

  void set_full(bool full) { full_ = full; }
  // Starts on disk of the attempts of `request_id`.
  //   copies   of its copies instead
  std::size_t starts_of(std::string_view request_id, bool copies) const;
  // All attempts whose start was written, in that order.
  const std::vector<RecordedAttempt>& attempts() const { return attempts_; }
  bool damaged() const { return damaged_; }  // something was written that is no record
  std::uint64_t writes() const { return writes_; }

 private:
  struct File {
    std::string path;
    bool has_head = false;
  };
  void take(File& file, std::string_view bytes);

  std::vector<File> files_;                    // by descriptor
  std::map<std::uint64_t, std::size_t> open_;  // attempts without an end, by serial
  std::map<std::string, std::size_t, std::less<>> starts_, copies_;
  std::vector<RecordedAttempt> attempts_;
  bool full_ = false, damaged_ = false;
  std::uint64_t writes_ = 0;
};

}  // namespace holdfast::simulation
