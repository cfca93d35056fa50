#include "net/sse_parser.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace holdfast::net {
namespace {
struct Seen {  // an event whose views are copied
  std::string data, event, id;
  bool operator==(const Seen&) const = default;
};

struct Reading {
  std::vector<Seen> events;  // those with data and a blank line at their end
  std::optional<std::string> unterminated;
  std::optional<std::uint32_t> retry;
  std::string raw;  // of all events
};

Reading read(const std::vector<std::string>& chunks) {
  SseParser parser;
  Reading out;
  std::string id;
  const auto take = [&](const SseEvent& event) {
    out.raw += event.raw;
    if (event.id) id = *event.id;
    if (event.retry) out.retry = event.retry;
    if (!event.has_data) return;
    const std::string name(event.event.empty() ? "message" : event.event);
    if (event.unterminated)
      out.unterminated = event.data;
    else
      out.events.push_back({std::string(event.data), name, id});
  };
  for (const std::string& chunk : chunks) {
    const auto only_now =
        std::make_unique<std::string>(chunk);  // so that a view kept too long is found
    std::vector<SseEvent> events;
    EXPECT_TRUE(parser.feed(*only_now, events));
    for (const SseEvent& event : events) take(event);
  }
  if (const auto last = parser.finish()) take(*last);
  return out;
}

std::vector<std::string> in_bytes(const std::string& whole) {
  std::vector<std::string> out;
  for (const char c : whole) out.emplace_back(1, c);
  return out;
}

std::string joined(const std::vector<std::string>& chunks) {
  std::string out;
  for (const std::string& chunk : chunks) out += chunk;
  return out;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

std::vector<std::string> chunks_of(const boost::json::object& c) {
  if (const auto* wire = c.if_contains("wire")) return {std::string(wire->as_string())};
  std::vector<std::string> out;
  if (const auto* chunks = c.if_contains("chunks"))
    for (const auto& chunk : chunks->as_array()) out.emplace_back(chunk.as_string());
  if (const auto* chunks = c.if_contains("chunks_hex"))
    for (const auto& chunk : chunks->as_array()) out.push_back(from_hex(chunk.as_string()));
  return out;
}

TEST(SseParser, HoldsTheSharedCases) {
  std::ifstream file(HF_SOURCE_DIR "/../shared/data/sse/cases.json");
  if (!file) GTEST_SKIP() << "the shared cases (../shared/data/sse/cases.json) are not here";
  std::stringstream text;
  text << file.rdbuf();
  const boost::json::value cases = boost::json::parse(text.str());
  int count = 0;
  for (const char* group : {"wpt", "authored"}) {
    for (const auto& value : cases.at(group).as_array()) {
      const boost::json::object& c = value.as_object();
      const std::vector<std::string> chunks = chunks_of(c);
      const std::string whole = joined(chunks);
      for (const auto& way : {chunks, std::vector{whole}, in_bytes(whole)}) {
        const Reading got = read(way);
        EXPECT_EQ(got.raw, whole) << c.at("name");
        const auto& want = c.at("events").as_array();
        ASSERT_EQ(got.events.size(), want.size()) << c.at("name");
        for (std::size_t i = 0; i < want.size(); ++i) {
          EXPECT_EQ(got.events[i].data, want[i].at("data").as_string()) << c.at("name");
          EXPECT_EQ(got.events[i].event, want[i].at("event").as_string()) << c.at("name");
          if (const auto* id = want[i].as_object().if_contains("id"))
            EXPECT_EQ(got.events[i].id, id->as_string()) << c.at("name");
        }
        if (const auto* retry = c.if_contains("retry"))
          EXPECT_EQ(got.retry, retry->to_number<std::uint32_t>()) << c.at("name");
      }
      ++count;
    }
  }
  EXPECT_GE(count, 24);
}

TEST(SseParser, ReadsTheSameHoweverTheBytesAreSplit) {
  struct Case {
    const char* rule;
    std::string wire;
    std::vector<Seen> want;
    std::optional<std::string> unterminated;
  };
  const Case cases[] = {
      {"nothing", "", {}, {}},
      {"one event", "data: a\n\n", {{"a", "message", ""}}, {}},
      {"CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", {{"a", "message", ""}, {"b", "message", ""}}, {}},
      {"CR only", "data: a\r\rdata: b\r\r", {{"a", "message", ""}, {"b", "message", ""}}, {}},
      {"LF CR is two ends",
       "data: a\n\rdata: b\n\r",
       {{"a", "message", ""}, {"b", "message", ""}},
       {}},
      {"data before its name", "data: a\nevent: e\n\n", {{"a", "e", ""}}, {}},
      {"lines are joined", "data: a\ndata:\ndata: b\n\n", {{"a\n\nb", "message", ""}}, {}},
      {"the last name wins", "event: x\nevent: e\ndata: a\n\n", {{"a", "e", ""}}, {}},
      {"a name ends with its event", "event: e\n\ndata: a\n\n", {{"a", "message", ""}}, {}},
      {"comments", ": ping\n\n:\n\ndata: a\n\n", {{"a", "message", ""}}, {}},
      {"blank lines", "\n\n\r\n\rdata: a\n\n\n\n", {{"a", "message", ""}}, {}},
      {"mark, then a blank line", "\xef\xbb\xbf\ndata: a\n\n", {{"a", "message", ""}}, {}},
      {"half a mark",
       "\xef\xbb"
       "data: a\n\ndata: b\n\n",
       {{"b", "message", ""}},
       {}},
      {"only a mark", "\xef\xbb\xbf", {}, {}},
      {"half a mark alone", "\xef\xbb", {}, {}},
      {"no blank line", "data: a\n\ndata: b\n", {{"a", "message", ""}}, "b"},
      {"no end of line", "data: a\n\ndata: b", {{"a", "message", ""}}, "b"},
      {"two lines, no end", "data: a\ndata: b", {}, "a\nb"},
      {"a cut field name", "data: a\n\ndat", {{"a", "message", ""}}, {}},
      {"one line end at the end", "data: a\r\n\r\n\r\n", {{"a", "message", ""}}, {}}};
  for (const Case& c : cases) {
    for (std::size_t size = 1; size <= c.wire.size() + 1; ++size) {
      std::vector<std::string> chunks;
      for (std::size_t at = 0; at < c.wire.size(); at += size)
        chunks.push_back(c.wire.substr(at, size));
      const Reading got = read(chunks);
      EXPECT_EQ(got.events, c.want) << c.rule << ", in chunks of " << size;
      EXPECT_EQ(got.unterminated, c.unterminated) << c.rule << ", in chunks of " << size;
      EXPECT_EQ(got.raw, c.wire) << c.rule << ", in chunks of " << size;
    }
  }
}

TEST(SseParser, DoesNotCopyAWholeEvent) {
  const std::string bytes = "data: a\n\ndata: b\n\n";
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed(bytes, events));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].raw.data(), bytes.data());
  EXPECT_EQ(events[1].data.data(), bytes.data() + 15);
}

TEST(SseParser, AnEventIsOutAsSoonAsItsLastByteIsIn) {
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed("data: a\r\n\r", events));
  ASSERT_EQ(events.size(), 1U) << "does not wait for the LF that may follow";
  events.clear();
  ASSERT_TRUE(parser.feed("\ndata: b\n\n", events));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, "b");
  EXPECT_EQ(events[0].raw, "\ndata: b\n\n");
}

TEST(SseParser, RefusesAnEventBeyondTheLimit) {
  struct Case {
    const char* rule;
    std::string wire;
    bool want;
  };
  const Case cases[] = {{"as long as allowed", "data: " + std::string(8, 'x') + "\n\n", true},
                        {"one byte more", "data: " + std::string(9, 'x') + "\n\n", false},
                        {"without an end", std::string(17, ':'), false},
                        {"many short ones", "data: 1\n\ndata: 2\n\ndata: 3\n\n", true}};
  for (const Case& c : cases) {
    for (const auto& chunks : {std::vector{c.wire}, in_bytes(c.wire)}) {
      SseParser parser(16);
      bool all = true;
      for (const std::string& chunk : chunks) {
        std::vector<SseEvent> events;
        const auto fed = parser.feed(chunk, events);
        if (fed) continue;
        EXPECT_EQ(fed.error().code, ErrorCode::too_large) << c.rule;
        all = false;
        break;
      }
      EXPECT_EQ(all, c.want) << c.rule;
    }
  }
}
}  // namespace
}  // namespace holdfast::net
