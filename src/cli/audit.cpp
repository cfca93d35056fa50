#include "cli/audit.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>

#include "audit/files.h"
#include "audit/notes.h"
#include "audit/reader.h"
#include "audit/text.h"
#include "audit/usage.h"
#include "audit/verify.h"
#include "base/files.h"
#include "cli/terminal.h"

namespace holdfast::cli {
namespace {

constexpr int usage = 1, gate = 2, infrastructure = 4;
constexpr std::size_t proof_bytes = 1U << 20U;
constexpr std::uint64_t most_lines = 10'000;
constexpr std::size_t most_bytes = most_lines * (limits::audit_line_bytes + 1);

std::string folder_of(const AuditArguments& arguments) {
  return arguments.exported.empty() ? arguments.state_dir + "/audit" : arguments.exported;
}

Outcome failed(const Error& error) {
  const int code = error.code == ErrorCode::io ? infrastructure : usage;
  return {code, {}, fmt::format("holdfast: {}\n", error.detail)};
}

// What somebody gave as --key: the key itself, or a file with it.
Result<audit::PublicKey> key_of(const AuditArguments& arguments) {
  if (arguments.key.empty()) {
    if (!arguments.exported.empty() || !arguments.proof.empty())
      return fail(ErrorCode::invalid_request,
                  "--key is missing: what came with the entries proves nothing. `holdfast audit "
                  "key` prints it on the machine that keeps the log");
    return audit::read_public_key(folder_of(arguments));
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(arguments.key, error))
    return audit::PublicKey::parse(arguments.key);
  auto text = audit::read_whole(arguments.key, limits::audit_note_bytes);
  if (!text) return std::unexpected(std::move(text).error());
  while (text->ends_with('\n')) text->pop_back();
  return audit::PublicKey::parse(*text);
}

// The note that was kept: one note, or a file of several, of which the last counts.
Result<std::string> kept_note(const std::string& path) {
  auto file = audit::ReadFile::open(path);
  if (!file) return std::unexpected(std::move(file).error());
  std::string last;
  const auto read = audit::each_note(*file, [&last](std::string_view note) { last = note; });
  if (!read) return std::unexpected(read.error());
  if (!last.empty()) return last;
  return audit::read_whole(path, limits::audit_note_bytes);  // without the empty line behind it
}

Outcome verify_proof(const AuditArguments& arguments, const audit::PublicKey& key, bool json) {
  const auto text = audit::read_whole(arguments.proof, proof_bytes);
  if (!text) return failed(text.error());
  const auto shown = audit::check_proof(*text, key);
  Outcome out{shown ? 0 : gate, {}, {}};
  const std::string& said = shown ? *shown : shown.error().detail;
  out.out = json ? boost::json::serialize(
                       boost::json::object{{"ok", shown.has_value()}, {"shows", said}}) +
                       "\n"
                 : fmt::format("{}: {}\n", shown ? "ok" : "not proven", said);
  return out;
}

// null: the records were not looked at.
boost::json::value usage_json(const std::optional<audit::UsageReport>& held) {
  if (!held) return {};
  return boost::json::object{{"segments", held->segments},
                             {"expired_segments", held->expired_segments},
                             {"attempts", held->attempts}};
}

Outcome verify(const AuditArguments& arguments, bool json) {
  const auto key = key_of(arguments);
  if (!key) return failed(key.error());
  if (!arguments.proof.empty()) return verify_proof(arguments, *key, json);
  std::vector<std::string> elsewhere;
  if (!arguments.checkpoint.empty()) {
    auto note = kept_note(arguments.checkpoint);
    if (!note) return failed(note.error());
    elsewhere.push_back(*std::move(note));
  }
  auto report = audit::verify_folder(folder_of(arguments), *key, elsewhere);
  if (!report) return failed(report.error());
  std::optional<audit::UsageReport> held;
  if (!arguments.records.empty()) {
    auto looked = audit::verify_usage(folder_of(arguments), arguments.records);
    if (!looked) return failed(looked.error());
    held = *std::move(looked);
    std::ranges::move(held->problems, std::back_inserter(report->problems));
    std::ranges::move(held->remarks, std::back_inserter(report->remarks));
  }
  Outcome out{report->problems.empty() ? 0 : gate, {}, {}};
  if (json) {
    boost::json::array problems, remarks;
    for (const audit::Problem& one : report->problems)
      problems.push_back(
          boost::json::object{{"finding", audit::to_string(one.finding)}, {"what", one.what}});
    for (const std::string& one : report->remarks) remarks.emplace_back(one);
    out.out = boost::json::serialize(boost::json::object{{"ok", report->problems.empty()},
                                                         {"entries", report->entries},
                                                         {"signed_entries", report->signed_entries},
                                                         {"checkpoints", report->checkpoints},
                                                         {"key", key->text()},
                                                         {"usage", usage_json(held)},
                                                         {"problems", std::move(problems)},
                                                         {"remarks", std::move(remarks)}}) +
              "\n";
    return out;
  }
  for (const audit::Problem& one : report->problems)
    out.out += fmt::format("{}: {}\n", audit::to_string(one.finding), one.what);
  for (const std::string& one : report->remarks) out.out += fmt::format("remark: {}\n", one);
  if (arguments.key.empty())
    out.out +=
        "remark: the key is the one beside the log; only --key, kept elsewhere, shows that "
        "nobody has replaced both\n";
  if (held)
    out.out += fmt::format("{} attempts are what was sealed, in {} segments; {} segments expired\n",
                           held->attempts, held->segments - held->expired_segments,
                           held->expired_segments);
  out.out += fmt::format("{}: {} entries, {} of them signed for by {} checkpoints of {}\n",
                         report->problems.empty() ? "ok" : "not what was signed for",
                         report->entries, report->signed_entries, report->checkpoints, key->name());
  return out;
}

Outcome prove(const AuditArguments& arguments) {
  if (arguments.entry.empty() == arguments.checkpoint.empty())
    return {usage,
            {},
            "holdfast: say --entry INDEX, for a proof that it is in the log, or --checkpoint FILE, "
            "for one that the log goes on from it\n"};
  const auto key = key_of(arguments);
  if (!key) return failed(key.error());
  const auto reader = audit::Reader::open(folder_of(arguments));
  if (!reader) return failed(reader.error());
  if (!arguments.checkpoint.empty()) {
    const auto note = kept_note(arguments.checkpoint);
    if (!note) return failed(note.error());
    const auto proof = audit::write_consistency_proof(*reader, *key, *note);
    if (!proof) return failed(proof.error());
    return {0, *proof, {}};
  }
  const auto index = audit::count_from(arguments.entry);
  if (!index) return {usage, {}, "holdfast: --entry is not the index of an entry, as in 17\n"};
  const auto proof = audit::write_inclusion_proof(*reader, *key, *index);
  if (!proof) return failed(proof.error());
  return {0, *proof, {}};
}

// The same JSON: what acts on a terminal can only stand in its texts.
std::string line_as_json(const std::string& line) {
  if (audit::read_entry(line)) return for_terminal(line);
  return boost::json::serialize(boost::json::object{{"unreadable", for_terminal(line)}});
}

// Copies the whole lines of a file, or its whole notes.
Result<std::uint64_t> copy_file(const std::string& from, const std::string& to, bool notes) {
  auto source = audit::ReadFile::open(from);
  if (!source) return std::unexpected(std::move(source).error());
  auto target = audit::open_append(to);
  if (!target) return std::unexpected(std::move(target).error());
  const auto size = source->size();
  if (!size) return size;
  std::uint64_t count = 0;
  Result<void> done;
  const auto write = [&](std::string text) {
    ++count;
    text += '\n';
    if (done) done = (*target)->append(text);
  };
  if (notes) {
    if (const auto read =
            audit::each_note(*source, [&](std::string_view note) { write(std::string(note)); });
        !read)
      return std::unexpected(read.error());
  } else if (const auto read = audit::each_line(*source, 0, *size,
                                                [&](std::string_view line) {
                                                  write(std::string(line));
                                                  return done.has_value();
                                                });
             !read) {
    return std::unexpected(read.error());
  }
  if (done) done = (*target)->sync();
  if (!done) return std::unexpected(std::move(done).error());
  return count;
}

Outcome export_log(const AuditArguments& arguments) {
  const audit::Paths from(folder_of(arguments)), to(arguments.to);
  if (::mkdir(arguments.to.c_str(), 0700) != 0)
    return failed({errno == EEXIST ? ErrorCode::invalid_request : ErrorCode::io,
                   fmt::format("cannot make {}: {}; name a folder that is not there yet",
                               arguments.to, std::strerror(errno))});
  if (const auto lasts = sync_folder_of(arguments.to); !lasts) return failed(lasts.error());
  // The checkpoints first: the entries that they are of are there by then.
  const auto notes = copy_file(from.checkpoints, to.checkpoints, true);
  if (!notes) return failed(notes.error());
  const auto entries = copy_file(from.entries, to.entries, false);
  if (!entries) return failed(entries.error());
  const auto key = audit::read_public_key(from.folder);
  if (!key) return failed(key.error());
  if (const auto kept = replace_file(to.public_key, key->text() + "\n", 0644); !kept)
    return failed(kept.error());
  return {0,
          fmt::format("{} entries, {} checkpoints in {}\nkey {}\nCheck it with\n  holdfast audit "
                      "verify --export {} --key {}\n",
                      *entries, *notes, arguments.to, key->text(), arguments.to, key->text()),
          {}};
}

// One line for people: what is empty is left out.
std::string line_for_people(const std::string& line) {
  const auto entry = audit::read_entry(line);
  if (!entry) return fmt::format("(no entry: {}) {}", entry.error().detail, line);
  const audit::Event& event = entry->event;
  const std::time_t seconds = entry->time_us / 1'000'000;
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  char when[32] = {};
  (void)std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &time);
  std::string out = fmt::format("{} {} {}", entry->index, when, event.action);
  const auto add = [&out](std::string_view name, const boost::json::value& value) {
    if (const auto text = audit::canonical(value)) out += fmt::format(" {}={}", name, *text);
  };
  if (!event.target.empty()) add("target", boost::json::value(event.target));
  if (entry->phase == audit::Phase::intent) out += " (about to be done)";
  if (entry->phase == audit::Phase::outcome)
    out += fmt::format(" (of {}: {})", entry->of, audit::to_string(entry->outcome));
  if (!event.actor.empty()) add("by", boost::json::value(event.actor));
  if (!event.from.empty()) add("from", boost::json::value(event.from));
  if (!event.reason.empty()) add("reason", boost::json::value(event.reason));
  if (!event.before.empty()) add("before", event.before);
  if (!event.after.empty()) add("after", event.after);
  return out;
}

Outcome tail(const AuditArguments& arguments, bool json) {
  const auto count = audit::count_from(arguments.lines);
  if (!count || *count == 0 || *count > most_lines)
    return {usage, {}, fmt::format("holdfast: --lines is from 1 to {}\n", most_lines)};
  const auto reader = audit::Reader::open(folder_of(arguments));
  if (!reader) return failed(reader.error());
  const auto size = reader->size();
  if (!size) return failed(size.error());
  const std::uint64_t first = *size > *count ? *size - *count : 0;
  const auto lines = reader->lines(first, static_cast<std::size_t>(*count), most_bytes);
  if (!lines) return failed(lines.error());
  Outcome out;
  for (const std::string& line : *lines)
    out.out += (json ? line_as_json(line) : for_terminal(line_for_people(line))) + "\n";
  return out;
}

}  // namespace

Outcome audit_verb(const std::string& verb, const AuditArguments& arguments, bool json) {
  if (verb == "verify") return verify(arguments, json);
  if (verb == "prove") return prove(arguments);
  if (verb == "export") return export_log(arguments);
  if (verb == "tail") return tail(arguments, json);
  const auto key = audit::read_public_key(folder_of(arguments));
  if (!key) return failed(key.error());
  return {0, key->text() + "\n", {}};
}

}  // namespace holdfast::cli
