// Whether a log is what was signed for, from its files and the public key alone. Memory does not
// grow with the entries; time does.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.h"
#include "audit/reader.h"
#include "base/error.h"

namespace holdfast::limits {
inline constexpr std::size_t audit_problems = 20;  // more are not told
inline constexpr std::size_t audit_gaps = 1'024;   // that are remembered until their entries come
}  // namespace holdfast::limits

namespace holdfast::audit {

enum class Finding : std::uint8_t {
  truncated,        // entries at the end that were signed for are not there
  edited,           // an entry is not what it was
  reordered,        // an entry stands at another place
  repeated,         // an entry stands there twice
  gap,              // entries in the middle are not there
  forked,           // as a whole not the entries that were signed for: another history
  rolled_back,      // an older state than a checkpoint that was kept elsewhere
  unreadable,       // a line that is no entry
  unsigned_damage,  // likewise, behind what was signed for: a failing disk, or somebody
  bad_signature,    // a checkpoint that was changed, or that another key has signed
  unsigned_log,     // there is no checkpoint
  // of the records (usage.h)
  records_changed,  // an attempt is not what was sealed
  records_removed,  // one that was sealed is not there, and retention has not deleted it
  records_added,    // one is there that was not
};
std::string_view to_string(Finding finding);

struct Problem {
  Finding finding;
  std::string what;  // one sentence, with the entry's index
};

struct Report {
  std::vector<Problem> problems;  // empty: it is what was signed for
  std::vector<std::string> remarks;
  std::uint64_t entries = 0, signed_entries = 0, checkpoints = 0;
};

// Looks at a log's folder, or at an exported one. The file `nodes` accuses nobody: it says which
// entry was edited when it has the root that was signed for, and that it is damaged is a remark.
//   elsewhere   notes that were kept somewhere else: the log must go on from each of them
//   errors      io: a file cannot be read
Result<Report> verify_folder(const std::string& folder, const PublicKey& key,
                             std::span<const std::string> elsewhere);
// Looks at the entries and checkpoints alone.   errors   io
Result<Report> verify_entries(const std::string& folder, const PublicKey& key);

// Proofs as text that can be handed to somebody (JSON), and checked with the public key alone.
//   errors   invalid_request: there is no such entry, or it is not signed for yet; of the reader
Result<std::string> write_inclusion_proof(const Reader& reader, const PublicKey& key,
                                          std::uint64_t index);
//   before   a note of this log that was kept
Result<std::string> write_consistency_proof(const Reader& reader, const PublicKey& key,
                                            const std::string& before);
// What a proof shows, as a sentence.
//   errors   malformed_response: not a proof; configuration: it does not show what it says
Result<std::string> check_proof(std::string_view text, const PublicKey& key);

}  // namespace holdfast::audit
