// Random exchanges: what is written here and read again is what it was.
#include <gtest/gtest.h>

#include <algorithm>

#include "dialect/anthropic/codec.h"
#include "dialect/random_request.h"
#include "dialect/test_support.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr int rounds = 400;

test::Vocabulary vocabulary() {
  test::Vocabulary words;
  words.dialect = Dialect::anthropic;
  words.names = words.refusals = words.image_detail = words.audio = words.video = false;
  words.document_asks = true;
  words.result_names = words.signature_ids = words.choice_allowed = false;
  words.max_tokens_needed = true;
  words.temperatures = {"0", "0.70", "1.0"};
  words.penalties = words.n = words.seed = words.logprobs = false;
  words.json_object = words.format_text = false;
  words.format_name = words.format_description = words.format_strict = false;
  words.efforts = {Effort::low, Effort::medium, Effort::high, Effort::xhigh, Effort::max};
  words.summary = words.verbosity = words.metadata = false;
  words.include_usage = words.pad_stream = false;
  words.service_tiers = {"auto", "default"};
  words.extras = {{"inference_geo", R"("us")"},
                  {"container", R"({"id": "c"})"},
                  {"speed", R"("fast")", true},
                  {"output_config.task_budget", "{\"total\":1.0}"}};
  words.cited_pieces = false;
  words.cited_history = {Citation::Source::document, Citation::Source::search_result};
  words.choices = 1;
  words.created = words.answer_logprobs = false;
  words.finishes = {FinishReason::stop,         FinishReason::stop_sequence,  FinishReason::length,
                    FinishReason::context_full, FinishReason::content_filter, FinishReason::paused};
  words.answer_extras = {{"container", R"({"id":"c","expires_at":"2026-11-22T00:00:00Z"})", true},
                         {"usage.server_tool_use", R"({"web_search_requests":1})", true}};
  return words;
}

Abilities claude() {
  Abilities out;
  out.house = "anthropic";
  out.adaptive_thinking = true;
  return out;
}

AnswerContext answering(std::uint64_t seed = 1) {
  AnswerContext out;
  out.request_id = "r";
  out.pad_seed = seed;
  return out;
}

// What the wire cannot tell apart, or cannot say together.
void settle(Request& request) {
  Reasoning& reasoning = request.reasoning;
  if (!reasoning.budget_tokens && !reasoning.adaptive) reasoning.show.reset();
  using Mode = ToolChoice::Mode;
  const bool thinks = reasoning.budget_tokens || reasoning.adaptive;
  Mode& mode = request.tool_choice.mode;
  if (mode == Mode::none) request.parallel_tools.reset();
  if (thinks && (mode == Mode::required || mode == Mode::named)) mode = Mode::automatic;
  if (mode != Mode::named) request.tool_choice.name = {};
  if (request.parallel_tools && mode == Mode::unset) mode = Mode::automatic;
  for (Message& message : request.messages)  // thoughts without a signature cannot be sent
    for (Block& block : message.content)
      if (block.kind == BlockKind::thinking && block.signature.value.empty())
        block.signature.value = "c2ln";
}

std::string sorted_extras(const std::string& text) {
  std::vector<std::string> lines;
  std::string out;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = text.find('\n', from) + 1;
    const std::string line = text.substr(from, end - from);
    if (line.starts_with("extras["))
      lines.push_back(line.substr(line.find(']')));
    else
      out += line;
    from = end;
  }
  std::ranges::sort(lines);
  for (const std::string& line : lines) out += line;
  return out;
}

TEST(AnthropicRoundTrip, RequestsStayWhatTheyWere) {
  const test::Vocabulary words = vocabulary();
  std::mt19937_64 random(7);
  for (int round = 0; round < rounds; ++round) {
    Request request = test::any_request(random, words);
    settle(request);
    std::vector<Loss> losses;
    const auto wire = codec().write_request(request, "some-model", claude(), losses);
    ASSERT_TRUE(wire) << wire.error().detail;
    for (const Loss& loss : losses) ADD_FAILURE() << loss.field << ": " << loss.reason;
    const std::string body = wire->body.joined();
    const auto read = codec().read_request(body, {}, false);
    ASSERT_TRUE(read) << read.error().message << "\n" << body;
    ASSERT_EQ(sorted_extras(test::describe(*read)), sorted_extras(test::describe(request))) << body;
    losses.clear();
    const auto again = codec().write_request(*read, "some-model", claude(), losses);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->body.joined().size(), body.size());
  }
}

Response any_answer(std::mt19937_64& random) {
  test::Vocabulary words = vocabulary();
  words.house = "anthropic";
  words.service_tiers = {"default", "priority"};
  Response out = test::any_response(random, words);
  out.id = "msg_1";
  return out;
}

TEST(AnthropicRoundTrip, AnswersStayWhatTheyWere) {
  std::mt19937_64 random(8);
  for (int round = 0; round < rounds; ++round) {
    const Response response = any_answer(random);
    const std::string body = codec().write_answer(response, answering());
    const auto read = codec().read_answer(body);
    ASSERT_TRUE(read) << read.error().detail << "\n" << body;
    ASSERT_EQ(sorted_extras(test::describe(*read)), sorted_extras(test::describe(response)))
        << body;
    ASSERT_EQ(codec().write_answer(*read, answering()).size(), body.size());
  }
}

TEST(AnthropicRoundTrip, StreamsStayWhatTheyWereHoweverTheyAreCut) {
  std::mt19937_64 random(9);
  for (int round = 0; round < rounds; ++round) {
    const Response response = any_answer(random);
    const std::vector<StreamEvent> events = test::events_of(response, random);
    const auto writer = codec().stream_writer(answering(random()));
    std::string bytes;
    for (const StreamEvent& event : events) writer->write(event, bytes);
    const auto read = [&bytes](std::size_t chunk) {
      return test::read_stream(*codec().stream_reader(), bytes, chunk, true);
    };
    const std::string whole = read(bytes.size());
    ASSERT_EQ(read(1), whole) << bytes;
    ASSERT_EQ(read(7), whole) << bytes;
    // The counters come in two events and before the finish; all else is as it was.
    std::string want;
    std::string got;
    test::StreamDescriber expected(true);
    for (const StreamEvent& event : events)
      if (event.kind != EventKind::usage) expected.add(event);
    want = expected.text();
    for (std::size_t from = 0; from < whole.size();) {
      const std::size_t end = whole.find('\n', from) + 1;
      if (whole.compare(from, 6, "usage ") != 0) got += whole.substr(from, end - from);
      from = end;
    }
    ASSERT_EQ(got, want) << bytes;
    ASSERT_NE(whole.find(fmt::format("usage.tokens_in = {}", response.usage.tokens_in)),
              std::string::npos)
        << whole;
  }
}

}  // namespace
}  // namespace holdfast::dialect::anthropic
