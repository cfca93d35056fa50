// The file of checkpoints: notes one after the other, an empty line behind each.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/files.h"
#include "audit/note.h"

namespace holdfast::audit {

struct LastNote {
  std::string note;         // empty: there is none
  std::uint64_t whole = 0;  // bytes of the file that are whole notes; behind them is a torn one
};
// Reads the end of the file.   errors   io; malformed_response: there is no note in its last 32 KiB
Result<LastNote> last_note(const ReadFile& checkpoints);

// The whole notes one after the other. Memory: a few notes.
class NoteCursor {
 public:
  explicit NoteCursor(const ReadFile& checkpoints) : file_(&checkpoints) {}
  // The next; nothing: there is no further whole one. What is longer than a note may be is given
  // cut, so that it is none.   errors   io
  Result<std::optional<std::string>> next();

 private:
  const ReadFile* file_;
  std::string held_;
  std::uint64_t offset_ = 0;  // of what is behind `held_`
};

// Calls `take` with each whole note.   errors   io
Result<void> each_note(const ReadFile& checkpoints,
                       const std::function<void(std::string_view note)>& take);

}  // namespace holdfast::audit
