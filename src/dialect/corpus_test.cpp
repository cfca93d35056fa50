// Runs every case of every dialect's corpus: `DIALECT/corpus/CASE/` with any of
//
//   request.json   a client's request    -> canonical.txt; wire/OTHER.json and losses.txt: as which
//                                           it goes to upstreams of each dialect
//   answer.json    an upstream's answer  -> answer/canonical.txt; answer/OTHER.json: as clients get
//   it stream.txt     an upstream's stream  -> stream/events.txt; stream/OTHER.txt: likewise
//
// A new case is the left side; ./dev test dialect --update writes the right one, and its diff is
// the review. Bedrock's streams are frames: in files, a line for each, its event's type and its
// JSON.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/cohere/codec.h"
#include "dialect/field_names.h"
#include "dialect/gemini/codec.h"
#include "dialect/openai/codec.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/test_support.h"
#include "net/event_stream.h"

namespace holdfast::dialect {
namespace {

namespace fs = std::filesystem;

const Codec* const codecs[] = {&openai::codec(), &openai_responses::codec(), &anthropic::codec(),
                               &gemini::codec(), &bedrock::codec(),          &cohere::codec()};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Holds `text` against the file, or writes it there.
void golden(const fs::path& path, const std::string& text) {
  if (std::getenv("HOLDFAST_UPDATE_GOLDENS") != nullptr) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  EXPECT_EQ(read_file(path), text) << path << ": ./dev test dialect --update writes it";
}

bool has_clients(const Codec& codec) { return codec.dialect() != Dialect::cohere; }

Abilities abilities_of(Dialect dialect) {
  Abilities out;
  // Converse stands for Claude here.
  out.house = dialect == Dialect::bedrock ? "anthropic" : house_of(dialect);
  out.provider = to_string(dialect);
  out.image_urls = dialect != Dialect::gemini && dialect != Dialect::bedrock;
  return out;
}

AnswerContext context_of(const Request& request) {
  AnswerContext out;
  out.request_id = "req_1";
  out.model = "m";
  out.now_s = 1'800'000'000;
  out.include_usage = true;
  out.pad = false;
  out.request = &request;
  return out;
}

void check_request(const fs::path& folder, const Codec& codec) {
  const std::string body = read_file(folder / "request.json");
  const bool in_path = codec.dialect() == Dialect::gemini || codec.dialect() == Dialect::bedrock;
  const auto request = codec.read_request(body, in_path ? "m" : "", false);
  if (!request) {
    const RequestProblem& problem = request.error();
    return golden(folder / "canonical.txt",
                  fmt::format("refused: {} {} {}: {}\n", problem.status, problem.code,
                              problem.param, problem.message));
  }
  golden(folder / "canonical.txt", test::describe(*request));
  std::string said;
  for (const Codec* upstream : codecs) {
    std::vector<Loss> losses;
    const std::string_view name = to_string(upstream->dialect());
    const auto written =
        upstream->write_request(*request, "m", abilities_of(upstream->dialect()), losses);
    for (const Loss& loss : losses)
      said += fmt::format("{}: {}: {}{}\n", name, loss.field, loss.reason,
                          loss.harmless ? " (harmless)" : "");
    if (written)
      golden(folder / "wire" / fmt::format("{}.json", name), written->body.joined() + "\n");
    else
      said += fmt::format("{}: cannot be said: {}\n", name, written.error().detail);
  }
  golden(folder / "losses.txt", said);
}

void check_answer(const fs::path& folder, const Codec& codec) {
  const std::string body = read_file(folder / "answer.json");
  auto response = codec.read_answer(body);
  if (!response)
    return golden(folder / "answer/canonical.txt", "failed: " + response.error().detail + "\n");
  golden(folder / "answer/canonical.txt", test::describe(*response));
  for (Choice& choice : response->choices)
    for (Block& block : choice.content)
      if (!block.signature.value.empty() && block.signature.house.empty())
        block.signature.house = house_of(codec.dialect());
  const Request request;
  for (const Codec* client : codecs)
    if (has_clients(*client))
      golden(folder / "answer" / fmt::format("{}.json", to_string(client->dialect())),
             client->write_answer(*response, context_of(request)) + "\n");
}

// Lines "messageStart {...}" as the frames that AWS sends, and back.
std::string framed(const std::string& lines) {
  std::string out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const auto space = line.find(' ');
    const std::string type = line.substr(0, space);
    const net::EventStreamHeader headers[] = {
        {":event-type", type}, {":content-type", "application/json"}, {":message-type", "event"}};
    net::append_event_stream_message(out, headers, std::string_view(line).substr(space + 1));
  }
  return out;
}

std::string unframed(const std::string& frames) {
  std::string out;
  net::EventStreamDecoder decoder;
  std::vector<net::EventStreamMessage> messages;
  EXPECT_TRUE(decoder.feed(frames, messages));
  for (const net::EventStreamMessage& message : messages)
    out += fmt::format("{}{} {}\n", message.text(":event-type"), message.text(":exception-type"),
                       message.payload);
  return out;
}

// What a client of `client` gets of the upstream's bytes, `chunk` of them at a time.
std::string translated(const Codec& upstream, const Codec& client, std::string_view bytes,
                       std::size_t chunk) {
  const Request request;
  const auto reader = upstream.stream_reader();
  const auto writer = client.stream_writer(context_of(request));
  std::string out;
  std::vector<StreamEvent> events;
  const auto write = [&] {
    for (StreamEvent& event : events) {
      if (!event.signature.value.empty() && event.signature.house.empty())
        event.signature.house = house_of(upstream.dialect());
      writer->write(event, out);
    }
    events.clear();
  };
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    const std::string only_now(bytes.substr(at, chunk));
    const auto fed = reader->feed(only_now, events);
    write();
    if (!fed) return out + "failed: " + fed.error().detail + "\n";
  }
  const auto finished = reader->finish(events);
  write();
  if (!finished) out += "failed: " + finished.error().detail + "\n";
  return out;
}

void check_stream(const fs::path& folder, const Codec& codec) {
  std::string bytes = read_file(folder / "stream.txt");
  if (codec.dialect() == Dialect::bedrock) bytes = framed(bytes);
  const auto events = [&](std::size_t chunk) {
    const auto reader = codec.stream_reader();
    return test::read_stream(*reader, bytes, chunk, true) + "\n";
  };
  golden(folder / "stream/events.txt", events(bytes.size()));
  EXPECT_EQ(events(1), events(bytes.size())) << folder << ": how it is cut does not matter";
  for (const Codec* client : codecs) {
    if (!has_clients(*client)) continue;
    std::string text = translated(codec, *client, bytes, bytes.size());
    if (client->dialect() == Dialect::bedrock) text = unframed(text);
    golden(folder / "stream" / fmt::format("{}.txt", to_string(client->dialect())), text);
  }
}

// Every case, by its path below src/dialect.
struct Case {
  const Codec* codec;
  fs::path folder;
};
std::vector<Case> cases() {
  std::vector<Case> out;
  for (const Codec* codec : codecs) {
    const fs::path corpus =
        fs::path(HF_SOURCE_DIR "/src/dialect") / to_string(codec->dialect()) / "corpus";
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(corpus, none))
      if (entry.is_directory()) out.push_back({codec, entry.path()});
  }
  std::ranges::sort(out, {}, &Case::folder);
  return out;
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  std::string out = fmt::format("{}_{}", to_string(info.param.codec->dialect()),
                                info.param.folder.filename().string());
  std::ranges::replace_if(
      out, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return out;
}

class Corpus : public testing::TestWithParam<Case> {};

TEST_P(Corpus, IsTranslatedAsBefore) {
  const Case& one = GetParam();
  bool any = false;
  const auto run = [&](const char* file, void (*check)(const fs::path&, const Codec&)) {
    if (!fs::exists(one.folder / file)) return;
    any = true;
    check(one.folder, *one.codec);
  };
  run("request.json", check_request);
  run("answer.json", check_answer);
  run("stream.txt", check_stream);
  EXPECT_TRUE(any) << one.folder << " has neither request.json nor answer.json nor stream.txt";
}

INSTANTIATE_TEST_SUITE_P(All, Corpus, testing::ValuesIn(cases()), name_of_case);

}  // namespace
}  // namespace holdfast::dialect
