// The log as whoever reads it sees it, while another process may append to it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "audit/files.h"
#include "audit/note.h"

namespace holdfast::audit {

// What was signed for last, with the note that says so.
struct Signed {
  std::string note;
  Checkpoint checkpoint;
};

// Used by one thread at a time.
class Reader {
 public:
  // `folder` is STATE/audit.   errors   io: it is not there, or cannot be read
  static Result<Reader> open(const std::string& folder);

  // Entries that are on the disk now.
  Result<std::uint64_t> size() const;
  // The bytes of one.   errors   invalid_request: there is none; io
  Result<std::string> line(std::uint64_t index) const;
  // Of `count` from `first` on, or as many as there are, or as there is room for.
  //   most_bytes   of them all; the first is given even if it alone is longer
  //   errors       io
  Result<std::vector<std::string>> lines(std::uint64_t first, std::size_t count,
                                         std::size_t most_bytes) const;
  // The last checkpoint; nothing: there is none yet.   errors   of open_note()
  Result<std::optional<Signed>> last_signed(const PublicKey& key) const;
  NodeReader nodes() const;  // valid as long as the reader

 private:
  Reader(ReadFile entries, ReadFile ends, ReadFile nodes, ReadFile checkpoints);
  ReadFile entries_, ends_, nodes_, checkpoints_;
};

// The public key in a log's folder.   errors   io; configuration
Result<PublicKey> read_public_key(const std::string& folder);

}  // namespace holdfast::audit
