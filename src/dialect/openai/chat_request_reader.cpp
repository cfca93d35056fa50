// A client's request.
#include <fmt/format.h>

#include <algorithm>

#include "dialect/openai/chat_wire.h"
#include "dialect/openai/codec.h"
#include "dialect/openai/request.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

constexpr std::int64_t most_tokens = 2'147'483'647;
constexpr double widest_seed = 9.3e18;

// Own fields without which the answer stays what was asked for.
constexpr string_view harmless_fields[] = {"prompt_cache_key", "prompt_cache_options",
                                           "prompt_cache_retention", "user", "safety_identifier"};

bool is_harmless(string_view name, JsonValue value) {
  if (std::find(std::begin(harmless_fields), std::end(harmless_fields), name) !=
      std::end(harmless_fields))
    return true;
  if (name == "store") return value.boolean() == false;
  if (name == "modalities") return value.size() == 1 && (*value.elements().begin()).text_is("text");
  const bool nothing = (value.is_object() || value.is_array()) && value.size() == 0;
  return nothing || value.boolean() == false;
}

class RequestReader {
 public:
  RequestReader(JsonValue root, Request& out)
      : out_(out), reading_{out.arena, std::nullopt}, root_(reading_, root, "") {}

  std::optional<RequestProblem> read(string_view path_model, bool path_stream) {
    out_.from = Dialect::openai;
    if (path_model.empty()) {
      out_.model = root_.needed_text("model");
    } else {
      out_.model = path_model;
      root_.take("model");
    }
    out_.stream = root_.boolean("stream").value_or(false) || path_stream;
    read_messages(root_, out_);
    read_tools();
    read_tool_choice();
    read_numbers();
    read_stop();
    read_format();
    read_reasoning();
    read_words();
    read_stream_options();
    root_.rest([this](string_view name, JsonValue value) {
      if (redirects_call(name))
        reading_.refuse(name, "is not accepted: it could send the request elsewhere",
                        "unsupported_parameter");
      keep(name, value);
    });
    return std::move(reading_.problem);
  }

 private:
  void keep(string_view name, JsonValue value) {
    for (const Extra& each : out_.extras)
      if (each.name == name) reading_.refuse(name, "is given twice", "duplicate_field");
    out_.extras.push_back({Dialect::openai, name, value.raw(), is_harmless(name, value)});
  }

  void read_function(Fields& at, Tool& out) {
    out.name = at.needed_text("name");
    out.description = at.text("description");
    out.schema = at.object("parameters").raw();
    out.strict = at.boolean("strict");
  }

  void read_tools() {
    std::size_t index = 0;
    for (const JsonValue each : root_.array("tools").elements()) {
      Fields tool(reading_, each, root_.at("tools", index++));
      const string_view type = tool.needed_text("type");
      if (reading_.problem) return;
      Tool& out = out_.tools.emplace_back();
      if (type != "function") {
        out.native = Extra{Dialect::openai, "tools", each.raw()};
        continue;
      }
      Fields function(reading_, tool.object("function"), tool.at("function"));
      read_function(function, out);
      if (const JsonValue mark = tool.object("cache_control")) {
        const string_view ttl = mark["ttl"].text(out_.arena);
        out.cache_ttl = ttl.empty() ? "5m" : ttl;
      }
    }
    index = 0;
    for (const JsonValue each : root_.array("functions").elements()) {  // deprecated
      Fields function(reading_, each, root_.at("functions", index++));
      read_function(function, out_.tools.emplace_back());
    }
  }

  bool read_choice_word(string_view word) {
    using Mode = ToolChoice::Mode;
    Mode& mode = out_.tool_choice.mode;
    if (word == "auto") mode = Mode::automatic;
    if (word == "none") mode = Mode::none;
    if (word == "required" || word == "any") mode = Mode::required;
    return mode != Mode::unset;
  }

  void read_tool_choice() {
    ToolChoice& out = out_.tool_choice;
    const JsonValue choice = root_.take("tool_choice");
    if (choice.is_string()) {
      if (!read_choice_word(choice.text(out_.arena)))
        reading_.refuse("tool_choice", "expected none, auto, required or an object");
    } else if (choice && choice["type"].text_is("function")) {
      Fields fields(reading_, choice, "tool_choice");
      Fields function(reading_, fields.object("function"), "tool_choice.function");
      out.mode = ToolChoice::Mode::named;
      out.name = function.needed_text("name");
    } else if (choice && choice["type"].text_is("allowed_tools")) {
      Fields fields(reading_, choice, "tool_choice");
      Fields allowed(reading_, fields.object("allowed_tools"), "tool_choice.allowed_tools");
      if (!read_choice_word(allowed.needed_text("mode")))
        reading_.refuse(allowed.at("mode"), "expected auto or required");
      for (const JsonValue tool : allowed.array("tools").elements())
        out.allowed.push_back(tool["function"]["name"].text(out_.arena));
    } else if (choice) {
      keep("tool_choice", choice);
    }
    const JsonValue legacy = root_.take("function_call");
    if (legacy.is_string()) {
      read_choice_word(legacy.text(out_.arena));
    } else if (legacy) {
      out.mode = ToolChoice::Mode::named;
      out.name = Fields(reading_, legacy, "function_call").needed_text("name");
    }
    out_.parallel_tools = root_.boolean("parallel_tool_calls");
  }

  void read_numbers() {
    const auto newer = root_.integer("max_completion_tokens", 1, most_tokens);
    const auto older = root_.integer("max_tokens", 1, most_tokens);
    out_.max_tokens = newer ? newer : older;
    out_.temperature = root_.number("temperature", 0, 2);
    out_.top_p = root_.number("top_p", 0, 1);
    out_.top_k = root_.integer("top_k", -1, most_tokens);
    out_.frequency_penalty = root_.number("frequency_penalty", -2, 2);
    out_.presence_penalty = root_.number("presence_penalty", -2, 2);
    out_.n = root_.integer("n", 1, 128);
    out_.seed = root_.number("seed", -widest_seed, widest_seed);
    const auto random_seed = root_.number("random_seed", -widest_seed, widest_seed);  // Mistral's
    if (!out_.seed) out_.seed = random_seed;
    out_.logprobs = root_.boolean("logprobs");
    out_.top_logprobs = root_.integer("top_logprobs", 0, 20);
  }

  void read_stop() {
    const JsonValue stop = root_.take("stop");
    if (stop.is_string()) {
      out_.stop.push_back(stop.text(out_.arena));
      return;
    }
    if (stop && !stop.is_array())
      reading_.refuse("stop", "expected a string or an array of strings", "invalid_type");
    std::size_t index = 0;
    for (const JsonValue each : stop.elements()) {
      if (!each.is_string())
        reading_.refuse(root_.at("stop", index), "expected a string", "invalid_type");
      out_.stop.push_back(each.text(out_.arena));
      ++index;
    }
  }

  void read_format() {
    const JsonValue value = root_.object("response_format");
    if (!value) return;
    Format& out = out_.format;
    const JsonValue type = value["type"];
    if (type.text_is("text")) {
      out.kind = Format::Kind::text;
    } else if (type.text_is("json_object")) {
      out.kind = Format::Kind::json_object;
    } else if (type.text_is("json_schema")) {
      out.kind = Format::Kind::json_schema;
      Fields fields(reading_, value, "response_format");
      Fields schema(reading_, fields.object("json_schema"), "response_format.json_schema");
      out.name = schema.text("name");
      out.description = schema.text("description");
      out.schema = schema.object("schema").raw();
      out.strict = schema.boolean("strict");
    } else {
      keep("response_format", value);
    }
  }

  void read_reasoning() {
    Reasoning& out = out_.reasoning;
    if (const JsonValue effort = root_.take("reasoning_effort")) {
      out.effort = effort_from(effort.text(out_.arena));
      if (out.effort == Effort::unset) keep("reasoning_effort", effort);
    }
    const JsonValue object = root_.object("reasoning");  // OpenRouter's
    if (!object) return;
    Fields fields(reading_, object, "reasoning");
    if (const string_view effort = fields.text("effort"); !effort.empty()) {
      out.effort = effort_from(effort);
      if (out.effort == Effort::unset) reading_.refuse("reasoning.effort", "is not known");
    }
    out.budget_tokens = fields.integer("max_tokens", 0, most_tokens);
    if (const auto exclude = fields.boolean("exclude")) out.show = !*exclude;
    if (const auto enabled = fields.boolean("enabled")) out.off = !*enabled;
    out.summary = fields.text("summary");
  }

  void read_words() {
    out_.verbosity = root_.text("verbosity");
    out_.service_tier = root_.text("service_tier");
    const JsonValue metadata = root_.object("metadata");
    out_.metadata = metadata.raw();
    for (const auto& [key, value] : metadata.members())
      if (redirects_call(key.text(out_.arena)))
        reading_.refuse("metadata", "names a field that could send the request elsewhere",
                        "unsupported_parameter");
    const JsonValue identifier = root_.take("safety_identifier"), user = root_.take("user");
    if (identifier && user) keep("user", user);
    out_.user = (identifier ? identifier : user).text(out_.arena);
  }

  void read_stream_options() {
    const JsonValue value = root_.object("stream_options");
    Fields options(reading_, value, "stream_options");
    out_.include_usage = options.boolean("include_usage").value_or(false);
    out_.pad_stream = options.boolean("include_obfuscation").value_or(true);
    options.rest([this](string_view name, JsonValue each) {
      keep(out_.arena.keep(fmt::format("stream_options.{}", name)), each);
    });
  }

  Request& out_;
  Reading reading_;
  Fields root_;
};

}  // namespace

std::expected<Request, RequestProblem> ChatCodec::read_request(string_view body,
                                                               string_view path_model,
                                                               bool path_stream) const {
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("the body is not acceptable JSON: {} (byte {})",
                                   parsed.error().message, parsed.error().offset),
                       "invalid_json", ""});
  Request out;
  if (auto problem = RequestReader(document.root(), out).read(path_model, path_stream))
    return std::unexpected(std::move(*problem));
  return out;
}

}  // namespace holdfast::dialect::openai
