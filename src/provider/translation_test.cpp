// docs/reference/translation.md: what is carried, changed and refused between every dialect of
// clients and every kind of provider, found out by asking the readers and writers that ship.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/gemini/codec.h"
#include "dialect/openai/codec.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/test_support.h"
#include "provider/kind.h"
#include "provider/translation_probes.h"

namespace holdfast::provider {
namespace {

using dialect::Codec;
using dialect::Dialect;
using dialect::Loss;
using test::Probe;
using test::Probes;
using Lines = std::set<std::string>;

// As which a conversation is read again, for dialects whose path says it.
constexpr std::string_view path_model = "m";

const Codec& codec_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
    case Dialect::cohere:
      return dialect::openai::codec();
    case Dialect::openai_responses:
      return dialect::openai_responses::codec();
    case Dialect::anthropic:
      return dialect::anthropic::codec();
    case Dialect::gemini:
      return dialect::gemini::codec();
    case Dialect::bedrock:
      return dialect::bedrock::codec();
  }
  return dialect::openai::codec();
}

bool path_says_model(Dialect dialect) {
  return dialect == Dialect::gemini || dialect == Dialect::bedrock;
}

std::string body_of(const Probes& probes, std::string_view json) {
  if (json.empty()) return std::string(probes.plain);
  if (json.starts_with('{')) return std::string(json);
  return fmt::format("{},{}}}", probes.plain.substr(0, probes.plain.size() - 1), json);
}

// The lines of a description, but for whose it is.
Lines lines_of(const std::string& described) {
  Lines out;
  std::istringstream in(described);
  for (std::string line; std::getline(in, line);)
    if (!line.starts_with("from = ") && !line.starts_with("model = ")) out.insert(line);
  return out;
}

Lines without(const Lines& all, const Lines& some) {
  Lines out;
  std::ranges::set_difference(all, some, std::inserter(out, out.end()));
  return out;
}

// What became of a body at a target.
struct Written {
  std::string impossible;  // why it cannot be said at all
  std::vector<Loss> losses;
  std::string wire;
  std::optional<Lines> read_again;  // none: nobody reads this dialect's requests
};

Written write(const dialect::Request& request, const Adapter& adapter) {
  Written out;
  const auto written =
      adapter.codec().write_request(request, "m", adapter.abilities("m"), out.losses);
  if (!written) {
    out.impossible = written.error().detail;
    return out;
  }
  out.wire = written->body.joined();
  const Dialect theirs = adapter.codec().dialect();
  const auto again = adapter.codec().read_request(
      out.wire, path_says_model(theirs) ? path_model : std::string_view(), false);
  if (again) out.read_again = lines_of(dialect::test::describe(*again));
  return out;
}

std::expected<dialect::Request, dialect::RequestProblem> read(const Probes& probes,
                                                              const std::string& body) {
  return codec_of(probes.dialect)
      .read_request(body, path_says_model(probes.dialect) ? path_model : std::string_view(), false);
}

// One cell: kinds by what becomes of the field, with why.
enum class Fate { carried, changed, dropped, refused };
struct Verdict {
  Fate fate = Fate::carried;
  std::string why;
};

std::string code(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) out += c == '|' ? '/' : c;
  return fmt::format("`{}{}`", out, text.size() > 60 ? " ..." : "");
}

// At most three of them.
std::string some(const Lines& lines) {
  std::string out;
  std::size_t shown = 0;
  for (const std::string& line : lines) {
    if (++shown > 3) return out + " ...";
    out += (shown > 1 ? ", " : "") + code(line);
  }
  return out;
}

// What it became, or that it became nothing.
std::string change(const Lines& want, const Lines& got) {
  const Lines lost = without(want, got);
  const Lines made = without(got, want);
  if (made.empty()) return "without " + some(lost);
  return fmt::format("{} becomes {}", some(lost), some(made));
}

// The reason without the server's name, so that those with the same stand together.
std::string impersonal(std::string reason, const Codec& codec) {
  const auto* chat = dynamic_cast<const dialect::openai::ChatCodec*>(&codec);
  if (chat == nullptr) return reason;
  const std::string_view name = chat->deviations().name;
  for (auto at = reason.find(name); at != std::string::npos; at = reason.find(name))
    reason.replace(at, name.size(), "it");
  return reason;
}

Verdict judge(const Written& plain, const Written& probe, const Lines& want) {
  for (const bool harmless : {false, true})
    for (const Loss& loss : probe.losses)
      if (loss.harmless == harmless) return {harmless ? Fate::dropped : Fate::refused, loss.reason};
  if (!probe.impossible.empty())
    return {Fate::refused, "not even with lossy: allow: " + probe.impossible};
  if (!probe.read_again || !plain.read_again)
    return {probe.wire == plain.wire ? Fate::changed : Fate::carried,
            probe.wire == plain.wire ? "nothing of it is sent" : ""};
  const Lines got = without(*probe.read_again, *plain.read_again);
  // More than was said is what the dialect needs besides.
  return without(want, got).empty() ? Verdict{} : Verdict{Fate::changed, change(want, got)};
}

// Kinds with adapters that live as long as the page is made.
struct Provider {
  const Kind* kind;
  std::unique_ptr<Adapter> adapter;
};
std::vector<Provider> providers() {
  std::vector<Provider> out;
  for (const Kind* kind : kinds()) {
    Settings settings;
    settings.name = kind->name;
    settings.kind = kind;
    out.push_back({kind, kind->make(settings, {})});
  }
  return out;
}

std::string listed(const std::vector<std::string_view>& names, std::size_t all) {
  if (names.size() == all) return "all";
  return fmt::format("{}", fmt::join(names, ", "));
}

// "all: why" or "a, b: why; c: why".
std::string cell(const std::map<std::string, std::vector<std::string_view>>& by_reason,
                 std::size_t all) {
  std::string out;
  for (const auto& [reason, names] : by_reason)
    out += fmt::format("{}{}{}{}", out.empty() ? "" : "; ", listed(names, all),
                       reason.empty() ? "" : ": ", reason);
  return out;
}

records::Endpoint endpoint_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
    case Dialect::cohere:
      return records::Endpoint::chat_completions;
    case Dialect::openai_responses:
      return records::Endpoint::responses;
    case Dialect::anthropic:
      return records::Endpoint::messages;
    case Dialect::gemini:
      return records::Endpoint::generate_content;
    case Dialect::bedrock:
      return records::Endpoint::converse;
  }
  return records::Endpoint::chat_completions;
}

std::string row(const Probes& probes, const Probe& probe, const std::vector<Provider>& targets) {
  const std::string plain_body = body_of(probes, {});
  const std::string body = body_of(probes, probe.json);
  const auto plain = read(probes, plain_body);
  const auto request = read(probes, body);
  if (!plain || !request) {
    ADD_FAILURE() << probes.name << ", " << probe.field << ": "
                  << (plain ? request.error() : plain.error()).message;
    return {};
  }
  const Lines want = without(lines_of(dialect::test::describe(*request)),
                             lines_of(dialect::test::describe(*plain)));
  EXPECT_FALSE(want.empty()) << probes.name << ", " << probe.field << ": is not read";
  std::map<std::string, std::vector<std::string_view>> cells[4];
  for (const Provider& target : targets) {
    const Verdict verdict =
        judge(write(*plain, *target.adapter), write(*request, *target.adapter), want);
    cells[static_cast<std::size_t>(verdict.fate)][impersonal(verdict.why, target.adapter->codec())]
        .push_back(target.kind->name);
  }
  return fmt::format("| {} | {} | {} | {} | {} |\n", probe.field, cell(cells[0], targets.size()),
                     cell(cells[1], targets.size()), cell(cells[2], targets.size()),
                     cell(cells[3], targets.size()));
}

std::string section(const Probes& probes) {
  std::vector<Provider> translated;
  std::vector<std::string_view> passed;
  for (Provider& one : providers())
    if (one.adapter->passes(probes.dialect, endpoint_of(probes.dialect)))
      passed.push_back(one.kind->name);
    else
      translated.push_back(std::move(one));
  std::string out = fmt::format("\n## Clients of {}\n\n", probes.name);
  if (!passed.empty())
    out += fmt::format("Bytes pass as they are to {}.\n\n", fmt::join(passed, ", "));
  out +=
      "| the client says | carried to | changed for | dropped with notice by | refused by |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const Probe& probe : probes.probes) out += row(probes, probe, translated);
  return out;
}

// What an answer can hold, and what a client's dialect has a place for.
struct AnswerProbe {
  std::string_view what;
  void (*put)(dialect::Response& response);
};

dialect::Block& add_block(dialect::Response& response, dialect::BlockKind kind) {
  dialect::Block& block = response.choices.front().content.emplace_back();
  block.kind = kind;
  return block;
}

void add_call(dialect::Response& response, std::string_view id) {
  dialect::Block& call = add_block(response, dialect::BlockKind::tool_call);
  call.id = id;
  call.name = "f";
  call.arguments = "{}";
  response.choices.front().finish = dialect::FinishReason::tool_calls;
}

template <dialect::FinishReason reason>
void finish(dialect::Response& response) {
  response.choices.front().finish = reason;
}

// Before the text, where models think.
void add_thought(dialect::Response& response, dialect::BlockKind kind,
                 dialect::Signature signature) {
  dialect::Block thought;
  thought.kind = kind;
  if (kind == dialect::BlockKind::thinking) thought.text = "t";
  thought.signature = signature;
  auto& content = response.choices.front().content;
  content.insert(content.begin(), std::move(thought));
}

dialect::Citation& add_citation(dialect::Response& response, dialect::Dialect from) {
  dialect::Citation& out = response.choices.front().content.front().citations.emplace_back();
  out.dialect = from;
  out.title = "t";
  return out;
}

constexpr AnswerProbe answer_probes[] = {
    {"a citation of an address",
     [](dialect::Response& r) {
       dialect::Citation& citation = add_citation(r, dialect::Dialect::cohere);
       citation.url = "https://example.com/";
       citation.from = 0;
       citation.to = 2;
     }},
    {"a citation of a page of a document",
     [](dialect::Response& r) {
       dialect::Citation& citation = add_citation(r, dialect::Dialect::cohere);
       citation.source = dialect::Citation::Source::document;
       citation.number = 0;
       citation.unit = dialect::Citation::Unit::pages;
       citation.first = 1;
       citation.last = 2;
     }},
    {"a citation of a file by its id",
     [](dialect::Response& r) {
       dialect::Citation& citation = add_citation(r, dialect::Dialect::cohere);
       citation.source = dialect::Citation::Source::file;
       citation.file_id = "file-1";
     }},
    {"thoughts", [](dialect::Response& r) { add_thought(r, dialect::BlockKind::thinking, {}); }},
    {"thoughts signed by another house",
     [](dialect::Response& r) {
       add_thought(r, dialect::BlockKind::thinking, {"c2ln", "elsewhere", ""});
     }},
    {"encrypted thoughts of another house",
     [](dialect::Response& r) {
       add_thought(r, dialect::BlockKind::redacted_thinking, {"c2ln", "elsewhere", ""});
     }},
    {"a call", [](dialect::Response& r) { add_call(r, "call_1"); }},
    {"calls side by side",
     [](dialect::Response& r) {
       add_call(r, "call_1");
       add_call(r, "call_2");
     }},
    {"a refusal",
     [](dialect::Response& r) { add_block(r, dialect::BlockKind::refusal).text = "no"; }},
    {"an image",
     [](dialect::Response& r) {
       add_block(r, dialect::BlockKind::image).media = {dialect::Media::From::base64,
                                                        "iVBORw0KGgo=", "image/png"};
     }},
    {"log-probabilities",
     [](dialect::Response& r) {
       r.choices.front().logprobs =
           R"({"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null})";
     }},
    {"a second choice",
     [](dialect::Response& r) {
       r.choices.push_back(r.choices.front());
       r.choices.back().index = 1;
     }},
    {"ended by a stop string",
     [](dialect::Response& r) {
       r.choices.front().finish = dialect::FinishReason::stop_sequence;
       r.choices.front().stop_sequence = "x";
     }},
    {"ended by length", finish<dialect::FinishReason::length>},
    {"ended by a full context", finish<dialect::FinishReason::context_full>},
    {"ended by a filter", finish<dialect::FinishReason::content_filter>},
    {"paused", finish<dialect::FinishReason::paused>},
    {"ended by the model's fault", finish<dialect::FinishReason::fault>},
    {"cached tokens", [](dialect::Response& r) { r.usage.tokens_cached = 2; }},
    {"tokens written to a cache", [](dialect::Response& r) { r.usage.tokens_cache_written = 2; }},
    {"tokens of reasoning", [](dialect::Response& r) { r.usage.tokens_reasoning = 2; }},
    {"the tier that served", [](dialect::Response& r) { r.service_tier = "priority"; }},
};

// What a client of `codec` can read of an answer that `put` has changed.
std::optional<Lines> told(const Codec& codec, void (*put)(dialect::Response&), Lines& said) {
  dialect::Response response;
  response.id = "a1";
  response.model = "m";
  response.choices.emplace_back().finish = dialect::FinishReason::stop;
  add_block(response, dialect::BlockKind::text).text = "hi";
  response.usage.tokens_in = 9;
  response.usage.tokens_out = 5;
  if (put != nullptr) put(response);
  said = lines_of(dialect::test::describe(response));
  const dialect::Request request;
  dialect::AnswerContext context;
  context.request_id = "req_1";
  context.model = "m";
  context.request = &request;
  const std::string body = codec.write_answer(response, context);
  const auto again = codec.read_answer(body);
  if (!again) return std::nullopt;
  return lines_of(dialect::test::describe(*again));
}

std::string answer_cell(const Codec& codec, const AnswerProbe& probe) {
  Lines plain_said, said;
  const auto plain = told(codec, nullptr, plain_said);
  const auto found = told(codec, probe.put, said);
  if (!plain || !found) return "as a failure";
  const Lines want = without(said, plain_said);
  const Lines got = without(*found, *plain);
  if (without(want, *found).empty()) return "yes";
  // In base64 where the dialect's SDK decodes the field.
  const auto enveloped = [](const std::string& line) {
    return line.find("\"hf1:") != std::string::npos || line.find("\"aGYx") != std::string::npos;
  };
  if (std::ranges::any_of(got, enveloped)) return "yes, in an envelope";
  return got.empty() ? "no" : some(got);
}

std::string answers() {
  std::string out =
      "\n## Answers\n\nWhat of an upstream's answer a client is told, by its dialect: *yes*, *no*, "
      "or what its dialect has nearest.\n\n| the answer has |";
  std::string rule = "\n| --- |";
  for (const Probes& probes : test::all_probes) {
    out += fmt::format(" {} |", probes.name);
    rule += " --- |";
  }
  out += rule + "\n";
  for (const AnswerProbe& probe : answer_probes) {
    out += fmt::format("| {} |", probe.what);
    for (const Probes& probes : test::all_probes)
      out += fmt::format(" {} |", answer_cell(codec_of(probes.dialect), probe));
    out += "\n";
  }
  return out;
}

std::string page() {
  std::string out =
      "# Translation reference\n\n"
      "<!-- Written by `./dev test provider --update`: every line is a small request that the "
      "readers and writers\n     of this version were asked to translate. Do not edit. -->\n\n"
      "What becomes of what a client says when the target speaks another dialect. *Carried*: the "
      "target is told the same, and what its dialect needs besides.\n*Changed*: it is told "
      "something near it; what it reads is shown "
      "in the words of the canonical exchange. *Dropped with\nnotice*: left out, since the answer "
      "stays what was asked for; `x-holdfast-dropped` names it. *Refused*: a 400 that\nnames the "
      "field and the target, or another target that can; with `lossy: allow` on the model it is "
      "dropped with notice\ntoo. \"all\" are all kinds of providers to which the dialect is "
      "translated. Models differ within a kind; what only\nsome of them refuse is not here.\n";
  for (const Probes& probes : test::all_probes) out += section(probes);
  return out + answers();
}

}  // namespace

TEST(Translation, PageIsUpToDate) {
  const std::string path = HF_SOURCE_DIR "/docs/reference/translation.md";
  const std::string want = page();
  if (std::getenv("HOLDFAST_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << want;
  std::ostringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), want) << "./dev test provider --update writes it anew";
}

}  // namespace holdfast::provider
