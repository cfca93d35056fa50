#include "net/sse_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace holdfast::net {
namespace {
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

std::unexpected<Error> event_too_large(std::size_t limit) {
  return fail(ErrorCode::too_large,
              "a server-sent event is longer than " + std::to_string(limit) + " bytes");
}
}  // namespace

// Finds the ends of lines. Each byte is searched once for LF and once for CR, whichever of them
// ends the lines.
class SseParser::LineEnds {
 public:
  LineEnds(const char* begin, const char* end)
      : end_(end), lf_(find('\n', begin)), cr_(find('\r', begin)) {}
  const char* end() const { return end_; }
  // The first CR or LF from `from` on; end() when there is none. `from` never goes back.
  const char* next(const char* from) {
    if (lf_ < from) lf_ = find('\n', from);
    if (cr_ < from) cr_ = find('\r', from);
    return std::min(lf_, cr_);
  }
  // Behind the line end at `at`: CR LF is one.
  const char* behind(const char* at) const {
    const bool two = *at == '\r' && at + 1 != end_ && at[1] == '\n';
    return at + (two ? 2 : 1);
  }

 private:
  const char* find(char wanted, const char* from) const {
    if (from == end_) return end_;
    const void* at = std::memchr(from, wanted, static_cast<std::size_t>(end_ - from));
    return at == nullptr ? end_ : static_cast<const char*>(at);
  }
  const char* end_;
  const char* lf_;
  const char* cr_;
};

Result<void> SseParser::feed(std::string_view bytes, std::vector<SseEvent>& out) {
  joined_.clear();
  if (bytes.empty()) return {};
  const bool swallow = after_cr_ && bytes.front() == '\n';
  after_cr_ = bytes.back() == '\r';
  std::size_t skip = 0;
  if (!held_.empty()) {
    if (auto done = complete_held(bytes, swallow, out); !done) return done;
    if (bytes.empty()) return {};
  } else if (swallow) {
    skip = 1;
  } else if (at_start_ && !skip_mark(bytes, skip)) {
    return hold(bytes, 0, 0);
  }

  LineEnds ends(bytes.data() + skip, bytes.data() + bytes.size());
  const char* raw = bytes.data();
  while (raw != ends.end()) {
    SseEvent event;
    const char* cursor = raw + skip;
    if (!read_event(cursor, ends, event))
      return hold(between(raw, ends.end()), skip, static_cast<std::size_t>(cursor - raw));
    event.raw = between(raw, cursor);
    if (event.raw.size() > max_event_bytes_) return event_too_large(max_event_bytes_);
    out.push_back(event);
    raw = cursor;
    skip = 0;
  }
  return {};
}

bool SseParser::skip_mark(std::string_view begin, std::size_t& skip) {
  if (begin.size() < byte_order_mark.size() && byte_order_mark.starts_with(begin)) return false;
  if (begin.starts_with(byte_order_mark)) skip = byte_order_mark.size();
  at_start_ = false;
  return true;
}

Result<void> SseParser::hold(std::string_view raw, std::size_t skip, std::size_t line_start) {
  if (raw.size() > max_event_bytes_) return event_too_large(max_event_bytes_);
  held_.assign(raw);
  held_skip_ = skip;
  line_start_ = line_start;
  return {};
}

Result<void> SseParser::complete_held(std::string_view& bytes, bool swallow,
                                      std::vector<SseEvent>& out) {
  const std::size_t scanned = held_.size() + (swallow ? 1 : 0);
  held_.append(bytes);
  if (swallow) ++line_start_;  // the line had ended with the CR
  if (at_start_ && skip_mark(held_, held_skip_)) line_start_ = held_skip_;

  const char* line = held_.data() + line_start_;
  LineEnds ends(held_.data() + std::max(scanned, line_start_), held_.data() + held_.size());
  const char* stop = ends.next(line);
  while (stop != line && stop != ends.end()) {
    line = ends.behind(stop);
    stop = ends.next(line);
  }
  line_start_ = static_cast<std::size_t>(line - held_.data());
  const bool ended = stop != ends.end();
  const std::size_t size =
      ended ? static_cast<std::size_t>(ends.behind(stop) - held_.data()) : held_.size();
  if (size > max_event_bytes_) return event_too_large(max_event_bytes_);
  if (!ended) {
    bytes = {};
    return {};
  }

  bytes.remove_prefix(bytes.size() - (held_.size() - size));
  held_.resize(size);
  std::swap(held_, completed_);
  held_.clear();
  SseEvent event;
  event.raw = completed_;
  LineEnds lines(completed_.data() + held_skip_, completed_.data() + completed_.size());
  const char* cursor = completed_.data() + held_skip_;
  read_event(cursor, lines, event);
  out.push_back(event);
  return {};
}

std::optional<SseEvent> SseParser::finish() {
  joined_.clear();
  if (held_.empty()) return std::nullopt;
  std::swap(held_, completed_);
  held_.clear();
  SseEvent event;
  event.raw = completed_;
  event.unterminated = true;
  LineEnds lines(completed_.data() + held_skip_, completed_.data() + completed_.size());
  const char* cursor = completed_.data() + held_skip_;
  read_event(cursor, lines, event);
  if (cursor != lines.end()) read_line(between(cursor, lines.end()), event);
  return event;
}

bool SseParser::read_event(const char*& cursor, LineEnds& ends, SseEvent& event) {
  for (;;) {
    const char* stop = ends.next(cursor);
    if (stop == ends.end()) return false;
    const std::string_view line = between(cursor, stop);
    cursor = ends.behind(stop);
    if (line.empty()) return true;
    read_line(line, event);
  }
}

void SseParser::read_line(std::string_view line, SseEvent& event) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (name == "data") {
    if (!event.has_data) {
      event.has_data = true;
      event.data = value;
      return;
    }
    const bool is_joined = !joined_.empty() && joined_.back().data() == event.data.data();
    if (!is_joined) joined_.emplace_back(event.data);
    joined_.back().append(1, '\n').append(value);
    event.data = joined_.back();
  } else if (name == "event") {
    event.event = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) event.id = value;
  } else if (name == "retry") {
    std::uint32_t milliseconds = 0;
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (error == std::errc() && end == value.data() + value.size()) event.retry = milliseconds;
  }
}

}  // namespace holdfast::net
