#include "dialect/citation.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <utility>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/cohere/codec.h"
#include "dialect/gemini/codec.h"
#include "dialect/openai/codec.h"
#include "dialect/openai_responses/codec.h"

namespace holdfast::dialect {
namespace {

// One, two, three and four bytes each.
constexpr std::string_view mixed = "a\u00fc\u4f60\U0001F600z";

TEST(Citation, CodePointsAreCounted) {
  EXPECT_EQ(count_points(""), 0);
  EXPECT_EQ(count_points("abc"), 3);
  EXPECT_EQ(count_points(mixed), 5);
}

TEST(Citation, ACodePointBeginsAtAByte) {
  constexpr std::size_t want[] = {0, 1, 3, 6, 10, 11, 11};
  for (std::size_t point = 0; point < std::size(want); ++point)
    EXPECT_EQ(byte_of_point(mixed, static_cast<std::int64_t>(point)), want[point]) << point;
}

TEST(TextMeasure, FindsEveryCharacterAgainHoweverTheTextIsCut) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::size_t words = random() % 40; words > 0; --words)
      text += std::vector<std::string_view>{"plain ", "gr\u00fc\u00df", "\u4f60\u597d",
                                            "\U0001F600", "x"}[random() % 5];
    TextMeasure measure;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 9;
      measure.add(std::string_view(text).substr(at, size));
      at += size;
    }
    ASSERT_EQ(measure.points(), count_points(text));
    for (std::int64_t point = 0; point <= measure.points(); ++point) {
      const std::int64_t byte = measure.byte_of(point);
      ASSERT_EQ(static_cast<std::size_t>(byte), byte_of_point(text, point)) << text;
      ASSERT_EQ(measure.points_before(byte), point) << text;
    }
    EXPECT_EQ(measure.byte_of(measure.points() + 1), -1);
    EXPECT_EQ(measure.points_before(static_cast<std::int64_t>(text.size()) + 1), -1);
  }
}

TEST(TextMeasure, NoPlaceLiesWithinACharacter) {
  TextMeasure measure;
  measure.add(mixed);
  for (const std::int64_t byte : {2, 4, 5, 7, 8, 9, -1}) EXPECT_EQ(measure.points_before(byte), -1);
}

Citation url(std::int64_t from, std::int64_t to) {
  Citation out;
  out.url = "https://example.com/";
  out.dialect = Dialect::openai;
  out.from = from;
  out.to = to;
  return out;
}

// "text|text cited*2|..." of the pieces.
std::string cut(std::string_view text, std::vector<Citation> citations) {
  Block block;
  block.text = text;
  block.citations = std::move(citations);
  std::string out;
  for (const CitedPiece& piece : cited_pieces(block, Dialect::anthropic)) {
    if (!out.empty()) out += "|";
    out.append(piece.text).append(piece.citations.size(), '*');
  }
  return out;
}

TEST(Citation, TextsAreCutWhereAPieceBeginsOrEnds) {
  struct Case {
    const char* rule;
    std::vector<Citation> citations;
    std::string_view want;
  };
  const Case cases[] = {
      {"nothing is cited", {}, "a\u00fc\u4f60\U0001F600z"},
      {"all of it", {url(-1, -1)}, "a\u00fc\u4f60\U0001F600z*"},
      {"its middle", {url(1, 4)}, "a|\u00fc\u4f60\U0001F600*|z"},
      {"its beginning, twice", {url(0, 2), url(0, 2)}, "a\u00fc**|\u4f60\U0001F600z"},
      {"pieces that overlap", {url(0, 3), url(2, 5)}, "a\u00fc*|\u4f60**|\U0001F600z*"},
      {"a piece, and all", {url(-1, -1), url(4, 5)}, "a\u00fc\u4f60\U0001F600*|z**"},
      {"beyond its end", {url(4, 99)}, "a\u00fc\u4f60\U0001F600|z*"},
      {"a point", {url(2, 2)}, "a\u00fc\u4f60\U0001F600z*"},
  };
  for (const Case& c : cases) EXPECT_EQ(cut(mixed, c.citations), c.want) << c.rule;
}

TEST(Citation, ManyOfThemAreOfTheWholeText) {
  EXPECT_EQ(cut("abc", std::vector<Citation>(513, url(1, 2))), "abc" + std::string(513, '*'));
}

TEST(Citation, GoesToTheTextInWhichItsPieceBegins) {
  struct Case {
    const char* rule;
    std::int64_t from;
    std::size_t block;
    std::int64_t want;
  };
  constexpr Case cases[] = {{"the first", 0, 0, 0},
                            {"its end", 4, 0, 4},
                            {"the next, behind a call", 5, 2, 0},
                            {"the last's end", 8, 2, 3}};
  for (const Case& c : cases) {
    std::vector<Block> blocks(3);
    blocks[0].text = mixed;
    blocks[1].kind = BlockKind::tool_call;
    blocks[2].text = "\u00fcbc";
    attach(url(c.from, c.from + 1), blocks);
    ASSERT_EQ(blocks[c.block].citations.size(), 1U) << c.rule;
    EXPECT_EQ(blocks[c.block].citations.front().from, c.want) << c.rule;
    EXPECT_EQ(blocks[c.block].citations.front().to, c.want + 1) << c.rule;
  }
}

TEST(Citation, GoesBackAsItCameWhereItCan) {
  Citation citation = url(0, 1);
  citation.raw = "{\"a\":\n1,\"b\":\"\\ud83d\\ude00\"}";
  EXPECT_EQ(as_it_came(citation, Dialect::openai), "{\"a\": 1,\"b\":\"\\ud83d\\ude00\"}");
  EXPECT_EQ(as_it_came(citation, Dialect::anthropic), "");
  citation.raw = R"({"b":"\ud83d"})";
  EXPECT_EQ(as_it_came(citation, Dialect::openai), "") << "half of a pair";
  citation.source = Citation::Source::native;
  EXPECT_FALSE(can_tell(Dialect::openai, citation));
}

TEST(Citation, APieceIsWithinWhatATextCanHave) {
  Citation citation;
  for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{-1, 3},
                                 {3, 2},
                                 {0, std::numeric_limits<std::int64_t>::max()}}) {
    set_piece(citation, from, to);
    EXPECT_EQ(citation.from, -1) << from << " to " << to;
  }
  set_piece(citation, 2, 2);
  EXPECT_EQ(citation.to, 2);
}

TEST(Citation, WhatADialectCannotSayIsCounted) {
  Response response;
  Block& block = response.choices.emplace_back().content.emplace_back();
  block.text = "t";
  block.citations.push_back(url(0, 1));
  Citation& page = block.citations.emplace_back();
  page.dialect = Dialect::bedrock;
  page.source = Citation::Source::document;
  page.unit = Citation::Unit::pages;
  page.number = 0;
  page.first = 1;
  page.last = 2;
  Citation& file = block.citations.emplace_back();
  file.dialect = Dialect::openai_responses;
  file.source = Citation::Source::file;
  file.file_id = "file-1";
  file.raw = R"({"type":"file_citation"})";
  EXPECT_EQ(untold_citations(response, Dialect::openai), 2U);
  EXPECT_EQ(untold_citations(response, Dialect::openai_responses), 1U);
  EXPECT_EQ(untold_citations(response, Dialect::anthropic), 1U);
  EXPECT_EQ(untold_citations(response, Dialect::bedrock), 1U);
  EXPECT_EQ(untold_citations(response, Dialect::gemini), 2U) << "no place without a title or text";
}

Request asking_to_cite() {
  const auto read = anthropic::codec().read_request(
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document",)"
      R"("title":"a","context":"of 1998","source":{"type":"text","media_type":"text/plain",)"
      R"("data":"d"},"citations":{"enabled":true}},{"type":"text","text":"hi"}]}]})",
      {}, false);
  EXPECT_TRUE(read) << read.error().message;
  return read ? *read : Request();
}

// Anthropic's clients and Converse's ask for the same, each in its own words.
TEST(Citable, IsAskedForInBothDialectsThatCitePlaces) {
  Abilities claude;
  claude.house = "anthropic";
  std::vector<Loss> losses;
  const auto converse =
      bedrock::codec().write_request(asking_to_cite(), "anthropic.claude", claude, losses);
  ASSERT_TRUE(converse) << converse.error().detail;
  EXPECT_TRUE(losses.empty());
  const std::string body = converse->body.joined();
  EXPECT_NE(
      body.find(
          R"({"document":{"format":"txt","name":"a","source":{"text":"d"},"context":"of 1998",)"
          R"("citations":{"enabled":true}}})"),
      std::string::npos)
      << body;
  const auto again = bedrock::codec().read_request(body, "m", false);
  ASSERT_TRUE(again) << again.error().message;
  const auto back = anthropic::codec().write_request(*again, "m", claude, losses);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_TRUE(losses.empty());
  EXPECT_NE(back->body.joined().find(R"("context":"of 1998","source":{"type":"text",)"
                                     R"("media_type":"text/plain","data":"d"},)"
                                     R"("citations":{"enabled":true}})"),
            std::string::npos)
      << back->body.joined();
}

TEST(Citable, IsNamedWhereNothingCitesPlaces) {
  for (const Codec* codec :
       {&openai::codec(), &openai_responses::codec(), &gemini::codec(), &cohere::codec()}) {
    Request request = asking_to_cite();
    std::vector<Loss> losses;
    ASSERT_TRUE(codec->write_request(request, "m", {}, losses));
    ASSERT_EQ(losses.size(), 2U);
    EXPECT_EQ(losses[0].field, "messages[0].content[0].citations");
    EXPECT_FALSE(losses[0].harmless);
    EXPECT_EQ(losses[1].field, "messages[0].content[0].context");
    EXPECT_FALSE(losses[1].harmless);
    // Where it is not asked for, nothing that was asked for is missing.
    request.messages[0].content[0].citable = false;
    losses.clear();
    ASSERT_TRUE(codec->write_request(request, "m", {}, losses));
    EXPECT_TRUE(losses[0].harmless);
  }
}

}  // namespace
}  // namespace holdfast::dialect
