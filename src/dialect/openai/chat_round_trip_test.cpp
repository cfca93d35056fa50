// Canonical -> chat completions -> canonical is the identity on what the dialect can express.
#include <gtest/gtest.h>

#include <map>

#include "dialect/openai/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::openai {
namespace {

constexpr unsigned rounds = 2'000;

test::Vocabulary chat_words() {
  test::Vocabulary words;
  words.mixed_order = false;
  words.image_file = words.document_url = words.document_text = words.video = false;
  words.document_needs_name = true;
  words.result_names = words.result_errors = words.result_images = false;
  words.thinking = false;
  words.cache_ttls = {"30m", "12h"};
  words.cached_tools = false;
  words.top_k = false;
  words.format_name_needed = true;
  words.budget = words.adaptive = words.show = words.summary = words.off = false;
  words.service_tiers = {"auto", "default", "flex", "priority"};
  words.cited = {Citation::Source::url};
  words.cited_history = {};
  words.cited_texts = false;
  words.extras = {{"logit_bias", R"({"50256":-100})"},
                  {"prompt_cache_key", R"("k\n")", true},
                  {"store", "true"},
                  {"prediction", R"({"type":"content","content":"x"})"}};
  return words;
}

test::Vocabulary mistral_words() {
  test::Vocabulary words = chat_words();
  words.system_midway = words.names = words.refusals = words.document_file = false;
  words.document_base64 = words.document_url = true;
  words.document_needs_name = false;
  words.audio_types = {"audio/mpeg"};
  words.cache_ttls = {};
  words.result_names = true;
  words.temperatures = {"0", "0.70", "1.5"};
  words.thinking = true;
  words.redacted_thinking = words.signature_ids = words.interleaved_thinking = false;
  words.house = "mistral";
  words.top_k = true;
  words.choice_allowed = words.verbosity = words.user = false;
  words.efforts = {Effort::none, Effort::high};
  words.service_tiers = {"auto"};
  words.include_usage = words.pad_stream = false;
  words.extras = {{"safe_prompt", "true"}, {"prompt_mode", R"("reasoning")"}};
  return words;
}

test::Vocabulary openrouter_words() {
  test::Vocabulary words = chat_words();
  words.refusals = words.document_file = false;
  words.document_url = words.video = true;
  words.cache_ttls = {"5m", "1h"};
  words.cached_tools = true;
  words.thinking = true;
  words.interleaved_thinking = false;
  words.house = "anthropic";
  words.top_k = words.budget = words.show = words.summary = true;
  words.n = words.pad_stream = words.choice_allowed = false;
  words.extras = {{"provider", R"({"order":["a","b"]})"}, {"min_p", "0.050"}};
  return words;
}

struct Case {
  const Deviations& deviations;
  test::Vocabulary words;
  std::string_view house;
};

void expect_round_trips(const Case& c) {
  const ChatCodec codec(c.deviations);
  Abilities abilities;
  abilities.house = c.house;
  for (unsigned seed = 0; seed < rounds; ++seed) {
    std::mt19937_64 random(seed);
    const Request request = test::any_request(random, c.words);
    std::vector<Loss> losses;
    const auto wire = codec.write_request(request, request.model, abilities, losses);
    ASSERT_TRUE(wire.has_value());
    ASSERT_TRUE(losses.empty()) << losses.front().field << ": " << losses.front().reason;
    const std::string body = wire->body.joined();
    auto again = codec.read_request(body, "", false);
    ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << body;
    again->include_usage = request.include_usage;  // upstreams are always asked
    ASSERT_EQ(test::describe(request), test::describe(*again)) << "seed " << seed << "\n" << body;
    std::vector<Loss> none;
    const auto second = codec.write_request(*again, again->model, abilities, none);
    ASSERT_EQ(body, second->body.joined()) << "seed " << seed;
  }
}

TEST(ChatRoundTrip, RequestsOfOpenAi) {
  expect_round_trips({deviations::openai, chat_words(), "openai"});
}

TEST(ChatRoundTrip, RequestsOfMistral) {
  test::Vocabulary words = mistral_words();
  words.tools = false;  // a user behind results is another exchange there
  expect_round_trips({deviations::mistral, words, "mistral"});
}

TEST(ChatRoundTrip, RequestsOfOpenRouter) {
  expect_round_trips({deviations::openrouter, openrouter_words(), "anthropic"});
}

test::Vocabulary answer_words() {
  test::Vocabulary words = chat_words();
  words.thinking = true;
  words.interleaved_thinking = false;
  words.house = "anthropic";
  words.answer_texts = words.stop_sequence = words.explanation = false;
  words.finishes = {FinishReason::stop, FinishReason::length, FinishReason::content_filter,
                    FinishReason::tool_calls};
  words.answer_extras = {{"system_fingerprint", R"("fp_1")", true}};
  return words;
}

TEST(ChatRoundTrip, Answers) {
  const test::Vocabulary words = answer_words();
  for (unsigned seed = 0; seed < rounds; ++seed) {
    std::mt19937_64 random(seed);
    const Response response = test::any_response(random, words);
    const std::string body = codec().write_answer(response, {});
    const auto again = codec().read_answer(body);
    ASSERT_TRUE(again.has_value()) << again.error().detail;
    ASSERT_EQ(test::describe(response), test::describe(*again)) << "seed " << seed << "\n" << body;
  }
}

// What a stream's events come to, whatever the order in which blocks open and close.
class Assembly {
 public:
  void add(const StreamEvent& event) {
    const std::string place = fmt::format("{}.{} ", event.choice, event.block);
    std::string& block = blocks_[place];
    switch (event.kind) {
      case EventKind::start:
        all_ += fmt::format("{} {} {}\n", event.id, event.name, event.created_s);
        break;
      case EventKind::block_start:
        block += fmt::format("{} {} {}: ", test::name_of(event.block_kind), event.id, event.name);
        break;
      case EventKind::delta:
        block += event.text;
        logprobs_[event.choice] += event.logprobs;
        break;
      case EventKind::signature:
        block += fmt::format(" signed {} {} {}", event.signature.value, event.signature.house,
                             event.signature.id);
        break;
      case EventKind::citation:
        block += fmt::format(" cites {}", test::Describer::citation(*event.citation));
        break;
      case EventKind::block_stop:
        block += " closed";
        break;
      case EventKind::finish:
        logprobs_[event.choice] += fmt::format(" {}", to_string(event.finish));
        break;
      case EventKind::usage:
        usage_.update(event.usage);
        break;
      default:
        all_ += fmt::format("kind {}\n", static_cast<int>(event.kind));
    }
  }
  std::string text() const {
    std::string out = all_;
    for (const auto& [place, text] : blocks_)
      if (!text.empty()) out += place + text + "\n";
    for (const auto& [choice, text] : logprobs_) out += fmt::format("{}: {}\n", choice, text);
    test::Describer usage;
    usage.usage("usage", usage_);
    return out + usage.said();
  }

 private:
  std::string all_;
  std::map<std::string, std::string> blocks_;
  std::map<std::uint32_t, std::string> logprobs_;
  Usage usage_;
};

TEST(ChatRoundTrip, StreamsHoweverTheyAreCut) {
  const test::Vocabulary words = answer_words();
  for (unsigned seed = 0; seed < rounds; ++seed) {
    std::mt19937_64 random(seed);
    const Response response = test::any_response(random, words);
    const auto events = test::events_of(response, random);
    AnswerContext context;
    context.include_usage = true;
    context.pad_seed = seed;
    const auto writer = codec().stream_writer(context);
    std::string wire;
    Assembly want;
    for (const StreamEvent& event : events) {
      writer->write(event, wire);
      want.add(event);
    }
    const auto reader = codec().stream_reader();
    Assembly got;
    std::vector<StreamEvent> read;
    const std::size_t chunk = 1 + seed % 97;
    for (std::size_t at = 0; at < wire.size(); at += chunk) {
      const std::string piece = wire.substr(at, chunk);
      read.clear();
      ASSERT_TRUE(reader->feed(piece, read).has_value());
      for (const StreamEvent& event : read) got.add(event);
    }
    read.clear();
    ASSERT_TRUE(reader->finish(read).has_value());
    ASSERT_TRUE(read.empty());
    ASSERT_EQ(want.text(), got.text()) << "seed " << seed << "\n" << wire;
  }
}

}  // namespace
}  // namespace holdfast::dialect::openai
