// Each way of changing a log, and its name. No server, no private key: files and the public key.
#include "audit/verify.h"

#include "audit/test_support.h"
#include "base/random.h"

namespace holdfast::audit {
namespace {

using Names = std::vector<std::string>;

class AuditVerify : public AuditFolder {
 protected:
  // As a third party gets it: the entries and the checkpoints.
  void take_nodes_away() const {
    std::filesystem::remove(folder_ + "/nodes");
    std::filesystem::remove(folder_ + "/ends");
  }
  // Another log that the same key has signed: made again from the same key, by other entries.
  std::string fork_of_this() const {
    const std::string other = base_ + "/other";
    std::filesystem::create_directories(other);
    std::filesystem::copy_file(folder_ + "/key", other + "/key");
    auto log = Log::open(other, {}, clock_);
    for (int i = 0; i < 15; ++i) EXPECT_TRUE((*log)->append(event_of("target.freeze")));
    EXPECT_TRUE((*log)->checkpoint());
    return other;
  }
};

TEST_F(AuditVerify, FindsNothingWhereNothingWasChanged) {
  fill(12);
  const auto report = verify_folder(folder_, key(), {});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(report->entries, 12U);
  EXPECT_EQ(report->signed_entries, 12U);
  EXPECT_EQ(report->checkpoints, 2U);
  take_nodes_away();
  EXPECT_EQ(findings(), Names());
}

TEST_F(AuditVerify, NamesEachAttack) {
  struct Case {
    const char* rule;
    void (*change)(Names& lines);
    Names want, without_nodes;
  };
  const Case cases[] = {
      {"the end is cut off", [](Names& all) { all.resize(9); }, {"truncated"}, {"truncated"}},
      {"a word of an entry is changed",
       [](Names& all) { all[5].replace(all[5].find("one/m1"), 6, "two/m1"); },
       {"edited"},
       {"edited"}},
      {"two entries change places",
       [](Names& all) { std::swap(all[4], all[5]); },
       {"reordered"},
       {"reordered"}},
      {"one is moved to the end",
       [](Names& all) {
         all.push_back(all[3]);
         all.erase(all.begin() + 3);
       },
       {"reordered"},
       {"reordered"}},
      {"one in the middle is taken out",
       [](Names& all) { all.erase(all.begin() + 6); },
       {"gap"},
       {"gap"}},
      {"several in the middle are taken out",
       [](Names& all) { all.erase(all.begin() + 3, all.begin() + 6); },
       {"gap"},
       {"gap"}},
      {"one stands there twice",
       [](Names& all) { all.insert(all.begin() + 6, all[5]); },
       {"repeated"},
       {"repeated"}},
      {"one is no entry any more",
       [](Names& all) { all[5].pop_back(); },
       {"unreadable", "edited"},
       {"unreadable"}},
      {"one is taken out and the others are counted anew",
       [](Names& all) {
         all.erase(all.begin() + 6);
         for (std::size_t i = 6; i < all.size(); ++i) {
           auto entry = *read_entry(all[i]);
           entry.index = i;
           all[i] = *write_entry(entry);
         }
       },
       {"edited", "truncated"},
       {"truncated"}},
      {"nothing is left", [](Names& all) { all.clear(); }, {"truncated"}, {"truncated"}}};
  for (const Case& c : cases) {
    std::filesystem::remove_all(folder_);
    fill(12);
    auto all = lines();
    c.change(all);
    write_lines(all);
    EXPECT_EQ(findings(), c.want) << c.rule;
    take_nodes_away();
    EXPECT_EQ(findings(), c.without_nodes) << c.rule << ", as exported";
  }
}

TEST_F(AuditVerify, SaysWhichEntry) {
  fill(12);
  auto all = lines();
  all[5].replace(all[5].find("one/m1"), 6, "two/m1");
  write_lines(all);
  EXPECT_EQ(verify_folder(folder_, key(), {})->problems.at(0).what, "entry 5 is not what it was");
  take_nodes_away();
  EXPECT_EQ(verify_folder(folder_, key(), {})->problems.at(0).what,
            "one of the entries 1 to 11 is not what was signed for");
}

// Nobody has signed for the file `nodes`: damage there is no edit.
TEST_F(AuditVerify, DamagedNodesAccuseNobody) {
  fill(12);
  const std::string nodes = read("nodes");
  for (std::size_t byte = 0; byte < nodes.size(); ++byte) {
    std::string changed = nodes;
    changed[byte] = static_cast<char>(changed[byte] ^ 4);
    write("nodes", changed);
    const auto report = verify_folder(folder_, key(), {});
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->problems.empty()) << "byte " << byte << ": " << report->problems[0].what;
    ASSERT_EQ(report->remarks.size(), 1U) << "byte " << byte;
    ASSERT_NE(report->remarks[0].find("nodes is damaged"), std::string::npos);
  }
  write("nodes", nodes.substr(0, 100));
  EXPECT_EQ(findings(), Names());
  // The way that the remark names.
  std::filesystem::remove(folder_ + "/nodes");
  ASSERT_TRUE(open());
  EXPECT_EQ(read("nodes"), nodes);
}

TEST_F(AuditVerify, AnEditIsFoundWhereTheNodesAreDamagedToo) {
  fill(12);
  auto all = lines();
  all[5].replace(all[5].find("one/m1"), 6, "two/m1");
  write_lines(all);
  std::string nodes = read("nodes");
  const std::size_t byte = place_of(0, 8) * node_size;
  nodes[byte] = static_cast<char>(nodes[byte] ^ 1);
  write("nodes", nodes);
  const auto report = verify_folder(folder_, key(), {});
  ASSERT_EQ(report->problems.size(), 1U);
  EXPECT_EQ(report->problems[0].what, "one of the entries 1 to 11 is not what was signed for")
      << "entry 8 is not accused";
}

TEST_F(AuditVerify, ManyGapsAndCheckpointsAreHeldWithoutKeepingThem) {
  {
    Settings settings;
    settings.checkpoint_entries = 1;
    auto log = Log::open(folder_, settings, clock_);
    for (int i = 0; i < 40; ++i) ASSERT_TRUE((*log)->append(event_of("x.y")));
  }
  const auto report = verify_folder(folder_, key(), {});
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(report->checkpoints, 41U);
  auto all = lines();
  std::vector<std::string> odd;
  for (std::size_t i = 0; i < all.size(); i += 2) odd.push_back(all[i]);
  write_lines(odd);
  EXPECT_EQ(findings(), Names{"gap"});
  EXPECT_EQ(verify_folder(folder_, key(), {})->problems.size(), limits::audit_problems);
}

TEST_F(AuditVerify, AnotherHistoryIsAFork) {
  fill(10);
  const std::string kept = last_note_text();
  const std::string other = fork_of_this();
  const auto report = verify_folder(other, key(), std::vector{kept});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->problems.size(), 1U);
  EXPECT_EQ(report->problems[0].finding, Finding::forked) << report->problems[0].what;
  EXPECT_TRUE(verify_folder(other, key(), {})->problems.empty()) << "by itself it is whole";
}

TEST_F(AuditVerify, EntriesThatWereWrittenAnewAreAFork) {
  fill(10);
  auto all = lines();
  all[2].replace(all[2].find("one/m1"), 6, "two/m1");
  write_lines(all);
  Frontier edge;
  std::vector<Hash> whole;
  for (const std::string& line : all) edge.add(leaf_hash(line), &whole);
  write("nodes", node_bytes(whole));
  EXPECT_EQ(findings(), Names{"forked"});
}

TEST_F(AuditVerify, AnOlderStateIsARollback) {
  fill(6);
  const std::string older = base_ + "/older";
  std::filesystem::copy(folder_, older);
  {
    auto log = open();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE((*log)->append(event_of("x.y")));
    ASSERT_TRUE((*log)->checkpoint());
  }
  const std::string kept = last_note_text();
  EXPECT_EQ(findings({kept}), Names());
  std::filesystem::remove_all(folder_);
  std::filesystem::copy(older, folder_);
  EXPECT_EQ(findings(), Names()) << "by itself it is whole";
  EXPECT_EQ(findings({kept}), Names{"rolled_back"});
}

TEST_F(AuditVerify, CheckpointsAreHeldToTheirKeyAndOrder) {
  fill(5);
  const std::string first = read("checkpoints");
  const PublicKey other = Signer::make("holdfast/other")->public_key();
  const auto report = verify_folder(folder_, other, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->problems.at(0).finding, Finding::bad_signature);
  write("checkpoints", first + first);
  EXPECT_EQ(findings(), Names{"rolled_back"});
  write("checkpoints", "");
  EXPECT_EQ(findings(), Names{"unsigned_log"});
}

TEST_F(AuditVerify, RemarksSayWhatIsNoProblem) {
  fill(3);
  {
    auto log = open();
    ASSERT_TRUE((*log)->append(event_of("x.y")));
  }
  write("entries.jsonl", read("entries.jsonl") + "{\"acti");
  const auto report = verify_folder(folder_, key(), {});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->problems.empty());
  ASSERT_EQ(report->remarks.size(), 2U);
  EXPECT_NE(report->remarks[0].find("not whole"), std::string::npos);
  EXPECT_NE(report->remarks[1].find("1 entries after the last checkpoint"), std::string::npos);
}

TEST_F(AuditVerify, EveryBitOfTheEntriesAndCheckpointsCounts) {
  fill(3);
  constexpr std::size_t step = sanitized ? 5 : 1;  // of bits: then every bit of a byte, in turn
  const std::string entries = read("entries.jsonl"), notes = read("checkpoints");
  for (std::size_t bit = 0; bit < entries.size() * 8; bit += step) {
    std::string changed = entries;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    write("entries.jsonl", changed);
    ASSERT_FALSE(verify_folder(folder_, key(), {})->problems.empty()) << "bit " << bit;
  }
  write("entries.jsonl", entries);
  const PublicKey mine = key();
  for (std::size_t bit = 0; bit < notes.size() * 8; bit += step) {
    std::string changed = notes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    write("checkpoints", changed);
    const auto report = verify_folder(folder_, mine, {});
    // Of the last note a part may look like one that is being written: then less is signed for.
    ASSERT_TRUE(!report->problems.empty() || report->signed_entries < 3) << "bit " << bit;
  }
}

TEST_F(AuditVerify, ProofsShowWhatTheySayAndNothingElse) {
  fill(9);
  const std::string before = last_note_text();
  {
    auto log = open();
    for (int i = 0; i < 8; ++i) ASSERT_TRUE((*log)->append(event_of("x.y")));
    ASSERT_TRUE((*log)->checkpoint());
    ASSERT_TRUE((*log)->append(event_of("x.y")));
  }
  const auto reader = Reader::open(folder_);
  ASSERT_TRUE(reader);
  const PublicKey mine = key();
  for (std::uint64_t i = 0; i < 17; ++i) {
    const auto proof = write_inclusion_proof(*reader, mine, i);
    ASSERT_TRUE(proof) << proof.error().detail;
    EXPECT_TRUE(check_proof(*proof, mine)) << i;
  }
  EXPECT_NE(write_inclusion_proof(*reader, mine, 17).error().detail.find("not signed for yet"),
            std::string::npos);
  const auto consistent = write_consistency_proof(*reader, mine, before);
  ASSERT_TRUE(consistent) << consistent.error().detail;
  EXPECT_NE(check_proof(*consistent, mine)->find("of 17 entries goes on from that of 9"),
            std::string::npos);
  const auto proof = *write_inclusion_proof(*reader, mine, 4);
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string changed = random.below(2) == 0 ? proof : *consistent;
    const std::string original = changed;
    changed[random.below(changed.size())] = static_cast<char>(32 + random.below(95));
    const auto shown = check_proof(changed, mine);
    if (!shown || changed == original) continue;
    // Spaces and names that nobody reads may differ; what is shown may not.
    EXPECT_TRUE(*shown == *check_proof(original, mine)) << changed;
  }
  EXPECT_FALSE(check_proof(proof, Signer::make("holdfast/other")->public_key()));
}

TEST_F(AuditVerify, AForkHasNoProofOfConsistency) {
  fill(10);
  const std::string kept = last_note_text();
  const auto other = Reader::open(fork_of_this());
  ASSERT_TRUE(other);
  EXPECT_NE(write_consistency_proof(*other, key(), kept).error().detail.find("forked"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::audit
