#include "records/price_settings.h"

#include <gtest/gtest.h>

#include "config/section.h"
#include "config/test_support.h"
#include "records/test_support.h"

namespace holdfast::records {
namespace {
struct Read {
  PriceSettings settings;
  std::vector<std::string> problems;
};

Read read(const std::string& text, const std::filesystem::path& folder = {}) {
  Read out;
  const std::string_view providers[] = {"mine", "other"};
  const auto document = config::parse(text, "t.yaml", config::environment_of({}), folder);
  config::Reader reader(document);
  reader.read([&](config::Section& top) { read_settings(top, providers, out.settings); });
  out.problems = config::lines_of(reader.take_problems());
  return out;
}

TEST(PriceSettings, AreUsdPerMillionTokens) {
  const Read found = read(
      "prices:\n  list:\n"
      "    - { provider: mine, model: 'm*', input: 2.50, output: 10, cached: 0.25, from: "
      "2026-01-01,"
      " until: 2027-01-01, source: contract 17,\n"
      "        above: [ { tokens: 200000, input: 5, output: 15 } ] }\n"
      "    - { provider: mine, model: 'm*', input: 3, from: 2027-01-01 }\n");
  EXPECT_EQ(found.problems, std::vector<std::string>());
  const PriceList list = found.settings.book.find("openai_compatible", "mine", "m1");
  ASSERT_EQ(list.prices.size(), 2U);
  EXPECT_EQ(list.at(*parse_date("2025-12-31")), nullptr);
  const Price* price = list.at(*parse_date("2026-12-31"));
  ASSERT_NE(price, nullptr);
  EXPECT_EQ(price->rates.input.value, 2'500'000);
  EXPECT_EQ(price->rates.cached->value, 250'000);
  EXPECT_EQ(price->source, "contract 17");
  EXPECT_EQ(price->rates_for(200'001).output.value, 15'000'000);
  EXPECT_EQ(list.at(*parse_date("2027-01-01"))->rates.input.value, 3'000'000);
  EXPECT_EQ(list.at(*parse_date("2027-01-01"))->source, "configuration");
  EXPECT_TRUE(found.settings.book.find("openai_compatible", "other", "m1").prices.empty());
}

TEST(PriceSettings, SayWhereAndWhatIsWrong) {
  const auto row = [](const char* fields) {
    return std::string("prices: { list: [ { provider: mine, model: m, ") + fields + " } ] }\n";
  };
  struct Case {
    const char* rule;
    std::string text, want;  // want: in the first problem
  };
  const Case cases[] = {
      {"no price", "prices: { list: [ { provider: mine, model: m } ] }\n",
       "t.yaml:1:19: prices.list[0].input: missing; USD per million tokens"},
      {"a negative one", row("input: -1"), "input: not a decimal number"},
      {"finer than a pico-dollar", row("input: 0.0000001"), "input: finer than can be counted"},
      {"by the token, in a list by the million", row("input: 2000000"),
       "input: more than a dollar for one token; prices are USD per million tokens"},
      {"no date", row("input: 1, from: soon"), "from: not a date, as in 2026-11-27"},
      {"over before it begins", row("input: 1, from: 2026-02-01, until: 2026-02-01"),
       "until: not after from"},
      {"a star in the middle", "prices: { list: [ { provider: mine, model: 'm*x', input: 1 } ] }\n",
       "model: a * may stand at the end only"},
      {"nobody's", "prices: { list: [ { provider: mien, model: m, input: 1 } ] }\n",
       "not the name of a provider; did you mean \"mine\"?"},
      {"a tier without a size", row("input: 1, above: [ { input: 2 } ]"), "tokens: missing"},
      {"no file", "prices: { file: nowhere.json }\n", "nowhere.json cannot be read"}};
  for (const Case& c : cases) {
    const Read found = read(c.text);
    ASSERT_FALSE(found.problems.empty()) << c.rule;
    EXPECT_NE(found.problems.front().find(c.want), std::string::npos)
        << c.rule << ": " << found.problems.front();
  }
}

TEST(PriceSettings, TakeAListFromAFile) {
  const StateFolder folder;
  const std::string chat = R"("litellm_provider": "openai", "mode": "chat")";
  write_file(folder.path() + "/list.json",
             R"({"gpt-4o-mini": {)" + chat + R"(, "input_cost_per_token": 9e-7}})");
  const Read found = read("prices: { file: list.json }\n", folder.path());
  EXPECT_EQ(found.problems, std::vector<std::string>());
  const PriceList list = found.settings.book.find("openai", "mine", "gpt-4o-mini");
  EXPECT_EQ(list.at(0)->rates.input.value, 900'000) << "before what is built in";
  write_file(folder.path() + "/list.json", "[");
  const Read wrong = read("prices: { file: list.json }\n", folder.path());
  ASSERT_EQ(wrong.problems.size(), 1U);
  EXPECT_NE(wrong.problems.front().find("prices.file: not JSON"), std::string::npos)
      << wrong.problems.front();
}
}  // namespace
}  // namespace holdfast::records
