// The segments in which attempts are sealed and deleted, as the ledger keeps them.
#pragma once
#include <optional>
#include <string>

#include "records/sealer.h"
#include "store/database.h"

namespace holdfast::records {

// A leaf of a segment as it is kept in `leaves`: the attempt's id (8 bytes, little-endian) and its
// leaf hash.
inline constexpr std::size_t leaf_bytes = 40;

// Used by the drain's thread. Each call is a few transactions of its own.
class Segments {
 public:
  // `sealer`: null where no log is told, as in tests; else it outlives this.
  explicit Segments(Sealer* sealer) : sealer_(sealer) {}

  // Seals at most one segment: the next attempts in the order of their ids, up to the first one
  // that is still open. Returns whether there is more to seal now.   errors   io: of the database
  Result<bool> seal(store::Database& database);

  // Tells the log of the segments whose attempts have all started before `oldest_us`, or of the
  // first one if `one_more`: they may be deleted. Returns whether there are any.
  //   errors   io: of the database
  Result<bool> expire(store::Database& database, std::int64_t oldest_us, bool one_more);

  // Why the log takes nothing: then nothing is sealed, and nothing deleted. Empty: it does.
  const std::string& log_error() const { return log_error_; }

 private:
  Result<std::optional<Segment>> pending(store::Database& database);
  Result<std::optional<Segment>> make(store::Database& database);
  bool took(const Result<void>& told);
  Sealer* sealer_;
  std::string log_error_;
};

// The id of the last attempt that is in a segment, and of the last that may be deleted; 0: none is.
Result<std::int64_t> last_in_segment(store::Database& database);
Result<std::int64_t> last_expired(store::Database& database);

}  // namespace holdfast::records
