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

// Calls `take` with each whole note. Memory: one note.
Result<void> each_note(const ReadFile& checkpoints,
                       const std::function<void(std::string_view note)>& take);

}  // namespace holdfast::audit
