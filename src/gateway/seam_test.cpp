#include "gateway/seam.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::gateway {
namespace {

struct Case {
  const char* rule;
  std::string told, next, want;  // want: what the client gets of `next`
  Asking asking = Asking::told;
};

const std::vector<Case> cases = {
    {"what goes on goes on", "The capital", " of Italy", " of Italy"},
    {"a sentence said again is left out", "The capital of Italy is", "The capital of Italy is Rome",
     " Rome"},
    {"the end of one as well", "The capital of Italy is", "capital of Italy is Rome.", " Rome."},
    {"with white space before it", "The capital of Italy is", "\n\nThe capital of Italy is Rome",
     " Rome"},
    {"the longest repetition counts", "I say: one two three, one two three, one two three,",
     "one two three, one two three, four", " four"},
    {"the words that were asked for count for no more", "na na na na na na na na na na na na na na",
     "na na na na na na na na na na na na na batman", " na na batman"},
    {"a word that broke off and is begun again", "It is the capi", "capital of Italy",
     "tal of Italy"},
    {"after one letter too", "a c", "city", "ity"},
    {"a word that broke off goes on", "It is the capi", "tal of Italy", "tal of Italy"},
    {"a whole word said twice may be meant", "It is very", " very good", " very good"},
    {"a syllable that is said again is no word begun again", "ah ha", "ha ha", "ha ha"},
    {"an answer that begins anew", "Hello", "Hello world", " world"},
    {"a short repetition is chance", "x = 10;", "10; y", "10; y"},
    {"white space comes once", "The capital ", " of Italy", "of Italy"},
    {"as much of it as there is", "A:\n\n", "\nB", "B"},
    {"more of it than there was", "A:\n", "\n\nB", "\nB"},
    {"other white space is new", "A: ", "\nB", "\nB"},
    {"a repetition, then the white space that was told", "The capital of Italy ",
     "capital of Italy is Rome", "is Rome"},
    {"nothing but a repetition", "The capital of Italy", "capital of Italy", ""},
    {"nothing but the broken word", "the capi", "capi", "capi"},
    {"nothing at all", "The capital", "", ""},
    {"white space alone", "The capital", "  ", "  "},
    {"characters of several bytes", "Grüße aus Köln und Düsseldorf", "Köln und Düsseldorf am Rhein",
     " am Rhein"},
    {"half of a character is no match", "ж\xD0\xB6", "\xD0\xB7", "\xD0\xB7"},
    {"without spaces between words", "我们今天去公园散步", "今天去公园散步吧", "吧"},
    {"a model that goes on from the text itself may say things twice", "The capital of Italy is",
     "The capital of Italy is", "The capital of Italy is", Asking::prefill},
    {"a server that says all of it first says it again", "The capital of Italy is",
     "The capital of Italy is Rome", " Rome", Asking::repeated},
    {"however short it is", "1", "11 apples", "1 apples", Asking::repeated},
    {"and once, however often it stands there", "na na na na na na",
     "na na na na na na na na na na na na", " na na na na na na", Asking::repeated},
    {"unless this version of it does not", "The capital of Italy is", " Rome", " Rome",
     Asking::repeated},
    {"but white space comes once there too", "def f():\n    ", "\n    return 1", "return 1",
     Asking::prefill},
    {"nothing was told", "", "Hello", "Hello"},
    {"only white space was told", " \n", " \nHello", "Hello"},
};

std::string in_pieces(const Case& c, std::size_t size) {
  Seam seam(c.told, c.asking);
  std::string out;
  for (std::size_t at = 0; at < c.next.size(); at += size) seam.feed(c.next.substr(at, size), out);
  seam.finish(out);
  return out;
}

TEST(Seam, SaysNothingTwice) {
  for (const Case& c : cases)
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{3}, std::size_t{7}, std::size_t{4096}})
      EXPECT_EQ(in_pieces(c, size), c.want) << c.rule << ", pieces of " << size;
}

// The last words that a model is told to begin with, and what the seam makes of them.
TEST(Seam, TakesTheLastWordsOut) {
  struct Words {
    const char* rule;
    std::string text, want;
  };
  const std::string kanji = "波止場で待つ人";
  const Words words[] = {
      {"all of a short text", "The capital", "The capital"},
      {"from a word's beginning", "The capital of Italy is the city of Ro", "the city of Ro"},
      {"with the word that reaches back over the least", "and keep comprehensibly alive",
       "comprehensibly alive"},
      {"unless that is a long one", "and incomprehensibilities abound", "ities abound"},
      {"whole characters where there are no words", kanji + kanji, "で待つ人"},
      {"nothing of nothing", "", ""},
  };
  constexpr std::size_t least = 12;
  for (const Words& c : words) {
    EXPECT_EQ(last_words(c.text, least), c.want) << c.rule;
    const Case told{"", c.text, std::string(last_words(c.text, least)) + " x", ""};
    if (!c.text.empty()) EXPECT_EQ(in_pieces(told, 1), " x") << c.rule;
  }
}

std::string long_text() {
  std::string text;
  for (int i = 0; text.size() < 3 * Seam::window_bytes; ++i)
    text += "Line " + std::to_string(i) + " of many.\n";
  return text;
}

// However long the text is, and whatever comes after it.
TEST(Seam, LeavesAnAnswerFromTheBeginningOut) {
  const std::string text = long_text();
  for (const Asking asking : {Asking::told, Asking::repeated}) {
    const std::string more = "And more";
    EXPECT_EQ(in_pieces({"", text, text + more, "", asking}, 17), more);
    EXPECT_EQ(in_pieces({"", text, text, "", asking}, 17), "");
  }
}

TEST(Seam, TellsAnotherAnswerFromARepetition) {
  const std::string text = long_text();
  for (const Asking asking : {Asking::told, Asking::repeated}) {
    Seam another(text, asking);
    std::string out;
    another.feed(text.substr(0, Seam::restart_bytes) + " but differently", out);
    another.feed(" and on", out);
    another.finish(out);
    EXPECT_TRUE(another.started_over());
    EXPECT_EQ(out, "");

    Seam half(text, asking);
    half.feed(text.substr(0, Seam::restart_bytes), out);
    half.finish(out);
    EXPECT_TRUE(half.started_over()) << "it ends before it has said what was said";
    EXPECT_EQ(out, "");

    Seam alike(text, asking);
    alike.feed("Line 0 of many more", out);
    EXPECT_FALSE(alike.started_over()) << "as short as that is how lists go on";
    EXPECT_EQ(out, "Line 0 of many more");
  }
}

// What is held back is bounded, however much of the text comes again.
TEST(Seam, HoldsNoMoreThanItsWindow) {
  std::string told;
  for (int i = 0; i < 2000; ++i) told += "na ";
  Seam seam(told, Asking::told);
  std::string out;
  std::size_t fed = 0;
  while (out.empty() && fed < 10 * Seam::window_bytes) {
    seam.feed("na ", out);
    fed += 3;
  }
  EXPECT_LE(fed, Seam::window_bytes + 6);
}

TEST(Seam, HoldsNoEndlessWhiteSpace) {
  Seam seam("The capital", Asking::told);
  std::string out;
  for (std::size_t fed = 0; fed <= Seam::window_bytes; ++fed) seam.feed("\n", out);
  EXPECT_EQ(out.size(), Seam::window_bytes + 1);
}

// Every text that is cut anywhere and repeated from anywhere comes out whole.
TEST(Seam, PutsTogetherWhatWasCut) {
  const std::string text =
      "Harbours keep ships alive: quays, cranes and a lighthouse.\n\nWhen storms arrive, masters "
      "choose anchorage early; später wäre zu spät. Übung macht den Meister.";
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    if ((static_cast<unsigned char>(text[cut]) & 0xc0U) == 0x80U) continue;
    const std::string told = text.substr(0, cut);
    const std::size_t sent = without_blank_end(told).size();
    for (const Asking asking : {Asking::told, Asking::prefill, Asking::repeated})
      EXPECT_EQ(told + in_pieces({"", told, text.substr(sent), "", asking}, 5), text) << cut;
    const std::size_t asked = last_words(without_blank_end(told), 32).size();
    for (const std::size_t again : {std::size_t{0}, std::size_t{13}, asked, sent}) {
      std::size_t from = sent - std::min(again, sent);
      while ((static_cast<unsigned char>(text[from]) & 0xc0U) == 0x80U) --from;
      if (again > 0 && from > 0 && sent - from < Seam::least_bytes) continue;
      const Case c{"", told, text.substr(from), "", Asking::told};
      EXPECT_EQ(told + in_pieces(c, 5), text) << cut << " again " << again;
    }
  }
}

}  // namespace
}  // namespace holdfast::gateway
