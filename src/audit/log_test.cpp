// What is on the disk after append() has returned, after a crash, and after a disk that failed.
#include "audit/log.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "audit/notes.h"
#include "audit/test_support.h"
#include "base/random.h"

namespace holdfast::audit {
namespace {

class AuditLog : public AuditFolder {};

TEST_F(AuditLog, ANewOneBeginsWithItsKeyAndIsSignedFor) {
  const auto log = open();
  ASSERT_TRUE(log) << log.error().detail;
  EXPECT_EQ((*log)->status().entries, 1U);
  EXPECT_EQ((*log)->status().signed_entries, 1U);
  const auto first = read_entry(lines().at(0));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->event.action, "log.began");
  EXPECT_EQ(first->event.after.at("key").as_string(), (*log)->key().text());
  struct stat facts{};
  ASSERT_EQ(::stat((folder_ + "/key").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  EXPECT_EQ(findings(), std::vector<std::string>());
}

TEST_F(AuditLog, GoesOnWhereItEnded) {
  for (int start = 0; start < 4; ++start) {
    auto log = open();
    ASSERT_TRUE(log) << log.error().detail;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE((*log)->append(event_of("target.drain")));
    if (start % 2 == 0) {
      ASSERT_TRUE((*log)->checkpoint());
    }
  }
  EXPECT_EQ(lines().size(), 21U);
  EXPECT_EQ(findings(), std::vector<std::string>());
  const auto again = open();
  EXPECT_EQ((*again)->status().entries, 21U);
}

TEST_F(AuditLog, SignsAfterSomeTimeOrSoManyEntries) {
  auto log = open();
  ASSERT_TRUE((*log)->append(event_of("x.y")));
  (*log)->tick();
  EXPECT_EQ((*log)->status().signed_entries, 1U);
  clock_.advance(Settings().checkpoint_interval);
  (*log)->tick();
  EXPECT_EQ((*log)->status().signed_entries, 2U);
  for (int i = 0; i < Settings().checkpoint_entries; ++i)
    ASSERT_TRUE((*log)->append(event_of("x.y")));
  EXPECT_EQ((*log)->status().signed_entries, 102U);
  EXPECT_EQ(findings(), std::vector<std::string>());
}

TEST_F(AuditLog, AnIntentGetsItsOutcome) {
  auto log = open();
  const auto intent = (*log)->begin(event_of("target.drain"));
  ASSERT_TRUE(intent);
  clock_.advance(Settings().checkpoint_interval);
  (*log)->tick();
  EXPECT_EQ((*log)->status().signed_entries, 1U) << "no checkpoint parts them";
  (*log)->conclude(*intent, Outcome::done);
  const auto outcome = read_entry(lines().back());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->phase, Phase::outcome);
  EXPECT_EQ(outcome->of, *intent);
  EXPECT_EQ(outcome->outcome, Outcome::done);
  (*log)->conclude(*intent, Outcome::failed);
  EXPECT_EQ(lines().size(), 3U) << "once";
}

TEST_F(AuditLog, AnIntentWhoseProcessDiedIsUnknown) {
  {
    auto log = open();
    ASSERT_TRUE((*log)->begin(event_of("target.drain")));
  }
  auto log = open();
  ASSERT_TRUE((*log)->append(event_of("gateway.started")));
  const auto all = lines();
  ASSERT_EQ(all.size(), 4U);
  const auto outcome = read_entry(all[2]);
  EXPECT_EQ(outcome->of, 1U);
  EXPECT_EQ(outcome->outcome, Outcome::unknown);
  EXPECT_EQ(read_entry(all[3])->event.action, "gateway.started");
}

TEST_F(AuditLog, TakesOnlySoManyIntents) {
  auto log = open();
  for (std::size_t i = 0; i < limits::audit_open_intents; ++i)
    ASSERT_TRUE((*log)->begin(event_of("x.y")));
  const auto more = (*log)->begin(event_of("x.y"));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::too_large);
}

TEST_F(AuditLog, CutsAwayWhatIsNotWhole) {
  fill(5);
  const std::string whole = read("entries.jsonl"), notes = read("checkpoints");
  const std::string torn = R"({"action":"target.dr)";
  struct Case {
    const char* rule;
    std::string entries, checkpoints;
  };
  const Case cases[] = {
      {"a part of a line", torn, ""},
      {"zeros, as a loss of power leaves them", std::string(300, '\0'), ""},
      {"a last line that cannot be read", torn + "\n", ""},
      {"a part of a checkpoint", "", notes.substr(0, 30)},
      {"a checkpoint without its signature", "", notes.substr(0, notes.find("\n\n") + 2)}};
  for (const Case& c : cases) {
    write("entries.jsonl", whole + c.entries);
    write("checkpoints", notes + c.checkpoints);
    auto log = open();
    ASSERT_TRUE(log) << c.rule << ": " << log.error().detail;
    ASSERT_TRUE((*log)->append(event_of("x.y"))) << c.rule;
    ASSERT_TRUE((*log)->checkpoint());
    EXPECT_EQ(findings(), std::vector<std::string>()) << c.rule;
    EXPECT_EQ(read("entries.jsonl").starts_with(whole), true) << c.rule;
    const std::string after = read("entries.jsonl").substr(whole.size());
    EXPECT_EQ(after.find("log.recovered") != std::string::npos, !c.entries.empty()) << c.rule;
  }
}

TEST_F(AuditLog, MakesNodesAndEndsAnewFromTheEntries) {
  fill(20);
  const std::string nodes = read("nodes"), ends = read("ends");
  struct Case {
    const char* rule;
    std::string nodes, ends;
  };
  std::string other = nodes;  // one that the root consists of
  const std::size_t peak = place_of(4, 0) * node_size + 7;
  other[peak] = static_cast<char>(other[peak] ^ 1);
  std::string shifted = ends;
  shifted[ends.size() - 8] = static_cast<char>(shifted[ends.size() - 8] - 3);
  const Case cases[] = {{"both are gone", "", ""},
                        {"nodes are gone", "", ends},
                        {"ends are cut", nodes, ends.substr(0, 50)},
                        {"the last end is wrong", nodes, shifted},
                        {"one byte of a node is another", other, ends},
                        {"nodes behind the last checkpoint", nodes + std::string(64, 'x'), ends}};
  for (const Case& c : cases) {
    write("nodes", c.nodes);
    write("ends", c.ends);
    const auto log = open();
    ASSERT_TRUE(log) << c.rule << ": " << log.error().detail;
    EXPECT_EQ(read("nodes"), nodes) << c.rule;
    EXPECT_EQ(read("ends"), ends) << c.rule;
  }
}

// ---- what somebody has changed is seen at the start, and named

class AuditAttack : public AuditFolder {
 protected:
  // Why it does not start.
  std::string refusal() {
    const auto log = open();
    if (log) return "it starts";
    EXPECT_EQ(log.error().code, ErrorCode::configuration);
    EXPECT_NE(log.error().detail.find("move the folder"), std::string::npos)
        << "says what to do: " << log.error().detail;
    return log.error().detail;
  }
  void expect_refusal(const std::string& name) {
    const std::string before = read("entries.jsonl");
    EXPECT_NE(refusal().find(name), std::string::npos) << name << ": " << refusal();
    EXPECT_EQ(read("entries.jsonl"), before) << "nothing is changed";
  }
};

TEST_F(AuditAttack, ATruncatedLogIsRefused) {
  fill(10);
  auto all = lines();
  all.resize(7);
  write_lines(all);
  expect_refusal("truncated: 10 entries were signed for, and there are 7");
}

TEST_F(AuditAttack, ALogWithoutItsCheckpointsIsRefused) {
  fill(10);
  write("checkpoints", "");
  expect_refusal("truncated");
}

TEST_F(AuditAttack, AnEditIsFoundWhenTheNodesAreMadeToFit) {
  fill(10);
  auto all = lines();
  all[4].replace(all[4].find("one/m1"), 6, "two/m1");
  write_lines(all);
  Frontier edge;
  std::vector<Hash> whole;
  for (const std::string& line : all) edge.add(leaf_hash(line), &whole);
  write("nodes", node_bytes(whole));
  expect_refusal("edited: one of the entries 1 to 9");
}

// Of what nobody has signed for it is not said that somebody has changed it.
TEST_F(AuditAttack, DamageBehindWhatIsSignedForHasItsOwnName) {
  fill(6);
  {
    auto log = open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*log)->append(event_of("x.y")));
  }
  auto all = lines();
  all[7][3] = '\x01';
  write_lines(all);
  expect_refusal("is what was signed for, but damaged behind that: entry 7 cannot be read");
  EXPECT_EQ(findings(), std::vector<std::string>{"unsigned_damage"});
}

TEST_F(AuditAttack, ACheckpointThatWasChangedIsRefused) {
  fill(10);
  std::string notes = read("checkpoints");
  notes.replace(notes.rfind("\n10\n"), 4, "\n9\n");
  write("checkpoints", notes);
  expect_refusal("signature is wrong");
}

TEST_F(AuditAttack, AnotherKeyIsRefused) {
  fill(10);
  write("key", std::string(Signer::make("holdfast/other")->text().reveal()));
  expect_refusal("not signed by the key holdfast/other");
}

TEST_F(AuditAttack, ALostKeyIsNotReplaced) {
  fill(3);
  std::filesystem::remove(folder_ + "/key");
  expect_refusal("is gone");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/key"));
}

TEST_F(AuditAttack, AFileThatIsDeletedOrChangedInUseRefusesEntries) {
  auto log = open();
  ASSERT_TRUE((*log)->append(event_of("x.y")));
  const std::string before = read("entries.jsonl");
  write("entries.jsonl", before + "more");
  EXPECT_FALSE((*log)->append(event_of("x.y")));
  EXPECT_NE((*log)->status().problem.find("changed by somebody else"), std::string::npos);
  EXPECT_TRUE((*log)->append(event_of("x.y"))) << "what was said to be there is there";
  std::filesystem::remove(folder_ + "/entries.jsonl");
  EXPECT_FALSE((*log)->append(event_of("x.y")));
  EXPECT_FALSE((*log)->append(event_of("x.y"))) << "for good: what was signed for is gone";
  EXPECT_EQ((*log)->status().refused, 3U);
}

// ---- a disk that fails

TEST_F(AuditLog, ALogThatCannotBeOpenedYetRefusesChangesAndIsOpenedLater) {
  fill(4);
  {
    auto left = open();
    ASSERT_TRUE((*left)->begin(event_of("target.drain"))) << "the process dies with it";
  }
  bool mended = false;
  const auto disk = [&mended](const std::string& path) {
    return mended ? open_append(path) : fail(ErrorCode::io, "no space for " + path);
  };
  auto log = open(disk);
  ASSERT_TRUE(log) << log.error().detail;
  EXPECT_NE((*log)->status().problem.find("no space"), std::string::npos);
  EXPECT_FALSE((*log)->begin(event_of("target.drain")));
  (*log)->tick();
  EXPECT_EQ((*log)->status().refused, 1U);
  mended = true;
  (*log)->tick();
  EXPECT_EQ((*log)->status().problem, "");
  EXPECT_TRUE((*log)->append(event_of("after")));
  EXPECT_TRUE((*log)->checkpoint());
  EXPECT_EQ(findings(), std::vector<std::string>());
  std::vector<std::string> actions;
  for (const std::string& line : lines()) actions.push_back(read_entry(line)->event.action);
  actions.erase(actions.begin(), actions.begin() + 4);
  EXPECT_EQ(actions,
            (std::vector<std::string>{"target.drain", "target.drain", "log.resumed", "after"}));
  EXPECT_EQ(read_entry(lines()[5])->outcome, Outcome::unknown);
}

TEST_F(AuditLog, ANewLogThatCannotBeMadeIsRefused) {
  const auto log = open([](const std::string&) { return fail(ErrorCode::io, "no space"); });
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::io);
}

// Fails the `at`-th call that changes anything, and all behind it until it is mended.
struct FailingDisk {
  int at = 1 << 30, calls = 0;
  bool torn = false;  // a write that fails has written a part
  bool broken() { return ++calls >= at; }
};

class FailingFile final : public AppendFile {
 public:
  FailingFile(std::unique_ptr<AppendFile> file, FailingDisk& disk)
      : file_(std::move(file)), disk_(disk) {}
  Result<void> append(std::string_view bytes) override {
    if (!disk_.broken()) return file_->append(bytes);
    if (disk_.torn) [[maybe_unused]]
      const auto half = file_->append(bytes.substr(0, bytes.size() / 2));
    return fail(ErrorCode::io, "no space");
  }
  Result<void> sync() override {
    if (disk_.broken()) return fail(ErrorCode::io, "sync fails");
    return {};  // this disk is simulated: a real one would take minutes for them all
  }
  Result<void> truncate(std::uint64_t size) override {
    return disk_.broken() ? fail(ErrorCode::io, "truncate fails") : file_->truncate(size);
  }
  std::uint64_t size() const override { return file_->size(); }

 private:
  std::unique_ptr<AppendFile> file_;
  FailingDisk& disk_;
};

OpenAppend on(FailingDisk& disk) {
  return [&disk](const std::string& path) -> Result<std::unique_ptr<AppendFile>> {
    auto file = open_append(path);
    if (!file) return file;
    return std::make_unique<FailingFile>(*std::move(file), disk);
  };
}

TEST_F(AuditLog, WhereverTheDiskFailsNothingIsTornAndNothingIsLost) {
  for (const bool torn : {false, true})
    for (int at = 1; at <= 24; ++at) {
      std::filesystem::remove_all(folder_);
      FailingDisk disk;
      disk.torn = torn;
      auto log = open(on(disk));
      ASSERT_TRUE(log);
      ASSERT_TRUE((*log)->append(event_of("before")));
      disk.at = disk.calls + at;
      std::vector<std::uint64_t> accepted;
      std::size_t refused = 0;
      for (int i = 0; i < 4; ++i) {
        const auto index = (*log)->begin(event_of("target.drain"));
        if (index) {
          accepted.push_back(*index);
          (*log)->conclude(*index, Outcome::done);
        } else {
          ++refused;
        }
        [[maybe_unused]] const auto made = (*log)->checkpoint();
      }
      disk.at = 1 << 30;  // mended
      (*log)->tick();
      EXPECT_EQ((*log)->status().problem, "") << at;
      EXPECT_TRUE((*log)->append(event_of("after"))) << at;
      EXPECT_TRUE((*log)->checkpoint()) << at;
      EXPECT_EQ(findings(), std::vector<std::string>()) << at;
      std::size_t begun = 0, concluded = 0, resumed = 0;
      for (const std::string& line : lines()) {
        const auto entry = read_entry(line);
        ASSERT_TRUE(entry) << at << ": " << line;
        begun += entry->phase == Phase::intent;
        concluded += entry->phase == Phase::outcome;
        resumed += entry->event.action == "log.resumed";
      }
      EXPECT_EQ(begun, accepted.size()) << "what was refused is not there, at call " << at;
      EXPECT_EQ(concluded, accepted.size()) << at;
      if (refused > 0) {
        EXPECT_EQ(resumed, 1U) << "the gap is told, at call " << at;
      }
      log->reset();
      const auto again = open();
      EXPECT_TRUE(again) << at << ": " << again.error().detail;
    }
}

TEST_F(AuditLog, CheckpointsThatFailWriteNoEntries) {
  bool broken = false;
  struct NoAppend final : AppendFile {
    NoAppend(std::unique_ptr<AppendFile> one, const bool& is_broken)
        : file(std::move(one)), broken(is_broken) {}
    Result<void> append(std::string_view bytes) override {
      return broken ? fail(ErrorCode::io, "no space") : file->append(bytes);
    }
    Result<void> sync() override { return file->sync(); }
    Result<void> truncate(std::uint64_t size) override { return file->truncate(size); }
    std::uint64_t size() const override { return file->size(); }
    std::unique_ptr<AppendFile> file;
    const bool& broken;
  };
  auto log = open([&broken](const std::string& path) -> Result<std::unique_ptr<AppendFile>> {
    auto file = open_append(path);
    if (!file || !path.ends_with("checkpoints")) return file;
    return std::make_unique<NoAppend>(*std::move(file), broken);
  });
  ASSERT_TRUE(log);
  broken = true;
  ASSERT_TRUE((*log)->append(event_of("x.y")));
  for (int i = 0; i < 3; ++i) {
    clock_.advance(Settings().checkpoint_interval);
    (*log)->tick();
  }
  EXPECT_EQ(lines().size(), 2U) << "nothing was refused, so nothing is told";
  EXPECT_EQ((*log)->status().problem, "") << "entries are written";
  EXPECT_EQ((*log)->status().checkpoint_problem, "no space");
  EXPECT_EQ((*log)->status().checkpoint_failures, 3U);
  broken = false;
  (*log)->tick();
  EXPECT_EQ((*log)->status().checkpoint_problem, "");
  EXPECT_EQ((*log)->status().signed_entries, 2U);
}

TEST_F(AuditLog, AFullDiskRefusesAndMakesNothingTorn) {
  const std::string disk = base_ + "/small";
  ASSERT_EQ(::mkdir(disk.c_str(), 0700), 0);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=96k") != 0)
    GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
  struct statvfs facts{};
  ASSERT_EQ(::statvfs(disk.c_str(), &facts), 0);
  ASSERT_LE(facts.f_blocks * facts.f_frsize, 96U << 10U) << "the log would be on a large disk";
  folder_ = disk + "/audit";
  {
    auto log = open();
    ASSERT_TRUE(log) << log.error().detail;
    std::uint64_t accepted = 1;
    while ((*log)->append(event_of("target.drain"))) ++accepted;
    EXPECT_NE((*log)->status().problem.find("No space left"), std::string::npos)
        << (*log)->status().problem;
    EXPECT_GT(accepted, 20U);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE((*log)->append(event_of("target.drain")));
    EXPECT_EQ(lines().size(), accepted);
    EXPECT_TRUE(read("entries.jsonl").ends_with("}\n")) << "no torn line";
    EXPECT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=1m"), 0);
    (*log)->tick();
    EXPECT_EQ((*log)->status().problem, "");
    EXPECT_TRUE((*log)->append(event_of("target.drain")));
    EXPECT_TRUE((*log)->checkpoint());
    EXPECT_EQ(lines().size(), accepted + 2) << "log.resumed, and the new one";
    EXPECT_EQ(findings(), std::vector<std::string>());
  }
  EXPECT_EQ(::umount(disk.c_str()), 0);
}

// ---- kill -9

TEST_F(AuditLog, WhatWasAcknowledgedSurvivesKillsAtAnyPoint) {
  constexpr int kills = sanitized ? 8 : 40;
  const std::uint64_t seed = entropy_seed();
  Random random(seed);
  std::uint64_t acknowledged = 0, intents = 0;
  for (int round = 0; round < kills; ++round) {
    int pipes[2];
    ASSERT_EQ(::pipe(pipes), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // writes down without pause, and says what it was told is there
      ::close(pipes[0]);
      Settings settings;
      settings.checkpoint_entries = 3;
      auto log = Log::open(folder_, settings, system_clock());
      if (!log) ::_exit(1);
      while (true) {
        const auto index = (*log)->begin(event_of("target.drain"));
        if (!index || ::write(pipes[1], &*index, sizeof *index) != sizeof *index) ::_exit(2);
        (*log)->conclude(*index, Outcome::done);
      }
    }
    ::close(pipes[1]);
    // Let it get somewhere, then kill it wherever it is.
    const std::uint64_t after = 1 + random.below(12);
    std::uint64_t index = 0, got = 0;
    while (got < after && ::read(pipes[0], &index, sizeof index) == sizeof index) {
      acknowledged = std::max(acknowledged, index + 1);
      ++got;
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status << ", seed " << seed;
    while (::read(pipes[0], &index, sizeof index) == sizeof index)
      acknowledged = std::max(acknowledged, index + 1);
    ::close(pipes[0]);
    ASSERT_EQ(got, after);
  }
  auto log = open();
  ASSERT_TRUE(log) << log.error().detail << ", seed " << seed;
  ASSERT_TRUE((*log)->append(event_of("gateway.started")));
  ASSERT_TRUE((*log)->checkpoint());
  EXPECT_EQ(findings(), std::vector<std::string>()) << "seed " << seed;
  const auto all = lines();
  EXPECT_GE(all.size(), acknowledged) << "seed " << seed;
  std::map<std::uint64_t, int> outcomes;
  for (const std::string& line : all) {
    const auto entry = read_entry(line);
    ASSERT_TRUE(entry) << "torn: " << line << ", seed " << seed;
    intents += entry->phase == Phase::intent;
    if (entry->phase == Phase::outcome) ++outcomes[entry->of];
  }
  EXPECT_EQ(outcomes.size(), intents) << "each has its outcome, unknown at least; seed " << seed;
  for (const auto& [index, count] : outcomes) EXPECT_EQ(count, 1) << index << ", seed " << seed;
}

}  // namespace
}  // namespace holdfast::audit
