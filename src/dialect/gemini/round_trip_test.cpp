// What Google's dialect can express comes back as it was, whole and in pieces.
#include <gtest/gtest.h>

#include "dialect/gemini/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::gemini {
namespace {

using test::describe;
constexpr std::uint64_t seeds = 400;

test::Vocabulary vocabulary() {
  test::Vocabulary words;
  words.dialect = Dialect::gemini;
  words.system_midway = words.names = words.refusals = false;
  words.image_url = words.image_file = words.image_detail = false;  // an address tells no kind
  words.result_texts = false;
  words.signature_ids = false;
  words.cache_ttls = {};
  words.strict_tools = words.parallel_tools = false;
  words.choice_allowed = false;  // one allowed name is the named one
  words.format_name = words.format_description = words.format_strict = false;
  words.efforts = {Effort::minimal, Effort::low, Effort::medium, Effort::high, Effort::xhigh};
  words.adaptive = words.summary = words.verbosity = words.user = false;
  words.include_usage = words.pad_stream = false;
  words.service_tiers = {"auto", "default", "flex", "priority"};
  words.extras = {
      {"toolConfig.retrievalConfig", R"({"languageCode":"de"})"},
      {"generationConfig.thinkingConfig.other", "1"},
      {"generationConfig.mediaResolution", R"("MEDIA_RESOLUTION_LOW")", true},
      {"generationConfig.speechConfig", R"({"voiceConfig":{}})"},
      {"safetySettings", R"([{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}])"},
      {"cachedContent", R"("cachedContents/abc")"},
  };
  words.stop_sequence = false;
  words.usage_written = false;
  words.answer_logprobs = false;  // they come back with their alternatives
  words.finishes = {FinishReason::stop, FinishReason::length, FinishReason::content_filter,
                    FinishReason::paused, FinishReason::fault};
  words.answer_extras = {{"candidates[0].urlContextMetadata", R"({"a":1})", true}};
  words.cited = {Citation::Source::url, Citation::Source::document};
  words.cited_history = {};
  words.cited_texts = words.cited_places = false;
  return words;
}

TEST(GeminiRoundTrip, RequestsComeBackAsTheyWere) {
  const test::Vocabulary words = vocabulary();
  Abilities abilities;
  abilities.house = "google";
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(seed);
    const Request request = test::any_request(random, words);
    std::vector<Loss> losses;
    const auto wire = codec().write_request(request, "some-model", abilities, losses);
    ASSERT_TRUE(wire);
    for (const Loss& loss : losses) ADD_FAILURE() << seed << ": lost " << loss.field;
    const std::string body = wire->body.joined();
    const auto again = codec().read_request(body, "some-model", request.stream);
    ASSERT_TRUE(again) << seed << ": " << again.error().message << "\n" << body;
    ASSERT_EQ(describe(*again), describe(request)) << seed << "\n" << body;
  }
}

TEST(GeminiRoundTrip, AnswersComeBackAsTheyWere) {
  test::Vocabulary words = vocabulary();
  words.house = "google";
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(seed);
    Response response = test::any_response(random, words);
    response.service_tier = {};  // clients are not told: their SDKs know no such field
    const std::string body = codec().write_answer(response, {});
    auto again = codec().read_answer(body);
    ASSERT_TRUE(again) << seed << ": " << again.error().detail << "\n" << body;
    // It is kept as it came besides.
    std::erase_if(again->extras,
                  [](const Extra& extra) { return extra.name.ends_with(".groundingMetadata"); });
    ASSERT_EQ(describe(*again), describe(response)) << seed << "\n" << body;
  }
}

// Blocks of one kind side by side are one in a stream: a part does not say where it begins.
Response joined(const Response& response) {
  Response out;
  out.id = response.id;
  out.model = response.model;
  out.usage = response.usage;
  for (const Choice& choice : response.choices) {
    out.choices.push_back(choice);
    std::vector<Block>& blocks = out.choices.back().content;
    for (std::size_t i = 1; i < blocks.size();) {
      const bool alike =
          blocks[i].kind == blocks[i - 1].kind &&
          (blocks[i].kind == BlockKind::text || blocks[i].kind == BlockKind::thinking) &&
          blocks[i - 1].signature.value.empty();
      if (!alike) {
        ++i;
        continue;
      }
      blocks[i].text = out.arena.keep(std::string(blocks[i - 1].text).append(blocks[i].text));
      blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    }
  }
  return out;
}

// Choice by choice, and what is of none of them first: a reader may close blocks and tell the usage
// when it likes.
std::vector<StreamEvent> by_choice(const std::vector<StreamEvent>& events, std::size_t choices) {
  std::vector<StreamEvent> out;
  const auto of_choice = [](const StreamEvent& event) {
    return event.kind == EventKind::block_start || event.kind == EventKind::delta ||
           event.kind == EventKind::signature || event.kind == EventKind::block_stop ||
           event.kind == EventKind::finish;
  };
  for (const StreamEvent& event : events)
    if (!of_choice(event)) out.push_back(event);
  for (std::size_t choice = 0; choice < choices; ++choice)
    for (const StreamEvent& event : events)
      if (of_choice(event) && event.choice == choice) out.push_back(event);
  return out;
}

TEST(GeminiRoundTrip, StreamsComeBackAsTheyWereWhereverTheyAreCut) {
  test::Vocabulary words = vocabulary();
  words.house = "google";
  words.cited = {};  // blocks are joined here, and their places with them
  for (std::uint64_t seed = 0; seed < seeds / 2; ++seed) {
    std::mt19937_64 random(seed);
    Response response = test::any_response(random, words);
    const Response want = joined(response);
    const std::vector<StreamEvent> events = test::events_of(response, random);
    AnswerContext context;
    context.pad_seed = seed;
    context.json_array = seed % 2 == 1;
    const auto writer = codec().stream_writer(context);
    std::string bytes;
    for (const StreamEvent& event : events) writer->write(event, bytes);
    const auto whole = codec().stream_reader();
    std::vector<StreamEvent> read;
    ASSERT_TRUE(whole->feed(bytes, read)) << bytes;
    ASSERT_TRUE(whole->finish(read));
    std::mt19937_64 any;
    const std::size_t choices = response.choices.size();
    ASSERT_EQ(describe(by_choice(read, choices), true),
              describe(by_choice(test::events_of(want, any), choices), true))
        << seed << "\n"
        << bytes;
    const std::string said = describe(read, true);
    for (const std::size_t chunk : {1U, 2U, 3U, 7U, 64U}) {
      const auto reader = codec().stream_reader();
      ASSERT_EQ(test::read_stream(*reader, bytes, chunk, true), said) << seed << " by " << chunk;
    }
  }
}

}  // namespace
}  // namespace holdfast::dialect::gemini
