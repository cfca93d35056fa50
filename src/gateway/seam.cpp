#include "gateway/seam.h"

#include <algorithm>

namespace holdfast::gateway {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// Letters and digits, and whatever is no ASCII.
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t bytes_of_last_word(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && is_word(text[at - 1])) --at;
  return text.size() - at;
}

}  // namespace

std::string_view without_blank_end(std::string_view text) {
  const auto last = text.find_last_not_of(blanks);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::string_view last_words(std::string_view text, std::size_t least) {
  if (text.size() <= least) return text;
  std::size_t at = text.size() - least;
  const std::size_t furthest = at - std::min(at, least - 1);
  const std::size_t blank = text.find_last_of(blanks, at);
  if (blank != std::string_view::npos && blank >= furthest) return text.substr(blank + 1);
  while (at > 0 && !begins_character(text[at])) --at;
  return text.substr(at);
}

Seam::Seam(std::string_view told, Asking asking)
    : said_(without_blank_end(told)),
      blank_(told.substr(said_.size())),
      guesses_(asking == Asking::told),
      decided_(said_.empty() || asking == Asking::prefill) {
  asked_ = last_words(said_, asked_bytes).size();
  word_bytes_ = blank_.empty() ? bytes_of_last_word(tail()) : 0;
}

std::string_view Seam::tail() const {
  return std::string_view(said_).substr(said_.size() - std::min(said_.size(), window_bytes));
}

void Seam::feed(std::string_view piece, std::string& out) {
  if (decided_) return pass(piece, out);
  if (held_.empty()) {
    const std::size_t blank = std::min(piece.find_first_not_of(blanks), piece.size());
    lead_.append(piece.substr(0, blank));
    piece.remove_prefix(blank);
    if (lead_.size() > window_bytes) decide(false, out);
    if (decided_) return pass(piece, out);
  }
  held_.append(piece);
  while (matched_ < std::min(held_.size(), said_.size()) && held_[matched_] == said_[matched_])
    ++matched_;
  if (!held_.empty() && !undecided()) decide(false, out);
}

void Seam::finish(std::string& out) {
  if (!decided_) decide(true, out);
}

// Whether so much of the end is a repetition, with the white space before it if that came again.
bool Seam::long_enough(std::size_t length) const {
  const std::string_view before = tail().substr(0, tail().size() - length);
  return length + (before.ends_with(lead_) ? lead_.size() : 0) >= least_bytes;
}

// Whether more text could still make a (longer) repetition of what is held.
bool Seam::undecided() const {
  const std::string_view tail = this->tail();
  if (guesses_ && held_.starts_with(tail.substr(tail.size() - asked_))) return false;
  if (matched_ == held_.size() && matched_ < said_.size()) return true;
  if (!guesses_ || held_.size() > tail.size()) return false;
  for (std::size_t at = tail.find(held_); at != std::string_view::npos;
       at = tail.find(held_, at + 1)) {
    const std::size_t length = tail.size() - at;
    if (!begins_character(tail[at])) continue;
    const bool enough = long_enough(length);
    if (length > held_.size() && (enough || length == word_bytes_)) return true;
    // Of a word alone the next character decides.
    if (length == held_.size() && !enough && length == word_bytes_) return true;
  }
  return false;
}

// How many bytes of what is held have been told already; the longest that counts.
std::size_t Seam::repeated(bool at_end) const {
  const std::string_view tail = this->tail(), held = held_;
  if (guesses_ && held.starts_with(tail.substr(tail.size() - asked_))) return asked_;
  if (matched_ == said_.size()) return matched_;
  if (!guesses_) return 0;
  for (std::size_t length = std::min(tail.size(), held.size()); length > 0; --length) {
    const std::size_t at = tail.size() - length;
    if (!begins_character(tail[at]) || !held.starts_with(tail.substr(at))) continue;
    if (long_enough(length)) return length;
    if (length == word_bytes_ && !at_end && held.size() > length && is_word(held[length]))
      return length;
  }
  return 0;
}

void Seam::decide(bool at_end, std::string& out) {
  decided_ = true;
  const std::size_t again = repeated(at_end);
  started_over_ = again == 0 && matched_ >= restart_bytes;
  if (again == 0) pass(lead_, out);
  pass(std::string_view(held_).substr(again), out);
  lead_.clear();
  held_.clear();
}

// The white space that stood at the end already is left out.
void Seam::pass(std::string_view text, std::string& out) {
  if (started_over_) return;
  while (!blank_.empty() && !text.empty() && text.front() == blank_.front()) {
    blank_.erase(0, 1);
    text.remove_prefix(1);
  }
  if (text.empty()) return;
  blank_.clear();
  out.append(text);
}

}  // namespace holdfast::gateway
