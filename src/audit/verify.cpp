#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "audit/files.h"
#include "audit/notes.h"

namespace holdfast::audit {
namespace {

constexpr std::array findings = {
    std::string_view("truncated"),     std::string_view("edited"),
    std::string_view("reordered"),     std::string_view("repeated"),
    std::string_view("gap"),           std::string_view("forked"),
    std::string_view("rolled_back"),   std::string_view("unreadable"),
    std::string_view("bad_signature"), std::string_view("unsigned_log")};

struct Mark {  // a size and the root that was signed for it
  std::uint64_t size = 0;
  Hash root{};
  bool elsewhere = false;
};

class Verification {
 public:
  Verification(const std::string& folder, const PublicKey& key) : paths_(folder), key_(key) {}

  Result<Report> run(std::span<const std::string> elsewhere) {
    if (auto read = read_marks(elsewhere); !read) return std::unexpected(read.error());
    auto nodes = ReadFile::open(paths_.nodes);  // an exported log has none
    if (nodes) nodes_ = &*nodes;
    auto entries = ReadFile::open(paths_.entries);
    if (!entries) return std::unexpected(std::move(entries).error());
    const auto size = entries->size();
    if (!size) return std::unexpected(size.error());
    const auto whole = each_line(*entries, 0, *size, [this](std::string_view line) {
      take(line);
      return true;
    });
    if (!whole) return std::unexpected(whole.error());
    if (*whole < *size)
      remark(
          fmt::format("the last {} bytes are an entry that is not whole: it was being written, "
                      "and nobody was told that it was",
                      *size - *whole));
    finish();
    return std::move(report_);
  }

 private:
  void problem(Finding finding, std::string what) {
    if (report_.problems.size() < limits::audit_problems)
      report_.problems.push_back({finding, std::move(what)});
  }

  void remark(std::string what) { report_.remarks.push_back(std::move(what)); }

  Result<void> read_marks(std::span<const std::string> elsewhere) {
    auto notes = ReadFile::open(paths_.checkpoints);
    if (!notes) return std::unexpected(std::move(notes).error());
    auto read = each_note(*notes, [this](std::string_view note) {
      ++report_.checkpoints;
      const auto checkpoint = open_note(note, key_);
      if (!checkpoint) {
        problem(Finding::bad_signature,
                fmt::format("checkpoint {}: {}", report_.checkpoints, checkpoint.error().detail));
        return;
      }
      if (!marks_.empty() && checkpoint->size < marks_.back().size)
        problem(Finding::rolled_back,
                fmt::format("checkpoint {} is of {} entries, the one before it of {}",
                            report_.checkpoints, checkpoint->size, marks_.back().size));
      marks_.push_back({checkpoint->size, checkpoint->root, false});
      report_.signed_entries = std::max(report_.signed_entries, checkpoint->size);
    });
    if (!read) return read;
    if (report_.checkpoints == 0)
      problem(Finding::unsigned_log, "there is no checkpoint: nothing of it is signed for");
    for (const std::string& note : elsewhere) {
      const auto checkpoint = open_note(note, key_);
      if (!checkpoint)
        problem(Finding::bad_signature,
                fmt::format("the checkpoint given: {}", checkpoint.error().detail));
      else
        marks_.push_back({checkpoint->size, checkpoint->root, true});
    }
    std::ranges::sort(marks_, {}, &Mark::size);
    hold_marks();  // what was signed for no entry
    return {};
  }

  void take(std::string_view line) {
    const std::uint64_t place = edge_.size();
    const auto entry = read_entry(line);
    if (!entry)
      unreadable(place, entry.error().detail);
    else
      place_entry(*entry, place);
    const Hash leaf = leaf_hash(line);
    if (nodes_ != nullptr && place < report_.signed_entries && in_order_) {
      const auto kept = read_node(*nodes_, place_of(0, place));
      if (kept && *kept != leaf) {
        ++edited_;
        problem(Finding::edited, fmt::format("entry {} is not what it was", place));
      }
    }
    edge_.add(leaf);
    hold_marks();
  }

  void unreadable(std::uint64_t place, const std::string& why) {
    damaged_ = true;
    ++next_;
    problem(Finding::unreadable, fmt::format("entry {} cannot be read: {}", place, why));
  }

  void place_entry(const Entry& entry, std::uint64_t place) {
    if (entry.time_us < last_us_ && !went_back_) {
      went_back_ = true;
      remark(fmt::format("the clock goes back at entry {}: was it set?", entry.index));
    }
    last_us_ = entry.time_us;
    if (entry.index == next_) {
      ++next_;
      return;
    }
    in_order_ = false;
    if (entry.index > next_) {
      missing_.push_back({next_, entry.index});
      next_ = entry.index + 1;
      return;
    }
    const auto hole = std::ranges::find_if(missing_, [&](const Range& one) {
      return one.begin <= entry.index && entry.index < one.end;
    });
    if (hole == missing_.end()) {
      problem(Finding::repeated,
              fmt::format("entry {} stands once more at place {}", entry.index, place));
      return;
    }
    problem(Finding::reordered, fmt::format("entry {} stands at place {}", entry.index, place));
    const Range behind{entry.index + 1, hole->end};
    hole->end = entry.index;
    if (hole->begin == hole->end) missing_.erase(hole);
    if (behind.begin < behind.end && missing_.size() < limits::audit_problems)
      missing_.push_back(behind);
  }

  // Holds the tree against what was signed for its present size.
  void hold_marks() {
    for (; mark_ < marks_.size() && marks_[mark_].size <= edge_.size(); ++mark_) {
      const Mark& mark = marks_[mark_];
      if (mark.size < edge_.size() || !in_order_ || damaged_ || diverged_) continue;
      if (edge_.root() == mark.root) {
        held_ = mark.size;
        continue;
      }
      diverged_ = true;
      if (edited_ > 0) continue;  // said already, with the entry
      if (mark.elsewhere)
        problem(Finding::forked,
                fmt::format("the first {} entries are not those that the checkpoint given was "
                            "signed for: another history",
                            mark.size));
      else if (nodes_ != nullptr)
        problem(Finding::forked,
                fmt::format("the first {} entries and their tree are not those that were signed "
                            "for: the log was written anew",
                            mark.size));
      else
        problem(Finding::edited,
                fmt::format("one of the entries {} to {} is not what was signed for", held_,
                            mark.size - 1));
    }
  }

  void finish() {
    report_.entries = edge_.size();
    for (const Range& hole : missing_)
      problem(Finding::gap,
              hole.end - hole.begin == 1
                  ? fmt::format("entry {} is missing", hole.begin)
                  : fmt::format("entries {} to {} are missing", hole.begin, hole.end - 1));
    if (!marks_.empty() && marks_.back().size > next_) {
      const Mark& mark = marks_.back();
      const bool only_elsewhere = report_.signed_entries <= next_;
      problem(only_elsewhere ? Finding::rolled_back : Finding::truncated,
              only_elsewhere
                  ? fmt::format("the checkpoint given was signed for {} entries, and there are {}: "
                                "an older state was put back",
                                mark.size, next_)
                  : fmt::format("{} entries were signed for, and there are {}", mark.size, next_));
    }
    if (next_ > report_.signed_entries && report_.checkpoints > 0)
      remark(fmt::format("{} entries after the last checkpoint are not signed for yet",
                         next_ - report_.signed_entries));
  }

  struct Range {
    std::uint64_t begin = 0, end = 0;
  };

  const Paths paths_;
  const PublicKey& key_;
  const ReadFile* nodes_ = nullptr;
  Report report_;
  std::vector<Mark> marks_;  // by size
  std::size_t mark_ = 0;     // the next to be held
  Frontier edge_;
  std::uint64_t next_ = 0;  // the index that should come
  std::uint64_t held_ = 0;  // so many entries are what was signed for
  std::uint64_t edited_ = 0;
  std::int64_t last_us_ = 0;
  std::vector<Range> missing_;
  bool in_order_ = true, damaged_ = false, diverged_ = false, went_back_ = false;
};

}  // namespace

std::string_view to_string(Finding finding) { return findings[static_cast<std::size_t>(finding)]; }

Result<Report> verify_folder(const std::string& folder, const PublicKey& key,
                             std::span<const std::string> elsewhere) {
  return Verification(folder, key).run(elsewhere);
}

}  // namespace holdfast::audit
