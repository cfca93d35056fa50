#include "audit/notes.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::audit {
namespace {

// Where the first note of `text` ends: at the empty line behind its signatures. Nothing: it is not
// whole.
std::optional<std::size_t> note_end(std::string_view text) {
  const auto signatures = text.find("\n\n\xe2\x80\x94");
  if (signatures == std::string_view::npos) return std::nullopt;
  const auto blank = text.find("\n\n", signatures + 2);
  if (blank == std::string_view::npos) return std::nullopt;
  return blank + 1;
}

}  // namespace

Result<LastNote> last_note(const ReadFile& checkpoints) {
  constexpr std::uint64_t tail = 2 * limits::audit_note_bytes;
  const auto size = checkpoints.size();
  if (!size) return std::unexpected(size.error());
  const std::uint64_t begin = *size > tail ? *size - tail : 0;
  auto text = checkpoints.read(begin, static_cast<std::size_t>(*size - begin));
  if (!text) return std::unexpected(std::move(text).error());
  std::string_view rest = *text;
  LastNote out{{}, begin};
  bool first = begin != 0;  // the first one may be cut
  while (const auto end = note_end(rest)) {
    out.note = first ? std::string() : std::string(rest.substr(0, *end));
    first = false;
    out.whole += *end + 1;
    rest.remove_prefix(*end + 1);
  }
  if (out.note.empty() && *size > 0 && begin != 0)
    return fail(ErrorCode::malformed_response,
                fmt::format("{} does not end with a checkpoint", checkpoints.path()));
  return out;
}

Result<std::optional<std::string>> NoteCursor::next() {
  constexpr std::uint64_t most_held = 2 * limits::audit_note_bytes;
  const auto size = file_->size();
  if (!size) return std::unexpected(size.error());
  while (true) {
    const auto end = note_end(held_);
    if (end || held_.size() >= most_held) {
      std::optional<std::string> note = held_.substr(0, end.value_or(held_.size()));
      held_.erase(0, end ? *end + 1 : held_.size());
      return note;
    }
    if (offset_ >= *size) return std::optional<std::string>();
    const std::uint64_t wanted = std::min(most_held - held_.size(), *size - offset_);
    const auto more = file_->read(offset_, static_cast<std::size_t>(wanted));
    if (!more) return std::unexpected(more.error());
    offset_ += more->size();
    held_ += *more;
  }
}

Result<void> each_note(const ReadFile& checkpoints,
                       const std::function<void(std::string_view note)>& take) {
  NoteCursor cursor(checkpoints);
  while (true) {
    const auto note = cursor.next();
    if (!note) return std::unexpected(note.error());
    if (!*note) return {};
    take(**note);
  }
}

}  // namespace holdfast::audit
