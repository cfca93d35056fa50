// Random canonical exchanges for round trips: what a dialect writes and reads again describes
// itself (test_support.h) as before. A Vocabulary says what the dialect can express; everything in
// it is switched on at first. One seed, one exchange.
//
// The canonical form in what is ambiguous: results of one turn's calls are one message of
// Role::tool; the conversation begins with a user and ends with a user or with tool results; texts
// are never empty; a tool's schema is a compact object.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <utility>

#include "dialect/canonical.h"

namespace holdfast::dialect::test {

// A raw value that a dialect's own field may have.
struct Known {
  std::string_view name, raw;
  bool harmless = false;
};

struct Vocabulary {
  Dialect dialect = Dialect::openai;
  // Messages.
  bool system_blocks = true;  // several; else one
  bool system_midway = true;
  bool names = true;            // of speakers
  bool mixed_order = true;      // an assistant's blocks in any order; else thoughts, texts, calls
  bool assistant_texts = true;  // several texts in one assistant message; else one
  bool text_beside_calls = true;
  bool refusals = true;
  bool image_base64 = true, image_url = true, image_file = true, image_detail = true;
  bool document_base64 = true, document_url = true, document_file = true, document_text = true;
  bool document_names = true, document_needs_name = false;
  bool document_asks = false;  // that places in them be cited; what to know of them
  bool audio = true, video = true;
  std::vector<std::string_view> image_types = {"image/png", "image/jpeg"};
  std::vector<std::string_view> audio_types = {"audio/wav", "audio/mpeg"};
  bool result_names = true;  // a result repeats its tool's name
  bool result_errors = true, result_images = true, result_texts = true;  // texts: more than one
  bool thinking = true, redacted_thinking = true;
  bool signatures = true;            // of thinking
  bool signature_ids = true;         // with an id
  std::string_view house;            // of signatures
  bool interleaved_thinking = true;  // more than one thinking block in a message
  std::vector<std::string_view> cache_ttls = {"5m", "1h"};  // empty: no marks
  bool cached_tools = true;
  // Tools.
  bool tools = true, descriptions = true, strict_tools = true;
  bool choice_required = true, choice_none = true, choice_named = true, choice_allowed = true;
  bool parallel_tools = true;
  // Parameters.
  bool max_tokens = true, max_tokens_needed = false;
  std::vector<std::string_view> temperatures = {"0", "0.70", "1.0", "1.5"};  // empty: none
  bool top_p = true, top_k = true, penalties = true, n = true, seed = true, logprobs = true;
  std::size_t stops = 4;
  bool json_object = true, json_schema = true, format_text = true;
  bool format_name = true, format_description = true, format_strict = true;
  bool format_name_needed = false;
  std::vector<Effort> efforts = {Effort::none, Effort::minimal, Effort::low, Effort::medium,
                                 Effort::high, Effort::xhigh,   Effort::max};
  bool budget = true, adaptive = true, show = true, summary = true, off = true;
  bool verbosity = true, user = true, metadata = true, stream = true;
  bool include_usage = true;  // in streams
  bool pad_stream = true;     // may be switched off, in streams
  std::vector<std::string_view> service_tiers = {"auto", "default", "flex", "priority"};
  std::vector<Known> extras;
  // Answers.
  std::size_t choices = 3;
  bool answer_texts = true;  // several texts in one answer; else one
  bool created = true, stop_sequence = true, explanation = true, answer_logprobs = true;
  bool answer_tier = true;
  // What backs an answer's texts, and those of assistants in requests; empty: nothing is told.
  std::vector<Citation::Source> cited = {Citation::Source::url, Citation::Source::document,
                                         Citation::Source::search_result};
  std::vector<Citation::Source> cited_history = cited;
  bool cited_pieces = true;  // of a text; else it is backed as a whole
  bool cited_texts = true;   // what the source says
  bool cited_places = true;  // in what the request brings; else documents have addresses
  bool usage_cached = true, usage_written = true, usage_reasoning = true;
  std::vector<FinishReason> finishes = {FinishReason::stop,       FinishReason::stop_sequence,
                                        FinishReason::length,     FinishReason::context_full,
                                        FinishReason::tool_calls, FinishReason::content_filter,
                                        FinishReason::paused,     FinishReason::fault};
  std::vector<Known> answer_extras;
};

class Generator {
 public:
  Generator(std::mt19937_64& random, const Vocabulary& words, Arena& arena)
      : random_(random), words_(words), arena_(arena) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool coin(bool permitted = true) { return permitted && below(2) == 0; }
  bool seldom(bool permitted = true) { return permitted && below(4) == 0; }
  template <class T>
  T one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }
  std::string_view any(std::initializer_list<std::string_view> values) {
    return *(values.begin() + below(values.size()));
  }

  std::string_view text() {
    std::string out;
    for (std::size_t words = 1 + below(3); words > 0; --words)
      out +=
          any({"a",         "word ",   "\"quoted\"",     "back\\slash",  "line\nbreak",  "\t",
               "\r\n",      "\x01",    "gr\u00fc\u00df", "\u4f60\u597d", "\U0001F600",   "\u2028",
               "{\"a\":1}", "data: x", "[DONE]",         "</s>",         "\u00e9\u0301", "0",
               "%3A",       "'"});
    return arena_.keep(std::move(out));
  }
  std::string_view name() { return any({"get_weather", "search-2", "f", "Lookup", "a_b"}); }
  std::string_view base64() { return any({"aGVsbG8=", "iVBORw0KGgo=", "AAAA", "//79/A=="}); }
  std::string_view schema() {
    return any({R"({"type":"object","properties":{}})",
                R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}},)"
                R"("required":["z","a"],"additionalProperties":false})",
                R"({"type":"object","properties":{"n":{"type":"number","maximum":1.0}}})"});
  }
  std::string_view arguments() {
    return any({"{}", R"({"z":"x","a":1})", R"({"id":9007199254740993,"n":1.0})",
                R"({"text":"\"\\\n","list":[1,2,{"b":null}]})"});
  }

  Block text_block(bool cacheable = true) {
    Block out;
    out.text = text();
    if (cacheable) mark(out.cache_ttl);
    return out;
  }
  void mark(std::string_view& ttl) {
    if (!words_.cache_ttls.empty() && seldom()) ttl = one_of(words_.cache_ttls);
  }
  Citation citation(const std::vector<Citation::Source>& sources, std::int64_t points) {
    using Unit = Citation::Unit;
    Citation out;
    out.dialect = words_.dialect == Dialect::bedrock ? Dialect::anthropic : Dialect::bedrock;
    out.source = one_of(sources);
    out.title = text();
    if (words_.cited_texts) out.cited_text = text();
    if (words_.cited_pieces) {
      out.from = static_cast<std::int64_t>(below(static_cast<std::size_t>(points)));
      out.to = out.from + 1 +
               static_cast<std::int64_t>(below(static_cast<std::size_t>(points - out.from)));
    }
    const bool document = out.source == Citation::Source::document;
    if (!document || !words_.cited_places) out.url = "https://example.com/a?b=c&d=%20";
    if (out.source == Citation::Source::url || !words_.cited_places) return out;
    constexpr Unit units[] = {Unit::characters, Unit::pages, Unit::blocks};
    out.unit = document ? units[below(3)] : Unit::blocks;
    out.number = static_cast<std::int64_t>(below(3));
    out.first = static_cast<std::int64_t>(1 + below(9));
    out.last = out.first + 1;
    return out;
  }
  // Of the texts among `blocks`.
  void cite(std::vector<Block>& blocks, const std::vector<Citation::Source>& sources) {
    for (Block& block : blocks) {
      if (block.kind != BlockKind::text || sources.empty() || !seldom()) continue;
      const auto points = std::ranges::count_if(
          block.text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
      for (std::size_t more = 1 + below(3); more > 0; --more)
        block.citations.push_back(citation(sources, points));
    }
  }

  // A kind that the vocabulary has none of becomes a text.
  Block media_block() {
    Block out;
    std::vector<Media::From> from;
    const auto may = [&from](bool permitted, Media::From source) {
      if (permitted) from.push_back(source);
    };
    switch (below(4)) {
      case 0:
        out.kind = BlockKind::image;
        may(words_.image_base64, Media::From::base64);
        may(words_.image_url, Media::From::url);
        may(words_.image_file, Media::From::file_id);
        if (coin(words_.image_detail)) out.detail = any({"low", "high", "auto"});
        out.media.media_type = one_of(words_.image_types);
        break;
      case 1:
        out.kind = BlockKind::document;
        may(words_.document_base64, Media::From::base64);
        may(words_.document_url, Media::From::url);
        may(words_.document_file, Media::From::file_id);
        may(words_.document_text, Media::From::text);
        if (words_.document_needs_name || coin(words_.document_names)) out.name = "report";
        if (coin(words_.document_asks)) out.citable = coin();
        if (coin(words_.document_asks)) out.context = "of 1998";
        out.media.media_type = "application/pdf";
        break;
      case 2:
        out.kind = BlockKind::audio;
        may(words_.audio, Media::From::base64);
        out.media.media_type = one_of(words_.audio_types);
        break;
      default:
        out.kind = BlockKind::video;
        may(words_.video, Media::From::base64);
        out.media.media_type = "video/mp4";
    }
    if (from.empty()) return text_block();
    out.media.from = one_of(from);
    switch (out.media.from) {
      case Media::From::base64:
        out.media.data = base64();
        break;
      case Media::From::url:
        out.media.data = "https://example.com/a?b=c&d=%20";
        out.media.media_type = {};
        break;
      case Media::From::file_id:
        out.media.data = "file-abc123";
        out.media.media_type = {};
        break;
      case Media::From::text:
        out.media.data = text();
        out.media.media_type = "text/plain";
    }
    mark(out.cache_ttl);
    return out;
  }

  Message user() {
    Message out;
    if (seldom(words_.names)) out.name = "alice";
    for (std::size_t blocks = 1 + below(3); blocks > 0; --blocks)
      out.content.push_back(coin() ? text_block() : media_block());
    return out;
  }
  Block call() {
    Block out;
    out.kind = BlockKind::tool_call;
    out.name = name();
    out.id = arena_.keep(fmt::format("call{:05}", ++calls_));  // nine letters and digits
    out.arguments = arguments();
    return out;
  }
  Block thought() {
    Block out;
    out.kind =
        seldom(words_.redacted_thinking) ? BlockKind::redacted_thinking : BlockKind::thinking;
    if (out.kind == BlockKind::thinking) out.text = text();
    if (out.kind == BlockKind::redacted_thinking || coin(words_.signatures)) {
      out.signature.value = any({"c2lnbmF0dXJl", "EuYBCkQYAiJA+/=="});
      out.signature.house = words_.house;
      if (coin(words_.signature_ids)) out.signature.id = "rs_1";
    }
    return out;
  }
  // An assistant's blocks; with `calls`, at least one call is among them.
  std::vector<Block> said(bool calls, bool several_texts, bool cacheable) {
    std::vector<Block> out;
    if (seldom(words_.thinking)) out.push_back(thought());
    if (!calls || coin(words_.text_beside_calls)) {
      if (!calls && below(8) == 0 && words_.refusals) {
        out.push_back(text_block(false));
        out.back().kind = BlockKind::refusal;
      } else {
        out.push_back(text_block(cacheable));
        if (seldom(several_texts)) out.push_back(text_block(cacheable));
      }
    }
    if (seldom(words_.thinking && words_.interleaved_thinking && words_.mixed_order))
      out.push_back(thought());
    for (std::size_t more = calls ? 1 + below(3) : 0; more > 0; --more) {
      out.push_back(call());
      if (seldom(words_.mixed_order && several_texts)) out.push_back(text_block(cacheable));
    }
    return out;
  }
  Message results(const Message& calls) {
    Message out;
    out.role = Role::tool;
    for (const Block& called : calls.content) {
      if (called.kind != BlockKind::tool_call) continue;
      Block result;
      result.kind = BlockKind::tool_result;
      result.id = called.id;
      if (words_.result_names) result.name = called.name;
      result.content.push_back(text_block(false));
      if (seldom(words_.result_texts)) result.content.push_back(text_block(false));
      if (seldom(words_.result_images && words_.image_base64)) {
        Block image;
        image.kind = BlockKind::image;
        image.media = {Media::From::base64, base64(), one_of(words_.image_types)};
        result.content.push_back(image);
      }
      result.is_error = seldom(words_.result_errors);
      mark(result.cache_ttl);
      out.content.push_back(std::move(result));
    }
    return out;
  }
  std::vector<Message> conversation(bool tools) {
    std::vector<Message> out;
    out.push_back(user());
    for (std::size_t turns = below(3); turns > 0; --turns) {
      const bool calls = coin(tools);
      Message answer;
      answer.role = Role::assistant;
      if (seldom(words_.names)) answer.name = "bob";
      answer.content = said(calls, words_.assistant_texts, true);
      cite(answer.content, words_.cited_history);
      out.push_back(answer);
      if (calls) out.push_back(results(answer));
      if (seldom(words_.system_midway)) {
        Message midway;
        midway.role = Role::system;
        midway.content.push_back(text_block());
        out.push_back(midway);
      }
      if (!calls || coin() || out.back().role == Role::system) out.push_back(user());
    }
    return out;
  }

  void tools(Request& out) {
    constexpr std::string_view names[] = {"get_weather", "search-2", "f", "Lookup", "a_b"};
    const std::size_t count = 1 + below(std::size(names));
    for (std::size_t i = 0; i < count; ++i) {
      Tool tool;
      tool.name = names[i];
      if (coin(words_.descriptions)) tool.description = text();
      tool.schema = schema();
      if (coin(words_.strict_tools)) tool.strict = coin();
      if (words_.cached_tools) mark(tool.cache_ttl);
      out.tools.push_back(tool);
    }
    using Mode = ToolChoice::Mode;
    std::vector<Mode> modes = {Mode::unset, Mode::automatic};
    if (words_.choice_required) modes.push_back(Mode::required);
    if (words_.choice_none) modes.push_back(Mode::none);
    if (words_.choice_named) modes.push_back(Mode::named);
    out.tool_choice.mode = one_of(modes);
    const Mode mode = out.tool_choice.mode;
    if (mode == Mode::named) out.tool_choice.name = out.tools.back().name;
    if ((mode == Mode::automatic || mode == Mode::required) && seldom(words_.choice_allowed))
      out.tool_choice.allowed.push_back(out.tools.front().name);
    if (coin(words_.parallel_tools)) out.parallel_tools = coin();
  }

  Number number(std::initializer_list<std::string_view> spellings) {
    const std::string_view spelled = any(spellings);
    return {spelled, std::stod(std::string(spelled))};
  }
  void parameters(Request& out) {
    if (words_.max_tokens_needed || coin(words_.max_tokens))
      out.max_tokens = static_cast<std::int64_t>(1 + below(100'000));
    if (coin(!words_.temperatures.empty())) {
      const std::string_view spelled = one_of(words_.temperatures);
      out.temperature = Number{spelled, std::stod(std::string(spelled))};
    }
    if (coin(words_.top_p)) out.top_p = number({"0.10", "0.95", "1"});
    if (coin(words_.top_k)) out.top_k = static_cast<std::int64_t>(1 + below(40));
    if (coin(words_.penalties)) out.frequency_penalty = number({"0.5", "1e-1", "0.0"});
    if (coin(words_.penalties)) out.presence_penalty = number({"0.50", "1"});
    if (seldom(words_.n)) out.n = static_cast<std::int64_t>(1 + below(4));
    if (coin(words_.seed)) out.seed = number({"0", "42", "2147483647"});
    for (std::size_t stops = below(words_.stops + 1); stops > 0; --stops)
      out.stop.push_back(text());
    if (seldom(words_.logprobs)) {
      out.logprobs = true;
      if (coin()) out.top_logprobs = static_cast<std::int64_t>(1 + below(5));
    }
  }
  void format(Request& out) {
    std::vector<Format::Kind> kinds = {Format::Kind::unset};
    if (words_.format_text) kinds.push_back(Format::Kind::text);
    if (words_.json_object) kinds.push_back(Format::Kind::json_object);
    if (words_.json_schema) kinds.push_back(Format::Kind::json_schema);
    out.format.kind = one_of(kinds);
    if (out.format.kind != Format::Kind::json_schema) return;
    out.format.schema = schema();
    if (words_.format_name_needed || coin(words_.format_name)) out.format.name = "answer_1";
    if (coin(words_.format_description)) out.format.description = text();
    if (coin(words_.format_strict)) out.format.strict = coin();
  }
  void reasoning(Reasoning& out) {
    switch (below(5)) {
      case 0:
        if (!words_.efforts.empty()) out.effort = one_of(words_.efforts);
        break;
      case 1:
        if (words_.budget) out.budget_tokens = static_cast<std::int64_t>(1024 + below(8192));
        break;
      case 2:
        out.off = words_.off;
        return;
      case 3:
        out.adaptive = words_.adaptive;
        break;
      default:
        return;
    }
    const bool asked = out.effort != Effort::unset || out.budget_tokens || out.adaptive;
    if (asked && coin(words_.show)) out.show = coin();
    if (asked && seldom(words_.summary)) out.summary = any({"auto", "concise", "detailed"});
  }
  void rest(Request& out) {
    if (seldom(words_.verbosity)) out.verbosity = any({"low", "medium", "high"});
    if (seldom(words_.user)) out.user = "user-7";
    if (seldom(words_.metadata)) out.metadata = R"({"b":"2","a":"1"})";
    if (seldom(!words_.service_tiers.empty())) out.service_tier = one_of(words_.service_tiers);
    out.stream = coin(words_.stream);
    if (out.stream) {
      out.include_usage = coin(words_.include_usage);
      out.pad_stream = !seldom(words_.pad_stream);
    }
    extras(words_.extras, out.extras);
  }
  void extras(const std::vector<Known>& known, std::vector<Extra>& out) {
    for (const Known& each : known)
      if (seldom()) out.push_back({words_.dialect, each.name, each.raw, each.harmless});
  }

 private:
  std::mt19937_64& random_;
  const Vocabulary& words_;
  Arena& arena_;
  std::size_t calls_ = 0;
};

inline Request any_request(std::mt19937_64& random, const Vocabulary& words) {
  Request out;
  Generator make(random, words, out.arena);
  out.from = words.dialect;
  out.model = "some-model";
  for (std::size_t blocks = make.below(words.system_blocks ? 3 : 2); blocks > 0; --blocks)
    out.system.push_back(make.text_block());
  const bool tools = make.coin(words.tools);
  if (tools) make.tools(out);
  out.messages = make.conversation(tools);
  make.parameters(out);
  make.format(out);
  make.reasoning(out.reasoning);
  make.rest(out);
  return out;
}

// An answer; its calls' ids are given, its finish reason fits its content.
inline Response any_response(std::mt19937_64& random, const Vocabulary& words) {
  Response out;
  Generator make(random, words, out.arena);
  out.id = "answer-1";
  out.model = "some-model-2026";
  if (words.created) out.created_s = 1'790'000'000;
  const std::size_t choices = make.seldom(words.choices > 1) ? 1 + make.below(words.choices) : 1;
  for (std::size_t i = 0; i < choices; ++i) {
    Choice choice;
    choice.index = static_cast<std::int64_t>(i);
    const bool calls = make.seldom(words.tools);
    choice.content = make.said(calls, words.answer_texts, false);
    make.cite(choice.content, words.cited);
    do choice.finish = calls ? FinishReason::tool_calls : make.one_of(words.finishes);
    while (!calls && choice.finish == FinishReason::tool_calls);
    if (choice.finish == FinishReason::stop_sequence && words.stop_sequence)
      choice.stop_sequence = "</s>";
    if (choice.finish == FinishReason::content_filter && make.coin(words.explanation))
      choice.explanation = make.text();
    if (make.seldom(words.answer_logprobs))
      choice.logprobs = R"({"content":[{"token":"a","logprob":-0.10,"bytes":[97]}]})";
    out.choices.push_back(std::move(choice));
  }
  out.usage.tokens_in = static_cast<std::int64_t>(100 + make.below(1000));
  out.usage.tokens_out = static_cast<std::int64_t>(100 + make.below(1000));
  if (make.coin(words.usage_cached)) out.usage.tokens_cached = 40;
  if (make.coin(words.usage_written)) out.usage.tokens_cache_written = 20;
  if (make.coin(words.usage_reasoning)) out.usage.tokens_reasoning = 30;
  if (make.seldom(words.answer_tier && !words.service_tiers.empty()))
    out.service_tier = make.one_of(words.service_tiers);
  make.extras(words.answer_extras, out.extras);
  return out;
}

// `response` as a stream: its blocks one after the other, cut at random between characters. Views
// into it.
inline std::vector<StreamEvent> events_of(const Response& response, std::mt19937_64& random) {
  std::vector<StreamEvent> out;
  const auto add = [&out](EventKind kind, const Choice& choice, std::size_t block,
                          const Block& of) -> StreamEvent& {
    StreamEvent& event = out.emplace_back();
    event.kind = kind;
    event.choice = static_cast<std::uint32_t>(choice.index);
    event.block = static_cast<std::uint32_t>(block);
    event.block_kind = of.kind;
    return event;
  };
  StreamEvent& start = out.emplace_back();
  start.kind = EventKind::start;
  start.id = response.id;
  start.name = response.model;
  start.created_s = response.created_s;
  for (const Choice& choice : response.choices) {
    std::string_view logprobs = choice.logprobs;
    for (std::size_t i = 0; i < choice.content.size(); ++i) {
      const Block& block = choice.content[i];
      StreamEvent& open = add(EventKind::block_start, choice, i, block);
      open.id = block.id;
      open.name = block.name;
      std::string_view text = block.kind == BlockKind::tool_call ? block.arguments : block.text;
      while (!text.empty()) {
        std::size_t cut = 1 + random() % text.size();
        while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) ++cut;
        StreamEvent& delta = add(EventKind::delta, choice, i, block);
        delta.text = text.substr(0, cut);
        if (block.kind == BlockKind::text) delta.logprobs = std::exchange(logprobs, {});
        text.remove_prefix(cut);
      }
      for (const Citation& each : block.citations)
        add(EventKind::citation, choice, i, block).citation = &each;
      if (!block.signature.value.empty())
        add(EventKind::signature, choice, i, block).signature = block.signature;
      add(EventKind::block_stop, choice, i, block);
    }
    StreamEvent& finish = add(EventKind::finish, choice, 0, {});
    finish.finish = choice.finish;
    finish.stop_sequence = choice.stop_sequence;
    finish.explanation = choice.explanation;
  }
  StreamEvent& usage = out.emplace_back();
  usage.kind = EventKind::usage;
  usage.usage = response.usage;
  out.emplace_back().kind = EventKind::end;
  return out;
}

}  // namespace holdfast::dialect::test
