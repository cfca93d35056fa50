#include "routing/expression.h"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

Facts support_bot(const net::HeaderFields& headers) {
  Facts facts;
  facts.key = "support-bot";
  facts.team = "support";
  facts.service_class = identity::ServiceClass::critical_revenue;
  facts.sensitivity = "confidential";
  facts.model = "chat";
  facts.tokens_in = 9000;
  facts.max_tokens = 500;
  facts.features = records::bit(records::Feature::images) | records::bit(records::Feature::stream);
  facts.headers = &headers;
  facts.wall_us = 1'800'000'000'000'000;  // Friday, 15 January 2027, 08:00 UTC
  return facts;
}

TEST(Expression, DecidesByTheFacts) {
  struct Case {
    const char* rule;
    const char* text;
    bool want;
  };
  const Case cases[] = {
      {"a text is equal", R"(team == "support")", true},
      {"either quotes", "team == 'support'", true},
      {"a text is not equal", R"(team != "support")", false},
      {"one of a list", R"(key in ["a", "support-bot"])", true},
      {"none of a list", R"(key in ["a", "b"])", false},
      {"a beginning", R"(key starts_with "support-")", true},
      {"an end", R"(key ends_with "-bat")", false},
      {"what is not said is empty", R"(service == "")", true},
      {"a class", R"(class == "critical_revenue")", true},
      {"a sensitivity", R"(sensitivity in ["confidential", "restricted"])", true},
      {"an endpoint", R"(endpoint == "chat_completions")", true},
      {"a header, whatever its case", R"(header("X-Tier") == "gold")", true},
      {"no such header is empty", R"(header("x-none") == "")", true},
      {"more than", "tokens > 8000", true},
      {"not less than", "tokens >= 9000", true},
      {"less than", "max_tokens < 500", false},
      {"at most", "max_tokens <= 500", true},
      {"a number is equal", "tokens == 9000", true},
      {"a number is not equal", "tokens != 9000", false},
      {"one of some numbers", "hour in [7, 8]", true},
      {"the day", R"(weekday == "fri")", true},
      {"what a request makes use of", "images", true},
      {"what it does not", "tools", false},
      {"not", "not tools", true},
      {"not not", "not not images", true},
      {"and binds closer than or", "images or tools and tools", true},
      {"parentheses bind closest", "(images or tools) and tools", false},
      {"not binds closer than and", "not tools and images", true},
      {"spaces are free", "  ( tokens>8000 )and(images)  ", true},
  };
  net::HeaderFields headers;
  headers.fields.push_back({"x-tier", "gold"});
  const Facts facts = support_bot(headers);
  for (const Case& c : cases) {
    const auto expression = Expression::compile(c.text);
    ASSERT_TRUE(expression) << c.rule << ": " << expression.error().what;
    EXPECT_EQ(expression->holds(facts), c.want) << c.rule << ": " << c.text;
    EXPECT_EQ(expression->text(), c.text);
  }
}

TEST(Expression, SaysWhatItNeeds) {
  EXPECT_EQ(Expression::compile(R"(team == "a" and images and hour > 3)")->needs(), 0U)
      << "nothing that would have to be computed";
  EXPECT_EQ(Expression::compile("tokens > 3")->needs(), bit(Need::size));
}

TEST(Expression, TellsTheDayBeforeAndAfterTheEpoch) {
  const auto thursday = Expression::compile(R"(weekday == "thu" and hour == 0)");
  const auto wednesday = Expression::compile(R"(weekday == "wed" and hour == 23)");
  Facts facts;
  EXPECT_TRUE(thursday->holds(facts));
  facts.wall_us = -1;
  EXPECT_TRUE(wednesday->holds(facts));
}

TEST(Expression, NamesThePlaceAndTheRemedy) {
  struct Case {
    const char* rule;
    std::string text;
    const char* what;
    const char* remedy;
  };
  const Case cases[] = {
      {"an unknown fact", "taem == 'a'", "at character 1: there is no fact \"taem\"",
       "did you mean \"team\"?"},
      {"nothing", "", "at character 1: a condition is missing",
       "name a fact, as in team == \"support\""},
      {"half a condition", "team == 'a' and", "at character 16: a condition is missing",
       "name a fact, as in team == \"support\""},
      {"a word of the language", "and images", "at character 1: a condition must begin here",
       "name a fact, as in team == \"support\""},
      {"no comparison", "team", "at character 5: a text must be compared", ""},
      {"no text", "team == 5", "at character 9: a text in quotes must follow",
       "as in == \"support\""},
      {"no number", "tokens > many", "at character 10: a whole number must follow", "as in > 8000"},
      {"a number too large", "tokens > 99999999999999999999",
       "at character 10: a whole number must follow", "as in > 8000"},
      {"an open text", "team == 'a", "at character 9: a text is not closed", "write ' at its end"},
      {"an open list", "team in ['a'", "at character 13: a list is not closed", "write ]"},
      {"an open parenthesis", "(images", "at character 8: a parenthesis is not closed", "write )"},
      {"C's and", "images && tools", "at character 8: unexpected text", "write and"},
      {"C's or", "images || tools", "at character 8: unexpected text", "write or"},
      {"a flag that is compared", "stream == true", "at character 8: stream holds or does not",
       "write stream or not stream"},
      {"a class that there is not", "class == 'critical'",
       "at character 6: class is never \"critical\"", ""},
      {"a day that there is not", "weekday in ['sat', 'sunn']",
       "at character 8: weekday is never \"sunn\"", "did you mean \"sun\"?"},
      {"a header without a name", "header == 'a'", "at character 8: header needs a name",
       "write header(\"x-name\")"},
      {"a secret", "header('Authorization') == 'a'",
       "at character 1: header \"Authorization\" holds a secret", "go by key, team or service"},
  };
  for (const Case& c : cases) {
    const auto expression = Expression::compile(c.text);
    ASSERT_FALSE(expression) << c.rule;
    EXPECT_EQ(expression.error().what, c.what) << c.rule;
    EXPECT_EQ(expression.error().remedy, c.remedy) << c.rule;
  }
}

TEST(Expression, IsBounded) {
  std::string many = "images";
  for (int i = 0; i < 32; ++i) many += " or images";
  EXPECT_EQ(Expression::compile(many).error().what.substr(0, 13), "at character ");
  const std::string deep = std::string(40, '(') + "images" + std::string(40, ')');
  EXPECT_NE(Expression::compile(deep).error().what.find("nested deeper"), std::string::npos);
  EXPECT_FALSE(Expression::compile(std::string(2000, ' ')));
}

}  // namespace
}  // namespace holdfast::routing
