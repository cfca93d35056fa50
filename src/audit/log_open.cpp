// Opening a log: its key, what a crash has left, and whether it is what was signed for.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/notes.h"
#include "audit/text.h"
#include "audit/verify.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"

namespace holdfast::audit {
namespace {

constexpr std::size_t key_file_bytes = 1'024;

std::unexpected<Error> damaged(const Paths& paths, std::string_view what) {
  return fail(ErrorCode::configuration,
              fmt::format("the audit log {} is not what was signed for: {}. Find out who changed "
                          "it: `holdfast audit verify` says more. To start nevertheless, move the "
                          "folder away and keep it as evidence: a new log with a new key begins",
                          paths.folder, what));
}

// Nobody can say what stood there: it was not signed for.
std::unexpected<Error> damaged_behind(const Paths& paths, std::string_view what) {
  return fail(ErrorCode::configuration,
              fmt::format("the audit log {} is what was signed for, but damaged behind that: {}. A "
                          "disk may have failed, or somebody has changed it: `holdfast audit "
                          "verify` says more. To start nevertheless, move the folder away and keep "
                          "it as evidence: a new log with a new key begins",
                          paths.folder, what));
}

// Whether the entries are what was signed for. Nodes and ends are made of them and accuse nobody;
// what is behind the last checkpoint is for replay() to judge.
//   errors   configuration: they are not: the first problem; io
Result<void> check_entries(const Paths& paths, const PublicKey& key) {
  const auto report = verify_entries(paths.folder, key);
  if (!report) return std::unexpected(report.error());
  for (const Problem& one : report->problems)
    if (one.finding != Finding::unsigned_damage)
      return damaged(paths, fmt::format("{}: {}", to_string(one.finding), one.what));
  return {};
}

std::uint64_t file_size(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

Result<Signer> open_key(const std::string& folder) {
  const Paths paths(folder);
  const bool log_is_there = file_size(paths.entries) > 0 || file_size(paths.checkpoints) > 0;
  if (::access(paths.key.c_str(), F_OK) != 0) {
    if (log_is_there)
      return fail(ErrorCode::configuration,
                  fmt::format("{} is gone: without it nobody can sign for the audit log. Put it "
                              "back, or move the folder {} away: a new log with a new key begins",
                              paths.key, folder));
    auto made = Signer::make("holdfast/" + secret_token(8));
    if (!made) return made;
    const Secret text = made->text();
    if (auto kept = replace_file(paths.key, text.reveal()); !kept)
      return std::unexpected(std::move(kept).error());
  }
  auto text = read_whole(paths.key, key_file_bytes);
  if (!text) return std::unexpected(std::move(text).error());
  auto signer = Signer::parse(Secret(*std::move(text)));
  if (!signer)
    return fail(ErrorCode::configuration,
                fmt::format("{} is {}. Put it back as it was, or move the folder {} away: a new "
                            "log with a new key begins",
                            paths.key, signer.error().detail, folder));
  const std::string wanted = signer->public_key().text() + "\n";
  if (read_whole(paths.public_key, key_file_bytes).value_or("") != wanted)
    if (auto kept = replace_file(paths.public_key, wanted, 0644); !kept)
      return std::unexpected(std::move(kept).error());
  return signer;
}

Result<std::unique_ptr<Log::Files>> Log::Files::open(const Paths& paths,
                                                     const OpenAppend& open_one) {
  auto out = std::make_unique<Files>();
  const std::pair<const std::string&, std::unique_ptr<AppendFile>&> all[] = {
      {paths.entries, out->entries},
      {paths.nodes, out->nodes},
      {paths.ends, out->ends},
      {paths.checkpoints, out->checkpoints}};
  for (const auto& [path, file] : all) {
    auto opened = open_one(path);
    if (!opened) return std::unexpected(std::move(opened).error());
    file = *std::move(opened);
  }
  return out;
}

Result<std::unique_ptr<Log>> Log::open(const std::string& folder, Settings settings,
                                       const Clock& clock, OpenAppend open) {
  if (auto made = make_folder(folder); !made) return std::unexpected(std::move(made).error());
  auto signer = open_key(folder);
  if (!signer) return std::unexpected(std::move(signer).error());
  std::unique_ptr<Log> log(new Log(folder, settings, clock, std::move(open), *std::move(signer)));
  if (auto loaded = log->load(); !loaded) {
    const bool waits = loaded.error().code == ErrorCode::io && file_size(log->paths_.entries) > 0;
    if (!waits) return std::unexpected(std::move(loaded).error());
    log->note_failure(loaded.error());
    return log;
  }
  if (log->frontier_.size() == 0)
    if (auto begun = log->begin_new(); !begun) return std::unexpected(std::move(begun).error());
  if (log->status_.signed_entries == 0)  // one entry may be there without a checkpoint, no more
    if (auto made = log->sign(); !made) return std::unexpected(std::move(made).error());
  return log;
}

Result<void> Log::begin_new() {
  const Event event = own_event("log.began", {{"key", signer_.public_key().text()}});
  auto written = write(entry_of(event, Phase::fact));
  if (!written) return std::unexpected(std::move(written).error());
  return {};
}

Result<void> Log::load() {
  auto files = Files::open(paths_, open_);
  if (!files) return std::unexpected(std::move(files).error());
  files_ = *std::move(files);
  const Frontier before = frontier_;
  const bool known = known_;
  auto loaded = known ? drop_refused() : Result<void>();
  if (loaded) loaded = load_files();
  if (loaded && known && (before.size() != frontier_.size() || before.root() != frontier_.root()))
    loaded = fail(ErrorCode::io, fmt::format("{} was changed by somebody else while it was in use",
                                             paths_.entries));
  if (loaded) {
    known_ = true;
  } else {
    files_.reset();
    if (known) frontier_ = before;
  }
  return loaded;
}

// What was refused and could not be cut away then goes; what was said to be there must be there.
Result<void> Log::drop_refused() {
  if (files_->entries->size() < bytes_)
    return fail(ErrorCode::io,
                fmt::format("{} was cut by somebody else while it was in use", paths_.entries));
  if (files_->entries->size() == bytes_) return {};
  return files_->entries->truncate(bytes_);
}

// The last checkpoint, and where the file of checkpoints ends with it.
Result<Log::LastCheckpoint> Log::read_checkpoint() const {
  auto notes = ReadFile::open(paths_.checkpoints);
  if (!notes) return std::unexpected(std::move(notes).error());
  const auto last = last_note(*notes);
  if (!last) return damaged(paths_, last.error().detail);
  LastCheckpoint out;
  out.whole_bytes = last->whole;
  if (!last->note.empty()) {
    auto checkpoint = open_note(last->note, signer_.public_key());
    if (!checkpoint)
      return damaged(paths_, fmt::format("{}: {}", paths_.checkpoints, checkpoint.error().detail));
    out.checkpoint = *std::move(checkpoint);
    return out;
  }
  // The first entry is signed for before there is a second one.
  auto entries = ReadFile::open(paths_.entries);
  if (!entries) return std::unexpected(std::move(entries).error());
  std::uint64_t lines = 0;
  const auto counted = each_line(*entries, 0, files_->entries->size(),
                                 [&lines](std::string_view) { return ++lines < 2; });
  if (!counted) return std::unexpected(counted.error());
  if (lines > 1)
    return damaged(paths_, fmt::format("truncated: {} is empty, its checkpoints are gone",
                                       paths_.checkpoints));
  return out;
}

// Whether the nodes have the root that was signed for, and the ends lead to its last entry.
bool Log::derived_fit(const Checkpoint& checkpoint, const ReadFile& nodes,
                      const ReadFile& ends) const {
  const std::uint64_t size = checkpoint.size;
  if (files_->nodes->size() < nodes_of(size) * node_size || files_->ends->size() < size * end_size)
    return false;
  if (size == 0) return true;
  const auto root =
      root_of(size, [&nodes](std::uint64_t place) { return read_node(nodes, place); });
  const auto end = read_end(ends, size - 1);
  const auto begin = size == 1 ? Result<std::uint64_t>(0) : read_end(ends, size - 2);
  if (!root || *root != checkpoint.root || !end || !begin || *end > files_->entries->size() ||
      *begin >= *end || *end - *begin > limits::audit_line_bytes + 1)
    return false;
  const auto entries = ReadFile::open(paths_.entries);
  if (!entries) return false;
  auto line = entries->read(*begin, static_cast<std::size_t>(*end - *begin));
  if (!line || line->back() != '\n') return false;
  line->pop_back();
  const auto leaf = read_node(nodes, place_of(0, size - 1));
  return leaf && *leaf == leaf_hash(*line);
}

Result<void> Log::load_files() {
  const bool first = !known_;
  const auto last = read_checkpoint();
  if (!last) return std::unexpected(last.error());
  auto nodes = ReadFile::open(paths_.nodes);
  if (!nodes) return std::unexpected(std::move(nodes).error());
  auto ends = ReadFile::open(paths_.ends);
  if (!ends) return std::unexpected(std::move(ends).error());
  const std::uint64_t size = last->checkpoint.size;
  bool fit = derived_fit(last->checkpoint, *nodes, *ends);
  if (files_->checkpoints->size() > last->whole_bytes)  // a note that was not whole
    if (auto cut = files_->checkpoints->truncate(last->whole_bytes); !cut) return cut;
  for (bool again = false;; again = true) {
    if (!fit) {
      if (auto right = check_entries(paths_, signer_.public_key()); !right) return right;
      if (auto made = rebuild(size); !made) return made;
    }
    auto cut = files_->nodes->truncate(nodes_of(size) * node_size);
    if (cut) cut = files_->ends->truncate(size * end_size);
    if (!cut) return cut;
    auto edge =
        Frontier::of(size, [&nodes](std::uint64_t place) { return read_node(*nodes, place); });
    if (!edge) return std::unexpected(std::move(edge).error());
    frontier_ = *std::move(edge);
    const auto begin = size == 0 ? Result<std::uint64_t>(0) : read_end(*ends, size - 1);
    if (!begin) return std::unexpected(begin.error());
    status_.signed_entries = size;
    auto replayed = replay(*begin);
    if (!replayed && !again && replayed.error().code == ErrorCode::malformed_response) {
      fit = false;  // the end led to a wrong place, or somebody changed it: all is looked at
      continue;
    }
    if (!replayed && replayed.error().code == ErrorCode::malformed_response)
      return damaged_behind(paths_, replayed.error().detail);
    if (!replayed) return replayed;
    break;
  }
  status_.entries = frontier_.size();
  if (first) unsigned_since_ = clock_.now();
  return {};
}

// Nodes and ends of the first `signed_size` entries, which have been verified.
Result<void> Log::rebuild(std::uint64_t signed_size) {
  log::warning("audit: {} and {} are made anew from the entries", paths_.nodes, paths_.ends);
  auto cut = files_->nodes->truncate(0);
  if (cut) cut = files_->ends->truncate(0);
  if (!cut) return cut;
  auto entries = ReadFile::open(paths_.entries);
  if (!entries) return std::unexpected(std::move(entries).error());
  Frontier edge;
  std::uint64_t end = 0;
  Result<void> done;
  if (signed_size == 0) return done;
  const auto read = each_line(*entries, 0, files_->entries->size(), [&](std::string_view line) {
    std::vector<Hash> whole;
    edge.add(leaf_hash(line), &whole);
    end += line.size() + 1;
    done = files_->nodes->append(node_bytes(whole));
    if (done) done = files_->ends->append(end_bytes(end));
    return done && edge.size() < signed_size;
  });
  if (!read) return std::unexpected(read.error());
  if (done) done = files_->nodes->sync();
  if (done) done = files_->ends->sync();
  return done;
}

// Takes in the entries behind the last checkpoint; cuts away one that is not whole.
//   errors   malformed_response: there is one that cannot be read, and it is not the last; io
Result<void> Log::replay(std::uint64_t offset) {
  const bool first = !known_;
  auto entries = ReadFile::open(paths_.entries);
  if (!entries) return std::unexpected(std::move(entries).error());
  const std::uint64_t size = files_->entries->size();
  std::vector<Intent> under_way;
  std::uint64_t good = offset;
  Result<void> done;
  std::uint64_t bad_lines = 0;
  const auto read = each_line(*entries, offset, size, [&](std::string_view line) {
    const auto entry = read_entry(line);
    if (bad_lines > 0 || !entry || entry->index != frontier_.size()) {
      ++bad_lines;
      return bad_lines < 2;
    }
    if (entry->phase == Phase::intent)
      under_way.push_back({entry->index, entry->event.action, entry->event.target});
    if (entry->phase == Phase::outcome)
      std::erase_if(under_way, [&](const Intent& one) { return one.index == entry->of; });
    std::vector<Hash> whole;
    frontier_.add(leaf_hash(line), &whole);
    good += line.size() + 1;
    done = files_->nodes->append(node_bytes(whole));
    if (done) done = files_->ends->append(end_bytes(good));
    return done.has_value();
  });
  if (!read) return std::unexpected(read.error());
  if (!done) return done;
  const std::uint64_t torn = size - good;
  if (bad_lines > 1 || torn > limits::audit_line_bytes + 1)
    return fail(ErrorCode::malformed_response,
                fmt::format("entry {} cannot be read, and others follow", frontier_.size()));
  if (torn > 0 && known_)  // what was not whole has gone already
    return fail(ErrorCode::io,
                fmt::format("{} was changed by somebody else while it was in use", paths_.entries));
  bytes_ = good;
  if (torn > 0) {  // was being written when the process or the machine died: nobody was told yes
    auto bytes = entries->read(good, static_cast<std::size_t>(torn));
    if (!bytes) return std::unexpected(std::move(bytes).error());
    if (auto cut = files_->entries->truncate(good); !cut) return cut;
    log::warning("audit: {} bytes of an entry that was not whole are cut away", torn);
    if (first && frontier_.size() > 0) {
      known_ = true;
      const Event event{.action = "log.recovered",
                        .actor = "holdfast",
                        .from = {},
                        .target = {},
                        .reason = {},
                        .request_id = {},
                        .before = {},
                        .after = {{"cut_bytes", torn}, {"cut_sha256", hex(sha256(*bytes))}}};
      auto written = write_whole_entry(entry_of(event, Phase::fact));
      if (!written) return std::unexpected(std::move(written).error());
    }
  }
  if (first)
    for (Intent& one : under_way) owed_.push_back({std::move(one), Outcome::unknown});
  return {};
}

}  // namespace holdfast::audit
