#include "records/price.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "records/price_book.h"

namespace holdfast::records {
namespace {
Price price_of(std::int64_t input, std::int64_t output) {
  Price price;
  price.rates.input = {input};
  price.rates.output = {output};
  return price;
}

// Bills that others have published, and got wrong first (the projects' own issues).
TEST(SumCost, HoldsTheGoldenBillsToTheLastPicoDollar) {
  struct Case {
    const char* rule;
    std::int64_t input, cached, output;  // pico-USD per token
    Metered tokens;
    std::int64_t want_pico, want_nano;
  };
  const Case cases[] = {{"litellm 31714: all but one token from the cache",
                         1'400'000,
                         260'000,
                         4'400'000,
                         {.in = 27'147, .cached = 27'146, .out = 351},
                         8'603'760'000,
                         8'603'760},
                        {"litellm 14874: a cache that is dearer than what it holds",
                         100,
                         3'000'000'000,
                         10,
                         {.in = 2'739, .cached = 2'634, .out = 5},
                         7'902'000'010'550,
                         7'902'000'011},
                        {"logfire 1316: cached tokens are part of those in",
                         250'000,
                         25'000,
                         2'000'000,
                         {.in = 538 + 2'208, .cached = 2'208, .out = 197},
                         583'700'000,
                         583'700},
                        {"litellm 18599: reasoning is part of what is written, and paid once",
                         250'000,
                         25'000,
                         2'000'000,
                         {.in = 0, .out = 482, .reasoning = 448},
                         964'000'000,
                         964'000},
                        {"litellm 6215: (in - cached) and cached, never both",
                         2'500'000,
                         1'250'000,
                         10'000'000,
                         {.in = 1'024, .cached = 1'024, .out = 0},
                         1'280'000'000,
                         1'280'000}};
  for (const Case& c : cases) {
    Price price = price_of(c.input, c.output);
    price.rates.cached = PicoUsdPerToken{c.cached};
    const auto sum = sum_cost(price, c.tokens);
    ASSERT_TRUE(sum) << c.rule;
    EXPECT_EQ(*sum->pico_usd(), c.want_pico) << c.rule;
    EXPECT_EQ(sum->rounded()->value, c.want_nano) << c.rule;
  }
}

TEST(SumCost, EveryPartIsPaidOnceAtItsOwnPrice) {
  Price price = price_of(100, 1'000);
  price.rates.cached = PicoUsdPerToken{10};
  price.rates.cache_write = PicoUsdPerToken{125};
  price.rates.cache_write_1h = PicoUsdPerToken{200};
  price.rates.audio_in = PicoUsdPerToken{4'000};
  price.rates.audio_out = PicoUsdPerToken{8'000};
  price.rates.reasoning = PicoUsdPerToken{2'000};
  price.above.push_back({200, price_of(200, 3'000).rates});
  struct Case {
    const char* rule;
    Metered tokens;
    std::int64_t want_pico;
  };
  const Case cases[] = {
      {"fresh", {.in = 10}, 1'000},
      {"read from a cache", {.in = 10, .cached = 4}, 600 + 40},
      {"written for five minutes", {.in = 10, .cache_written = 4}, 600 + 500},
      {"written for an hour", {.in = 10, .cache_written = 4, .cache_written_1h = 4}, 600 + 800},
      {"some of each", {.in = 10, .cache_written = 4, .cache_written_1h = 1}, 600 + 375 + 200},
      {"heard", {.in = 10, .audio_in = 3}, 700 + 12'000},
      {"spoken", {.out = 10, .audio_out = 3}, 7'000 + 24'000},
      {"thought", {.out = 10, .reasoning = 3}, 7'000 + 6'000},
      {"parts that are more than the whole are still paid", {.in = 1, .cached = 4}, 40},
      {"at the border of a tier", {.in = 200, .out = 1}, 20'000 + 1'000},
      {"above it, everything", {.in = 201, .out = 1}, 40'200 + 3'000}};
  for (const Case& c : cases)
    EXPECT_EQ(*sum_cost(price, c.tokens)->pico_usd(), c.want_pico) << c.rule;
  const Price plain = price_of(100, 1'000);
  EXPECT_EQ(*sum_cost(plain, {.in = 10,
                              .cached = 5,
                              .cache_written = 5,
                              .cache_written_1h = 5,
                              .out = 2,
                              .reasoning = 1,
                              .audio_out = 1})
                 ->pico_usd(),
            3'000)
      << "what has no price of its own costs what it is a part of";
  EXPECT_FALSE(sum_cost(plain, {.in = -1}));
}

TEST(Price, ItsDearestIsWhatNoPartExceeds) {
  Price price = price_of(100, 1'000);
  price.rates.cache_write_1h = PicoUsdPerToken{200};
  price.rates.cached = PicoUsdPerToken{10};
  price.above.push_back({1'000, price_of(500, 3'000).rates});
  EXPECT_EQ(price.dearest_input(1'000).value, 200);
  EXPECT_EQ(price.dearest_input(1'001).value, 500);
  EXPECT_EQ(price.dearest_output(1'000).value, 1'000);
  EXPECT_EQ(price.dearest_output(1'001).value, 3'000);
}

TEST(Price, ItsVersionTellsWhetherItChargesTheSame) {
  const Price one = price_of(100, 1'000);
  Price same = one;
  same.source = "another list";
  EXPECT_EQ(one.version(), same.version());
  Price dearer = one, tiered = one, dated = one;
  dearer.rates.cached = PicoUsdPerToken{1};
  tiered.above.push_back({1, one.rates});
  dated.from_us = 0;
  for (const Price& other : {dearer, tiered, dated}) EXPECT_NE(one.version(), other.version());
}

TEST(Date, IsADayOfUtc) {
  EXPECT_EQ(*parse_date("1970-01-01"), 0);
  EXPECT_EQ(*parse_date("2026-02-28"), 1'772'236'800'000'000);
  for (const char* wrong : {"", "2026-2-28", "2026-02-29", "2026-13-01", "2026/02/28", "today",
                            "2026-02-2x", "0000-01-01"})
    EXPECT_FALSE(parse_date(wrong)) << wrong;
  EXPECT_EQ(format_date(1'772'236'800'000'000), "2026-02-28");
  EXPECT_EQ(format_date(1'772'323'199'999'999), "2026-02-28");
  EXPECT_EQ(format_date(-1), "1969-12-31");
}

PriceRow row(std::string provider, std::string kind, std::string model, std::int64_t input) {
  PriceRow out;
  out.provider = std::move(provider);
  out.kind = std::move(kind);
  out.model = std::move(model);
  out.price = price_of(input, 0);
  return out;
}

TEST(PriceBook, GivesTheClosestFirst) {
  PriceBook book;
  book.add(row("mine", "", "m*", 1));
  book.add(row("mine", "", "model*", 2));
  book.add(row("mine", "", "model-x", 3));
  book.add(row("", "", "model-x", 4));
  PriceRow listed = row("", "openai", "model-y", 5);
  listed.origin = PriceOrigin::file;
  book.add(listed);
  PriceRow later = row("mine", "", "dated", 7);
  later.price.from_us = *parse_date("2026-06-01");
  book.add(row("mine", "", "dated", 6));
  book.add(later);
  PriceRow over = row("mine", "", "over", 8);
  over.price.until_us = *parse_date("2026-06-01");
  book.add(over);
  struct Case {
    const char* rule;
    const char *kind, *provider, *model, *day;
    std::int64_t want;  // the price of a token in; -1: not known
  };
  const Case cases[] = {
      {"a whole name", "openai", "mine", "model-x", "2026-01-01", 3},
      {"the longer pattern", "openai", "mine", "model-z", "2026-01-01", 2},
      {"the shorter one", "openai", "mine", "mod", "2026-01-01", 1},
      {"any provider", "openai", "other", "model-x", "2026-01-01", 4},
      {"what was agreed comes before a list", "openai", "mine", "model-y", "2026-01-01", 2},
      {"a list", "openai", "other", "model-y", "2026-01-01", 5},
      {"not of another kind", "groq", "other", "model-y", "2026-01-01", -1},
      {"the day before a change", "openai", "mine", "dated", "2026-05-31", 6},
      {"its day", "openai", "mine", "dated", "2026-06-01", 7},
      {"what is over", "openai", "mine", "over", "2026-06-01", -1},
      {"built in", "openai", "x", "gpt-4o-mini", "2026-01-01", 150'000},
      {"with its date", "openai", "x", "gpt-4o-mini-2024-07-18", "2026-01-01", 150'000},
      {"a date with a price of its own", "openai", "x", "gpt-4o-2024-05-13", "2026-01-01",
       5'000'000},
      {"Anthropic's dates", "anthropic", "x", "claude-sonnet-4-5-20250929", "2026-01-01",
       3'000'000},
      {"not a model whose name only begins so", "openai", "x", "gpt-4o-audio", "2026-01-01", -1},
      {"not by another's name", "openai_compatible", "x", "gpt-4o-mini", "2026-01-01", -1},
      {"a local engine costs nothing by the token", "llama_cpp", "x", "any", "2026-01-01", 0}};
  for (const Case& c : cases) {
    const PriceList list = book.find(c.kind, c.provider, c.model);
    const Price* found = list.at(*parse_date(c.day));
    EXPECT_EQ(found == nullptr ? -1 : found->rates.input.value, c.want) << c.rule;
  }
}

TEST(PriceFile, IsReadAsItIsSpelled) {
  const auto rows = read_price_file(R"({
    "sample_spec": {"mode": "one of", "input_cost_per_token": "number", "litellm_provider": "openai"},
    "gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.6e-07,
      "output_cost_per_token": 0.0000044, "cache_read_input_token_cost": 1e-12,
      "input_cost_per_token_above_200k_tokens": 5.2e-07, "max_input_tokens": 400000,
      "max_output_tokens": 1000, "deep": {"input_cost_per_token": 9, "list": [1, {"a": 2}]}},
    "gemini/gem": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-06,
      "output_cost_per_token": 2e-06},
    "free": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0,
      "output_cost_per_token": 0},
    "an-image": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1},
    "elsewhere": {"litellm_provider": "nobody", "mode": "chat", "input_cost_per_token": 1e-6},
    "no-price": {"litellm_provider": "openai", "mode": "chat"}})",
                                    "prices.json");
  ASSERT_TRUE(rows) << rows.error().detail;
  ASSERT_EQ(rows->size(), 2U);
  const PriceRow& one = rows->front();
  EXPECT_EQ(one.kind, "openai");
  EXPECT_EQ(one.model, "gpt-x");
  EXPECT_EQ(one.price.source, "prices.json");
  EXPECT_EQ(one.price.rates.input.value, 260'000);
  EXPECT_EQ(one.price.rates.output.value, 4'400'000);
  EXPECT_EQ(one.price.rates.cached->value, 1);
  ASSERT_EQ(one.price.above.size(), 1U);
  EXPECT_EQ(one.price.above[0].tokens, 200'000);
  EXPECT_EQ(one.price.above[0].rates.input.value, 520'000);
  EXPECT_EQ(one.price.above[0].rates.output.value, 4'400'000) << "what the tier does not change";
  EXPECT_EQ(one.price.most_tokens_in, 400'000);
  EXPECT_EQ(one.price.most_tokens_out, 1'000);
  EXPECT_EQ(rows->back().kind, "gemini");
  EXPECT_EQ(rows->back().model, "gem");
}

TEST(PriceFile, SaysWhatIsWrongWithIt) {
  const auto chat = [](const char* price) {
    return std::string(R"({"m": {"litellm_provider": "openai", "mode": "chat",
                          "input_cost_per_token": )") +
           price + "}}";
  };
  struct Case {
    const char* rule;
    std::string text, want;
  };
  const Case cases[] = {
      {"nothing", "", "not JSON: incomplete JSON (byte 0)"},
      {"not JSON", "{,}", "not JSON: syntax error (byte 1)"},
      {"something behind it", "{} x", "not JSON (byte 3)"},
      {"a list", "[]", "not a list of prices: an object by model is needed"},
      {"a number", "1", "not a list of prices: an object by model is needed"},
      {"a negative price", chat("-1e-6"),
       "m: input_cost_per_token: not a decimal number, as in 0.25"},
      {"a word", chat("\"cheap\""), "m: input_cost_per_token: not a decimal number, as in 0.25"},
      {"finer than a pico-dollar", chat("1e-13"),
       "m: input_cost_per_token: finer than can be counted"},
      {"per million", chat("2.5"),
       "m: input_cost_per_token: more than a dollar for one token; prices are USD per token"}};
  for (const Case& c : cases) {
    const auto rows = read_price_file(c.text, "f");
    ASSERT_FALSE(rows) << c.rule;
    EXPECT_EQ(rows.error().detail, c.want) << c.rule;
  }
}

// The list as it is published; it is not part of the project.
TEST(PriceFile, TakesTheWholeOfThePublishedList) {
  std::ifstream in(HF_SOURCE_DIR "/../shared/data/prices/model_prices.json", std::ios::binary);
  if (!in) GTEST_SKIP() << "the published list (../shared/data/prices) is not here";
  std::ostringstream text;
  text << in.rdbuf();
  const auto rows = read_price_file(text.str(), "list");
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_GT(rows->size(), 1'000U);
  PriceBook listed;
  for (const PriceRow& one : *rows) listed.add(one);
  for (const PriceRow& ours : built_in_prices()) {
    if (ours.kind == "llama_cpp") continue;
    const PriceList found = listed.find(ours.kind, "x", ours.model);
    ASSERT_FALSE(found.prices.empty()) << ours.model;
    for (const std::int64_t tokens : {1'000, 150'000, 250'000, 300'000}) {
      const Metered all = {.in = 4 * tokens,
                           .cached = tokens,
                           .cache_written = 2 * tokens,
                           .cache_written_1h = tokens,
                           .out = 2 * tokens,
                           .reasoning = tokens};
      EXPECT_EQ(*sum_cost(found.prices.front(), all)->pico_usd(),
                *sum_cost(ours.price, all)->pico_usd())
          << ours.kind << " " << ours.model << " " << tokens;
    }
  }
}
}  // namespace
}  // namespace holdfast::records
