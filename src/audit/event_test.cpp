#include "audit/event.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "audit/test_support.h"
#include "audit/text.h"

namespace holdfast::audit {
namespace {

Entry entry_with(Event event) {
  Entry out;
  out.index = 3;
  out.time_us = 1'800'000'000'000'000;
  out.event = std::move(event);
  return out;
}

TEST(Entry, IsOneLineInOneOrder) {
  Entry entry = entry_with(event_of("target.drain"));
  EXPECT_EQ(*write_entry(entry),
            R"({"action":"target.drain","actor":"operator","after":{"out":true},)"
            R"("before":{"out":false},"from":"administration","index":3,"phase":"fact",)"
            R"("reason":"a test","request_id":"req_1","target":"one/m1",)"
            R"("time_us":1800000000000000})");
  entry.phase = Phase::outcome;
  entry.of = 2;
  entry.outcome = Outcome::done;
  entry.event = {.action = "target.drain",
                 .actor = {},
                 .from = {},
                 .target = {},
                 .reason = {},
                 .request_id = {},
                 .before = {},
                 .after = {}};
  EXPECT_EQ(*write_entry(entry),
            R"({"action":"target.drain","index":3,"of":2,"outcome":"done","phase":"outcome",)"
            R"("time_us":1800000000000000})");
}

TEST(Entry, ReadsBackWhatItWrote) {
  const Entry entry = entry_with(event_of("x.y"));
  const std::string line = *write_entry(entry);
  const auto again = read_entry(line);
  ASSERT_TRUE(again);
  EXPECT_EQ(*write_entry(*again), line);
  EXPECT_EQ(again->event.reason, "a test");
}

TEST(Entry, NothingOfAnEventBreaksTheLine) {
  struct Case {
    const char* rule;
    std::string text, want;
  };
  const Case cases[] = {
      {"line ends", "a\r\nb", R"("reason":"a\r\nb")"},
      {"the escape of terminals", "\x1b[31mred", R"("reason":"\u001b[31mred")"},
      {"quotes", "say \"no\" \\", R"("reason":"say \"no\" \\")"},
      {"NUL", std::string("a\0b", 3), R"("reason":"a\u0000b")"},
      {"bytes that are no UTF-8", "a\xff\xc0z", "\"reason\":\"a\xef\xbf\xbd\xef\xbf\xbdz\""},
      {"other scripts", "\xc3\xa9\xe2\x82\xac", "\"reason\":\"\xc3\xa9\xe2\x82\xac\""}};
  for (const Case& c : cases) {
    Event event = event_of("x.y");
    event.reason = c.text;
    const auto line = write_entry(entry_with(event));
    ASSERT_TRUE(line) << c.rule;
    EXPECT_NE(line->find(c.want), std::string::npos) << c.rule << ": " << *line;
    EXPECT_EQ(line->find('\n'), std::string::npos) << c.rule;
    EXPECT_TRUE(read_entry(*line)) << c.rule;
  }
}

TEST(Entry, CutsLongTextsAndSaysWhatTheyWere) {
  Event event = event_of("x.y");
  event.reason = std::string(255, 'a') + "\xc3\xa9" + std::string(70'000, 'b');
  event.after = {{"list", boost::json::parse(R"([1,2])")}, {"half", 0.5}};
  const std::string line = *write_entry(entry_with(event));
  EXPECT_LT(line.size(), 1'000U);
  EXPECT_NE(line.find("a... (70257 bytes, sha256 " + hex(sha256(event.reason)) + ")"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find(R"("list":"[1,2]")"), std::string::npos) << line;
  EXPECT_TRUE(read_entry(line));
}

TEST(Entry, RefusesEveryOtherSpelling) {
  const std::string good = R"({"action":"a.b","index":3,"phase":"fact","target":"t","time_us":5})";
  ASSERT_TRUE(read_entry(good)) << read_entry(good).error().detail;
  struct Case {
    const char* rule;
    std::string line;
  };
  const Case cases[] = {
      {"another order", R"({"index":3,"action":"a.b","phase":"fact","target":"t","time_us":5})"},
      {"spaces", R"({"action": "a.b","index":3,"phase":"fact","target":"t","time_us":5})"},
      {"a name twice", R"({"action":"a.b","action":"a.b","index":3,"phase":"fact","time_us":5})"},
      {"escapes nobody needs", R"({"action":"a\u002eb","index":3,"phase":"fact","time_us":5})"},
      {"a name of its own", R"({"action":"a.b","index":3,"phase":"fact","time_us":5,"z":1})"},
      {"no action", R"({"index":3,"phase":"fact","target":"t","time_us":5})"},
      {"no index", R"({"action":"a.b","phase":"fact","target":"t","time_us":5})"},
      {"a negative index", R"({"action":"a.b","index":-3,"phase":"fact","time_us":5})"},
      {"a fraction", R"({"action":"a.b","index":3.0,"phase":"fact","time_us":5})"},
      {"no phase of ours", R"({"action":"a.b","index":3,"phase":"fiction","time_us":5})"},
      {"an empty text", R"({"action":"","index":3,"phase":"fact","time_us":5})"},
      {"an outcome of nothing", R"({"action":"a.b","index":3,"phase":"outcome","time_us":5})"},
      {"an outcome of what comes later",
       R"({"action":"a.b","index":3,"of":3,"outcome":"done","phase":"outcome","time_us":5})"},
      {"a fact of something", R"({"action":"a.b","index":3,"of":1,"phase":"fact","time_us":5})"},
      {"no object", "[]"},
      {"nothing", ""},
      {"two", good + good}};
  for (const Case& c : cases) EXPECT_FALSE(read_entry(c.line)) << c.rule;
}

}  // namespace
}  // namespace holdfast::audit
