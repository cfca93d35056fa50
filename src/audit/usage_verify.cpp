// Holds attempts against the segments in which they were sealed.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "audit/files.h"
#include "audit/text.h"
#include "audit/usage.h"
#include "records/schema.h"
#include "records/sealed_row.h"
#include "records/segments.h"
#include "store/database.h"

namespace holdfast::audit {
namespace {

// What an entry usage.sealed says.
struct Sealed {
  std::int64_t number = 0, first_id = 0, last_id = 0;
  std::string root;  // in hexadecimal
};

std::int64_t number_in(const Event& event, std::string_view name) {
  const auto* value = event.after.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

Sealed sealed_of(const Event& event) {
  const auto* root = event.after.if_contains("root");
  return {number_in(event, "segment"), number_in(event, "first_id"), number_in(event, "last_id"),
          root != nullptr && root->is_string() ? std::string(root->get_string()) : std::string()};
}

using Leaves = std::map<std::int64_t, Hash>;

std::string root_over(const Leaves& leaves) {
  Frontier tree;
  for (const auto& [id, leaf] : leaves) tree.add(leaf);
  return hex(tree.root());
}

std::string ids_of(const Sealed& segment) {
  return fmt::format("{} to {} (segment {})", segment.first_id, segment.last_id, segment.number);
}

class UsageVerification {
 public:
  UsageVerification(const std::string& folder, store::Database database)
      : paths_(folder), database_(std::move(database)) {}

  Result<UsageReport> run() {
    auto entries = ReadFile::open(paths_.entries);
    if (!entries) return std::unexpected(std::move(entries).error());
    // Both may grow meanwhile: of the log what was there before the records are looked at, as one
    // moment has them; but what was deleted by then is told before it is deleted.
    const auto before = entries->size();
    if (!before) return std::unexpected(before.error());
    if (auto begun = database_.execute("BEGIN"); !begun)
      return std::unexpected(std::move(begun).error());
    const auto last_id = database_.integer("SELECT coalesce(max(id), 0) FROM attempts");
    if (!last_id) return std::unexpected(last_id.error());
    const auto after = entries->size();
    if (!after) return std::unexpected(after.error());
    Result<void> done = each_usage(*entries, *after, [this](const Event& event) -> Result<void> {
      if (event.action == usage_expired) expired_ = std::max(expired_, number_in(event, "last_id"));
      return {};
    });
    if (done)
      done = each_usage(*entries, *before, [this](const Event& event) -> Result<void> {
        return event.action == usage_sealed ? check(sealed_of(event)) : Result<void>();
      });
    if (done) done = finish();
    if (!done) return std::unexpected(std::move(done).error());
    return std::move(report_);
  }

 private:
  void problem(Finding finding, std::string what) {
    if (report_.problems.size() < limits::audit_problems)
      report_.problems.push_back({finding, std::move(what)});
  }

  template <class Take>
  static Result<void> each_usage(const ReadFile& entries, std::uint64_t end, Take take) {
    Result<void> done;
    const auto read = each_line(entries, 0, end, [&](std::string_view line) {
      if (!line.starts_with(R"({"action":"usage.)")) return true;
      if (const auto entry = read_entry(line)) done = take(entry->event);
      return done.has_value();
    });
    if (!read) return std::unexpected(read.error());
    return done;
  }

  Result<Leaves> leaves_between(std::int64_t first_id, std::int64_t last_id) {
    auto rows = database_.prepare(
        fmt::format("SELECT {} FROM attempts WHERE id BETWEEN {} AND {} ORDER BY id LIMIT {}",
                    records::sealed_columns, first_id, last_id, limits::segment_attempts + 1));
    if (!rows) return std::unexpected(std::move(rows).error());
    Leaves out;
    std::string text;
    while (true) {
      const auto more = rows->step();
      if (!more) return std::unexpected(more.error());
      if (!*more) return out;
      records::write_sealed_row(*rows, text);
      out.emplace(rows->integer(records::sealed_id), leaf_hash(text));
    }
  }

  // The leaves that were kept when the segment was sealed, if they are still those.
  Result<std::optional<Leaves>> kept_leaves(const Sealed& segment) {
    auto row = database_.prepare(
        fmt::format("SELECT leaves FROM segments WHERE number={}", segment.number));
    if (!row) return std::unexpected(std::move(row).error());
    const auto found = row->step();
    if (!found) return std::unexpected(found.error());
    Leaves out;
    std::string_view bytes = *found ? row->bytes(0) : std::string_view();
    for (; bytes.size() >= records::leaf_bytes; bytes.remove_prefix(records::leaf_bytes)) {
      std::uint64_t id = 0;
      for (std::size_t i = 8; i-- > 0;) id = (id << 8U) | static_cast<unsigned char>(bytes[i]);
      Hash leaf{};
      std::ranges::copy(bytes.substr(8, leaf.size()), leaf.begin());
      out.emplace(static_cast<std::int64_t>(id), leaf);
    }
    if (root_over(out) != segment.root) return std::optional<Leaves>();
    return std::optional<Leaves>(std::move(out));
  }

  Result<void> check(const Sealed& segment) {
    ++report_.segments;
    if (report_.segments == 1 && segment.number > 1)
      report_.remarks.push_back(fmt::format(
          "the log begins with segment {}: attempts before {} were sealed into another log",
          segment.number, segment.first_id));
    const bool whole = report_.segments > 1 || segment.number == 1;
    if (whole)
      if (auto looked = check_between(last_id_, segment.first_id); !looked) return looked;
    last_id_ = segment.last_id;
    if (segment.last_id <= expired_) {
      ++report_.expired_segments;
      return {};
    }
    const auto leaves = leaves_between(segment.first_id, segment.last_id);
    if (!leaves) return std::unexpected(leaves.error());
    if (root_over(*leaves) == segment.root) {
      report_.attempts += leaves->size();
      return {};
    }
    return name(segment, *leaves);
  }

  // No segment has the ids between these.
  Result<void> check_between(std::int64_t after, std::int64_t before) {
    if (expired_ > 0) after = std::max(after, expired_);
    if (after >= before - 1) return {};
    const auto leaves = leaves_between(after + 1, before - 1);
    if (!leaves) return std::unexpected(leaves.error());
    for (const auto& [id, leaf] : *leaves) added(id);
    return {};
  }

  void added(std::int64_t id) {
    problem(Finding::records_added, fmt::format("attempt {} was added afterwards", id));
  }

  // Says which attempts are not what was sealed.
  Result<void> name(const Sealed& segment, const Leaves& found) {
    const auto kept = kept_leaves(segment);
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) {
      problem(Finding::records_changed,
              fmt::format("among the attempts {} are some that are not what was sealed",
                          ids_of(segment)));
      return {};
    }
    for (const auto& [id, leaf] : **kept) {
      const auto now = found.find(id);
      if (now == found.end())
        problem(Finding::records_removed,
                fmt::format("attempt {} (segment {}) was removed", id, segment.number));
      else if (now->second != leaf)
        problem(Finding::records_changed,
                fmt::format("attempt {} (segment {}) was changed", id, segment.number));
      else
        ++report_.attempts;
    }
    for (const auto& [id, leaf] : found)
      if (!(*kept)->contains(id)) added(id);
    return {};
  }

  Result<void> finish() {
    const auto later =
        database_.integer(fmt::format("SELECT count(*) FROM attempts WHERE id>{}", last_id_));
    if (!later) return std::unexpected(later.error());
    if (*later > 0)
      report_.remarks.push_back(fmt::format("{} attempts are not sealed yet", *later));
    const auto left =
        database_.integer(fmt::format("SELECT count(*) FROM attempts WHERE id<={}", expired_));
    if (!left) return std::unexpected(left.error());
    if (expired_ > 0 && *left > 0)
      report_.remarks.push_back(fmt::format(
          "{} attempts up to {} are about to be deleted: they are old", *left, expired_));
    if (report_.expired_segments > 0)
      report_.remarks.push_back(
          fmt::format("{} segments, attempts up to {}, are expired by retention: the log says so",
                      report_.expired_segments, expired_));
    return {};
  }

  const Paths paths_;
  store::Database database_;
  UsageReport report_;
  std::int64_t expired_ = 0;  // attempts up to this one were deleted by retention
  std::int64_t last_id_ = std::numeric_limits<std::int64_t>::min();  // of the segments seen
};

}  // namespace

Result<UsageReport> verify_usage(const std::string& folder, const std::string& state_dir) {
  auto database = store::Database::open(records::database_path(state_dir), store::Access::read);
  if (!database) return std::unexpected(std::move(database).error());
  return UsageVerification(folder, *std::move(database)).run();
}

}  // namespace holdfast::audit
