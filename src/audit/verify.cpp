#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "audit/files.h"
#include "audit/kept_nodes.h"
#include "audit/notes.h"

namespace holdfast::audit {
namespace {

constexpr std::array findings = {std::string_view("truncated"),
                                 std::string_view("edited"),
                                 std::string_view("reordered"),
                                 std::string_view("repeated"),
                                 std::string_view("gap"),
                                 std::string_view("forked"),
                                 std::string_view("rolled_back"),
                                 std::string_view("unreadable"),
                                 std::string_view("unsigned_damage"),
                                 std::string_view("bad_signature"),
                                 std::string_view("unsigned_log"),
                                 std::string_view("records_changed"),
                                 std::string_view("records_removed"),
                                 std::string_view("records_added")};

struct Mark {  // a size and the root that was signed for it
  std::uint64_t size = 0;
  Hash root{};
  bool elsewhere = false;
};

class Verification {
 public:
  Verification(const std::string& folder, const PublicKey& key) : paths_(folder), key_(key) {}

  Result<Report> run(std::span<const std::string> elsewhere, bool with_nodes) {
    auto notes = ReadFile::open(paths_.checkpoints);
    if (!notes) return std::unexpected(std::move(notes).error());
    notes_.emplace(*notes);
    auto entries = ReadFile::open(paths_.entries);
    if (!entries) return std::unexpected(std::move(entries).error());
    auto last = last_note(*notes);
    if (last && !last->note.empty())
      if (const auto checkpoint = open_note(last->note, key_)) last_ = *checkpoint;
    auto nodes = ReadFile::open(paths_.nodes);  // an exported log has none
    if (nodes && with_nodes) {
      believed_ = nodes_have_root(*nodes, last_.size, last_.root);
      nodes_.emplace(*nodes);
    }
    read_elsewhere(elsewhere);
    if (auto read = next_mark(); !read) return std::unexpected(std::move(read).error());
    if (report_.checkpoints == 0)
      problem(Finding::unsigned_log, "there is no checkpoint: nothing of it is signed for");
    if (auto read = take_all(*entries); !read) return std::unexpected(std::move(read).error());
    return std::move(report_);
  }

 private:
  void problem(Finding finding, std::string what) {
    if (report_.problems.size() < limits::audit_problems)
      report_.problems.push_back({finding, std::move(what)});
  }

  void remark(std::string what) { report_.remarks.push_back(std::move(what)); }

  void read_elsewhere(std::span<const std::string> elsewhere) {
    for (const std::string& note : elsewhere) {
      const auto checkpoint = open_note(note, key_);
      if (!checkpoint)
        problem(Finding::bad_signature,
                fmt::format("the checkpoint given: {}", checkpoint.error().detail));
      else
        elsewhere_.push_back({checkpoint->size, checkpoint->root, true});
    }
    std::ranges::sort(elsewhere_, {}, &Mark::size);
  }

  // The log's next checkpoint that this key has signed and that goes on from the one before.
  Result<void> next_mark() {
    mark_.reset();
    while (!mark_) {
      const auto note = notes_->next();
      if (!note) return std::unexpected(note.error());
      if (!*note) return {};
      ++report_.checkpoints;
      const auto checkpoint = open_note(**note, key_);
      if (!checkpoint) {
        problem(Finding::bad_signature,
                fmt::format("checkpoint {}: {}", report_.checkpoints, checkpoint.error().detail));
      } else if (checkpoint->size < report_.signed_entries) {
        problem(Finding::rolled_back,
                fmt::format("checkpoint {} is of {} entries, one before it of {}",
                            report_.checkpoints, checkpoint->size, report_.signed_entries));
      } else {
        report_.signed_entries = checkpoint->size;
        mark_ = {checkpoint->size, checkpoint->root, false};
      }
    }
    return {};
  }

  Result<void> take_all(const ReadFile& entries) {
    const auto size = entries.size();
    if (!size) return std::unexpected(size.error());
    Result<void> held = hold_marks();  // what was signed for no entry
    const auto whole = each_line(entries, 0, *size, [&](std::string_view line) {
      if (held) held = take(line);
      return held.has_value();
    });
    if (!whole) return std::unexpected(whole.error());
    if (!held) return held;
    if (*whole < *size)
      remark(
          fmt::format("the last {} bytes are an entry that is not whole: it was being written, "
                      "and nobody was told that it was",
                      *size - *whole));
    while (mark_)
      if (auto read = next_mark(); !read) return read;
    finish();
    return {};
  }

  Result<void> take(std::string_view line) {
    const std::uint64_t place = edge_.size();
    const auto entry = read_entry(line);
    if (!entry)
      unreadable(place, entry.error().detail);
    else
      place_entry(*entry, place);
    std::vector<Hash> whole;
    edge_.add(leaf_hash(line), &whole);
    if (nodes_ && place < last_.size && in_order_) hold_nodes(place, whole);
    return hold_marks();
  }

  // Holds the nodes against the entry that they should be made of.
  void hold_nodes(std::uint64_t place, const std::vector<Hash>& whole) {
    const auto kept = nodes_->next(whole.size());
    if (kept && *kept == whole) return;
    if (!other_node_) other_node_ = place;
    if (!believed_ || !kept || kept->front() == whole.front()) return;
    ++edited_;
    problem(Finding::edited, fmt::format("entry {} is not what it was", place));
  }

  void unreadable(std::uint64_t place, const std::string& why) {
    ++next_;
    if (place < last_.size) {
      damaged_ = true;
      problem(Finding::unreadable, fmt::format("entry {} cannot be read: {}", place, why));
    } else {
      problem(Finding::unsigned_damage,
              fmt::format("entry {}, which is not signed for yet, cannot be read: {}", place, why));
    }
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
      if (missing_.size() < limits::audit_gaps) missing_.push_back({next_, entry.index});
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
    if (behind.begin < behind.end && missing_.size() < limits::audit_gaps)
      missing_.push_back(behind);
  }

  // Holds the tree against what was signed for its present size.
  Result<void> hold_marks() {
    while (mark_ && mark_->size <= edge_.size()) {
      hold(*mark_);
      if (auto read = next_mark(); !read) return read;
    }
    for (; kept_ < elsewhere_.size() && elsewhere_[kept_].size <= edge_.size(); ++kept_)
      hold(elsewhere_[kept_]);
    return {};
  }

  void hold(const Mark& mark) {
    if (mark.size < edge_.size() || !in_order_ || damaged_ || diverged_) return;
    if (edge_.root() == mark.root) {
      held_ = mark.size;
      return;
    }
    diverged_ = true;
    if (edited_ > 0) return;  // said already, with the entry
    if (mark.elsewhere)
      problem(Finding::forked,
              fmt::format("the first {} entries are not those that the checkpoint given was "
                          "signed for: another history",
                          mark.size));
    else if (nodes_ && !other_node_)
      problem(Finding::forked,
              fmt::format("the first {} entries and their tree are not those that were signed "
                          "for: the log was written anew",
                          mark.size));
    else
      problem(Finding::edited, fmt::format("one of the entries {} to {} is not what was signed for",
                                           held_, mark.size - 1));
  }

  void finish() {
    report_.entries = edge_.size();
    for (const Range& hole : missing_)
      problem(Finding::gap,
              hole.end - hole.begin == 1
                  ? fmt::format("entry {} is missing", hole.begin)
                  : fmt::format("entries {} to {} are missing", hole.begin, hole.end - 1));
    const std::uint64_t kept = elsewhere_.empty() ? 0 : elsewhere_.back().size;
    if (report_.signed_entries > next_)
      problem(Finding::truncated, fmt::format("{} entries were signed for, and there are {}",
                                              report_.signed_entries, next_));
    else if (kept > next_)
      problem(Finding::rolled_back,
              fmt::format("the checkpoint given was signed for {} entries, and there are {}: an "
                          "older state was put back",
                          kept, next_));
    if (nodes_ && !believed_ && other_node_)
      remark(
          fmt::format("{} is damaged, at entry {} or before. It is made of the entries and proves "
                      "nothing against them: remove it while the gateway does not run, and the "
                      "next start makes it anew",
                      paths_.nodes, *other_node_));
    if (next_ > report_.signed_entries && report_.checkpoints > 0)
      remark(fmt::format("{} entries after the last checkpoint are not signed for yet",
                         next_ - report_.signed_entries));
  }

  struct Range {
    std::uint64_t begin = 0, end = 0;
  };

  const Paths paths_;
  const PublicKey& key_;
  std::optional<NoteCursor> notes_;
  std::optional<NodeStream> nodes_;
  Checkpoint last_;                          // the log's, if its signature is right
  bool believed_ = false;                    // the nodes have its root
  std::optional<std::uint64_t> other_node_;  // the first entry whose nodes are not those kept
  Report report_;
  std::optional<Mark> mark_;     // the log's next
  std::vector<Mark> elsewhere_;  // by size
  std::size_t kept_ = 0;         // of them, the next to be held
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
  return Verification(folder, key).run(elsewhere, true);
}

Result<Report> verify_entries(const std::string& folder, const PublicKey& key) {
  return Verification(folder, key).run({}, false);
}

}  // namespace holdfast::audit
