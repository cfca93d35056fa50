// What the tests of all codecs share: a canonical exchange as text, one line per field that is set
// ("messages[1].content[0].text = "hi""), so that two of them are compared whole and a difference
// is read at once; and streams fed in pieces. Strings are shown as JSON.
#pragma once
#include <fmt/format.h>

#include <span>

#include "dialect/codec.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::test {

inline std::string_view name_of(BlockKind kind) {
  constexpr std::string_view names[] = {
      "text",        "image",    "document",          "audio",   "video", "tool_call",
      "tool_result", "thinking", "redacted_thinking", "refusal", "native"};
  return names[static_cast<std::size_t>(kind)];
}

// Collects the lines.
class Describer {
 public:
  void line(std::string_view path, std::string_view value) {
    text_.append(path).append(" = ").append(value).append("\n");
  }
  // Nothing is shown for what is not set.
  void text(std::string_view path, std::string_view value) {
    if (!value.empty()) line(path, quoted(value));
  }
  void raw(std::string_view path, std::string_view value) {
    if (!value.empty()) line(path, value);
  }
  void flag(std::string_view path, bool value) {
    if (value) line(path, "true");
  }
  void count(std::string_view path, std::int64_t value, std::int64_t unset) {
    if (value != unset) line(path, fmt::to_string(value));
  }
  void optional(std::string_view path, const std::optional<bool>& value) {
    if (value) line(path, *value ? "true" : "false");
  }
  void optional(std::string_view path, const std::optional<std::int64_t>& value) {
    if (value) line(path, fmt::to_string(*value));
  }
  void optional(std::string_view path, const std::optional<Number>& value) {
    if (value) line(path, value->spelled);
  }

  void extra(const std::string& path, const Extra& value) {
    line(path, fmt::format("{}: {} {}{}", to_string(value.from), value.name, value.raw,
                           value.harmless ? " (harmless)" : ""));
  }
  void extras(const std::vector<Extra>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) extra(fmt::format("extras[{}]", i), values[i]);
  }
  void signature(const std::string& path, const Signature& value) {
    text(path + ".value", value.value);
    text(path + ".house", value.house);
    text(path + ".id", value.id);
  }
  void blocks(const std::string& path, const std::vector<Block>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
      block(fmt::format("{}[{}]", path, i), values[i]);
  }
  void block(const std::string& path, const Block& value) {
    constexpr std::string_view sources[] = {"base64", "url", "file_id", "text"};
    line(path, name_of(value.kind));
    text(path + ".text", value.text);
    if (!value.media.data.empty() || !value.media.media_type.empty())
      line(path + ".media",
           fmt::format("{} {} {}", sources[static_cast<std::size_t>(value.media.from)],
                       quoted(value.media.media_type), quoted(value.media.data)));
    text(path + ".detail", value.detail);
    text(path + ".name", value.name);
    text(path + ".id", value.id);
    text(path + ".arguments", value.arguments);
    blocks(path + ".content", value.content);
    flag(path + ".is_error", value.is_error);
    signature(path + ".signature", value.signature);
    for (std::size_t i = 0; i < value.citations.size(); ++i)
      line(fmt::format("{}.citations[{}]", path, i), citation(value.citations[i]));
    optional(path + ".citable", value.citable);
    text(path + ".context", value.context);
    text(path + ".cache_ttl", value.cache_ttl);
    if (value.kind == BlockKind::native) extra(path + ".extra", value.extra);
  }
  static std::string citation(const Citation& value) {
    constexpr std::string_view sources[] = {"url", "document", "search_result", "file", "native"};
    constexpr std::string_view units[] = {"somewhere", "characters", "pages", "blocks"};
    std::string out(sources[static_cast<std::size_t>(value.source)]);
    if (value.source == Citation::Source::native) return out.append(" ").append(value.raw);
    if (value.from >= 0) out += fmt::format(" of {} to {}", value.from, value.to);
    const auto say = [&out](std::string_view name, std::string_view text) {
      if (!text.empty()) out += fmt::format(" {} {}", name, quoted(text));
    };
    if (value.number >= 0) out += fmt::format(" number {}", value.number);
    if (value.unit != Citation::Unit::none)
      out += fmt::format(" {} {} to {}", units[static_cast<std::size_t>(value.unit)], value.first,
                         value.last);
    say("url", value.url);
    say("title", value.title);
    say("cited", value.cited_text);
    say("file", value.file_id);
    return out;
  }
  void usage(const std::string& path, const Usage& value) {
    count(path + ".tokens_in", value.tokens_in, -1);
    count(path + ".tokens_out", value.tokens_out, -1);
    count(path + ".tokens_cached", value.tokens_cached, -1);
    count(path + ".tokens_cache_written", value.tokens_cache_written, -1);
    count(path + ".tokens_reasoning", value.tokens_reasoning, -1);
    count(path + ".tokens_cache_written_1h", value.tokens_cache_written_1h, -1);
    count(path + ".tokens_audio_in", value.tokens_audio_in, -1);
    count(path + ".tokens_audio_out", value.tokens_audio_out, -1);
  }

  static std::string quoted(std::string_view value) {
    std::string out;
    append_json_string(out, value);
    return out;
  }
  std::string& said() { return text_; }

 private:
  std::string text_;
};

inline void describe_tools(Describer& out, const Request& request) {
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    const Tool& tool = request.tools[i];
    const std::string path = fmt::format("tools[{}]", i);
    out.line(path, Describer::quoted(tool.name));
    out.text(path + ".description", tool.description);
    out.raw(path + ".schema", tool.schema);
    out.optional(path + ".strict", tool.strict);
    out.text(path + ".cache_ttl", tool.cache_ttl);
    if (tool.native) out.extra(path + ".native", *tool.native);
  }
  constexpr std::string_view modes[] = {"", "automatic", "required", "none", "named"};
  out.raw("tool_choice", modes[static_cast<std::size_t>(request.tool_choice.mode)]);
  out.text("tool_choice.name", request.tool_choice.name);
  for (const std::string_view allowed : request.tool_choice.allowed)
    out.text("tool_choice.allowed", allowed);
  out.optional("parallel_tools", request.parallel_tools);
}

inline void describe_parameters(Describer& out, const Request& request) {
  out.optional("max_tokens", request.max_tokens);
  out.optional("temperature", request.temperature);
  out.optional("top_p", request.top_p);
  out.optional("frequency_penalty", request.frequency_penalty);
  out.optional("presence_penalty", request.presence_penalty);
  out.optional("top_k", request.top_k);
  out.optional("n", request.n);
  out.optional("seed", request.seed);
  for (const std::string_view stop : request.stop) out.line("stop", Describer::quoted(stop));
  out.optional("logprobs", request.logprobs);
  out.optional("top_logprobs", request.top_logprobs);
  constexpr std::string_view formats[] = {"", "text", "json_object", "json_schema"};
  out.raw("format", formats[static_cast<std::size_t>(request.format.kind)]);
  out.text("format.name", request.format.name);
  out.text("format.description", request.format.description);
  out.raw("format.schema", request.format.schema);
  out.optional("format.strict", request.format.strict);
  out.raw("reasoning.effort", to_string(request.reasoning.effort));
  out.optional("reasoning.budget_tokens", request.reasoning.budget_tokens);
  out.flag("reasoning.off", request.reasoning.off);
  out.flag("reasoning.adaptive", request.reasoning.adaptive);
  out.optional("reasoning.show", request.reasoning.show);
  out.text("reasoning.summary", request.reasoning.summary);
  out.text("verbosity", request.verbosity);
  out.text("user", request.user);
  out.raw("metadata", request.metadata);
  out.text("service_tier", request.service_tier);
  out.flag("include_usage", request.include_usage);
  out.flag("no padding", !request.pad_stream);
}

inline std::string describe(const Request& request) {
  Describer out;
  out.line("from", to_string(request.from));
  out.line("model", Describer::quoted(request.model));
  out.flag("stream", request.stream);
  out.blocks("system", request.system);
  constexpr std::string_view roles[] = {"system", "user", "assistant", "tool"};
  for (std::size_t i = 0; i < request.messages.size(); ++i) {
    const Message& message = request.messages[i];
    const std::string path = fmt::format("messages[{}]", i);
    out.line(path, roles[static_cast<std::size_t>(message.role)]);
    out.text(path + ".name", message.name);
    out.blocks(path + ".content", message.content);
  }
  describe_tools(out, request);
  describe_parameters(out, request);
  out.extras(request.extras);
  return std::move(out.said());
}

inline std::string describe(const Response& response) {
  Describer out;
  out.line("id", Describer::quoted(response.id));
  out.line("model", Describer::quoted(response.model));
  out.count("created_s", response.created_s, 0);
  for (const Choice& choice : response.choices) {
    const std::string path = fmt::format("choices[{}]", choice.index);
    out.line(path, to_string(choice.finish));
    out.text(path + ".stop_sequence", choice.stop_sequence);
    out.text(path + ".explanation", choice.explanation);
    out.blocks(path + ".content", choice.content);
    out.raw(path + ".logprobs", choice.logprobs);
  }
  out.usage("usage", response.usage);
  out.text("service_tier", response.service_tier);
  out.extras(response.extras);
  return std::move(out.said());
}

// Events as they come, one line each. With `merge`, neighbouring deltas of one block are one line
// and empty ones none: how a text was cut does not matter then.
class StreamDescriber {
 public:
  explicit StreamDescriber(bool merge = false) : merge_(merge) {}

  void add(const StreamEvent& event) {
    if (event.kind == EventKind::delta && merge_) {
      if (!(held_ && choice_ == event.choice && block_ == event.block)) close();
      if (event.text.empty() && event.logprobs.empty()) return;
      held_ = true;
      choice_ = event.choice;
      block_ = event.block;
      kind_ = event.block_kind;
      held_text_.append(event.text);
      held_logprobs_.append(event.logprobs);
      return;
    }
    close();
    write(event);
  }
  // What was said so far.
  const std::string& text() {
    close();
    return out_.said();
  }

 private:
  void close() {
    if (!held_) return;
    held_ = false;
    StreamEvent joined;
    joined.kind = EventKind::delta;
    joined.choice = choice_;
    joined.block = block_;
    joined.block_kind = kind_;
    joined.text = held_text_;
    joined.logprobs = held_logprobs_;
    write(joined);
    held_text_.clear();
    held_logprobs_.clear();
  }
  void write(const StreamEvent& event) {
    constexpr std::string_view kinds[] = {"start",    "block_start", "delta",  "signature",
                                          "citation", "block_stop",  "finish", "usage",
                                          "ping",     "error",       "end"};
    Describer fields;
    const bool of_block = event.kind == EventKind::block_start || event.kind == EventKind::delta ||
                          event.kind == EventKind::signature || event.kind == EventKind::citation ||
                          event.kind == EventKind::block_stop;
    if (of_block) fields.line("kind", name_of(event.block_kind));
    fields.text("id", event.id);
    fields.text("name", event.name);
    fields.text("text", event.text);
    fields.signature("signature", event.signature);
    if (event.citation != nullptr) fields.line("citation", Describer::citation(*event.citation));
    if (event.kind == EventKind::finish) fields.line("finish", to_string(event.finish));
    fields.text("stop_sequence", event.stop_sequence);
    fields.text("explanation", event.explanation);
    fields.raw("logprobs", event.logprobs);
    fields.usage("usage", event.usage);
    fields.count("created_s", event.created_s, 0);
    fields.text("message", event.error_message);
    fields.text("type", event.error_type);
    fields.text("code", event.error_code);
    std::string& said = fields.said();
    for (char& c : said)
      if (c == '\n') c = ' ';
    if (!said.empty()) said.pop_back();
    const std::string place = of_block ? fmt::format(" {}.{}", event.choice, event.block)
                              : event.kind == EventKind::finish ? fmt::format(" {}", event.choice)
                                                                : std::string();
    out_.said() += fmt::format("{}{}{}{}\n", kinds[static_cast<std::size_t>(event.kind)], place,
                               said.empty() ? "" : " ", said);
  }

  bool merge_;
  bool held_ = false;
  std::uint32_t choice_ = 0, block_ = 0;
  BlockKind kind_ = BlockKind::text;
  std::string held_text_, held_logprobs_;
  Describer out_;
};

inline std::string describe(std::span<const StreamEvent> events, bool merge = false) {
  StreamDescriber out(merge);
  for (const StreamEvent& event : events) out.add(event);
  return out.text();
}

// What `reader` makes of `bytes`, fed `chunk` at a time from memory that does not last (so that a
// view kept too long is found), and of their end. A failure is the last line: "failed: detail".
inline std::string read_stream(StreamReader& reader, std::string_view bytes, std::size_t chunk,
                               bool merge = false) {
  StreamDescriber out(merge);
  std::vector<StreamEvent> events;
  const auto failed = [&out](const Error& error) { return out.text() + "failed: " + error.detail; };
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    const std::string only_now(bytes.substr(at, chunk));
    events.clear();
    const auto fed = reader.feed(only_now, events);
    for (const StreamEvent& event : events) out.add(event);
    if (!fed) return failed(fed.error());
  }
  events.clear();
  const auto finished = reader.finish(events);
  for (const StreamEvent& event : events) out.add(event);
  if (!finished) return failed(finished.error());
  return out.text();
}

}  // namespace holdfast::dialect::test
