#include "records/frame.h"

#include <gtest/gtest.h>

#include "records/test_support.h"

namespace holdfast::records {
namespace {
std::string started(std::uint64_t serial, const AttemptStart& start) {
  std::string frame(frame_max_bytes, '\0');
  frame.resize(write_start(frame.data(), serial, start));
  return frame;
}
std::string ended(const AttemptEnd& end) {
  std::string frame(frame_max_bytes, '\0');
  frame.resize(write_end(frame.data(), end));
  return frame;
}
std::vector<Record> read_all(std::string_view bytes, Tail want) {
  FrameReader reader(bytes);
  std::vector<Record> records;
  while (auto record = reader.next()) records.push_back(*record);
  EXPECT_EQ(reader.tail(), want);
  return records;
}

TEST(Frame, ReadsBackWhatWasWritten) {
  AttemptStart start = start_of("req-1", 123);
  start.attempt = 3;
  start.endpoint = Endpoint::embeddings;
  start.key_name = "team";
  AttemptEnd end = end_of(42);
  end.failure = FailureClass::cut_stream;
  end.tokens_cached = -1;
  end.client_left = true;
  const std::string bytes = started(42, start) + ended(end);
  const auto records = read_all(bytes, Tail::clean);
  ASSERT_EQ(records.size(), 2U);
  const auto& read = std::get<StartRecord>(records[0]);
  EXPECT_EQ(read.serial, 42U);
  EXPECT_EQ(read.start.request_id, "req-1");
  EXPECT_EQ(read.start.attempt, 3);
  EXPECT_EQ(read.start.started_us, 123);
  EXPECT_EQ(read.start.endpoint, Endpoint::embeddings);
  EXPECT_EQ(read.start.key_name, "team");
  EXPECT_EQ(read.start.features, start.features);
  EXPECT_EQ(ended(std::get<AttemptEnd>(records[1])), ended(end));
  EXPECT_TRUE(std::get<AttemptEnd>(records[1]).continuation);
  EXPECT_EQ(std::get<AttemptEnd>(records[1]).tokens_cached, -1);
  EXPECT_EQ(std::get<AttemptEnd>(records[1]).tokens_reasoning, std::nullopt);
}

TEST(Frame, MoneyIsBehindTheRestAndNothingIsNot) {
  AttemptStart start = start_of("req-1", 123);
  AttemptEnd end = end_of(42);
  const std::string plain = started(42, start) + ended(end);
  start.team = "red";
  start.service = "web";
  start.reserved = {5};
  end.cost = NanoUsd{3};
  end.charged = {4};
  end.price_version = 9;
  const std::string bytes = started(42, start) + ended(end);
  EXPECT_GT(bytes.size(), plain.size());
  const auto records = read_all(bytes, Tail::clean);
  ASSERT_EQ(records.size(), 2U);
  const auto& read = std::get<StartRecord>(records[0]);
  EXPECT_EQ(read.start.team, "red");
  EXPECT_EQ(read.start.service, "web");
  EXPECT_EQ(read.start.reserved.value, 5);
  EXPECT_EQ(ended(std::get<AttemptEnd>(records[1])), ended(end));
  const auto before = read_all(plain, Tail::clean);  // as earlier versions wrote it
  EXPECT_EQ(std::get<AttemptEnd>(before[1]).cost, std::nullopt);
}

TEST(Frame, CutsLongTextBetweenCharacters) {
  struct Case {
    const char* rule;
    std::string text;
    std::size_t want;
  };
  const Case cases[] = {{"what fits stays", std::string(255, 'a'), 255},
                        {"what does not is cut", std::string(4096, 'a'), 255},
                        {"not inside a character", std::string(254, 'a') + "\u00e9", 254},
                        {"three bytes", std::string(253, 'a') + "\u20ac\u20ac", 253}};
  for (const Case& c : cases) {
    AttemptStart start;
    start.request_id = start.logical_model = start.provider = start.model = start.key_name = c.text;
    start.team = start.service = c.text;
    const std::string bytes = started(1, start);
    ASSERT_LE(bytes.size(), frame_max_bytes);
    const auto records = read_all(bytes, Tail::clean);
    EXPECT_EQ(std::get<StartRecord>(records[0]).start.key_name, c.text.substr(0, c.want)) << c.rule;
  }
}

TEST(Frame, EveryPrefixGivesItsWholeRecordsAndIsTorn) {
  const std::string first = started(1, start_of("a")), second = ended(end_of(1));
  const std::string bytes = first + second;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const bool clean = cut == 0 || cut == first.size() || cut == bytes.size();
    const auto records = read_all(bytes.substr(0, cut), clean ? Tail::clean : Tail::torn);
    EXPECT_EQ(records.size(), (cut >= first.size() ? 1U : 0U) + (cut == bytes.size() ? 1U : 0U));
  }
}

TEST(Frame, NoFlippedBitIsReadAsARecord) {
  const std::string first = started(1, start_of("a")), second = ended(end_of(1));
  for (std::size_t at = 0; at < second.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bytes = first + second;
      char& byte = bytes[first.size() + at];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit));
      FrameReader reader(bytes);
      EXPECT_TRUE(reader.next());
      EXPECT_FALSE(reader.next()) << "byte " << at << " bit " << bit;
      EXPECT_NE(reader.tail(), Tail::clean);
      EXPECT_EQ(reader.consumed(), first.size());
    }
}

TEST(Frame, ZerosAreAnUnwrittenTail) {
  const std::string frame = started(1, start_of("a"));
  EXPECT_EQ(read_all(frame + std::string(4096, '\0'), Tail::torn).size(), 1U);
  EXPECT_EQ(read_all(frame + std::string(4096, '\0') + "x", Tail::damaged).size(), 1U);
}

TEST(Frame, AHeadHoldsWholeOrNotAtAll) {
  char head[head_bytes];
  EXPECT_EQ(write_head(head, {.run = 7, .thread = 3, .sequence = 9}), head_bytes);
  const std::string bytes(head, head_bytes);
  const auto read = read_head(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->run, 7U);
  EXPECT_EQ(read->thread, 3);
  EXPECT_EQ(read->sequence, 9U);
  for (std::size_t at = 0; at < head_bytes; ++at) {
    std::string other = bytes;
    other[at] = static_cast<char>(other[at] + 1);
    EXPECT_FALSE(read_head(other)) << at;
    EXPECT_FALSE(read_head(bytes.substr(0, at))) << at;
  }
}
}  // namespace
}  // namespace holdfast::records
