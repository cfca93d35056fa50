#include "dialect/openai/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "dialect/json_scan.h"
#include "dialect/openai/media.h"

namespace holdfast::dialect::openai {
namespace {

using records::bit;
using records::Feature;

constexpr std::int64_t most_tokens = 2'147'483'647;
constexpr std::int64_t most_choices = 128;

enum Place : JsonTag {
  p_model = 1,
  p_stream,
  p_stream_options,
  p_include_usage,
  p_messages,
  p_message,
  p_role,
  p_content,
  p_part,
  p_part_type,
  p_tools,
  p_parallel_tools,
  p_format,
  p_format_type,
  p_n,
  p_max_tokens,
  p_max_completion_tokens,
  p_stop,
  p_stop_item,
  p_reasoning,
  p_logprobs,
  p_input,
  p_prompt,
  p_metadata,
  p_forbidden,
  p_seed,
  p_prediction,
  p_web_search,
  p_audio,
  p_functions,
  p_temperature,
  p_top_p,
  p_logit_bias,
  p_store,
  p_service_tier,
  p_stream_format,
  p_previous_response,
  p_conversation,
};

struct Field {
  std::string_view name;
  Place place;
};

constexpr Field root_fields[] = {
    {"model", p_model},
    {"stream", p_stream},
    {"stream_options", p_stream_options},
    {"messages", p_messages},
    {"tools", p_tools},
    {"parallel_tool_calls", p_parallel_tools},
    {"response_format", p_format},
    {"n", p_n},
    {"max_tokens", p_max_tokens},
    {"max_completion_tokens", p_max_completion_tokens},
    {"stop", p_stop},
    {"reasoning_effort", p_reasoning},
    {"logprobs", p_logprobs},
    {"input", p_input},
    {"prompt", p_prompt},
    {"metadata", p_metadata},
    {"seed", p_seed},
    {"prediction", p_prediction},
    {"web_search_options", p_web_search},
    {"audio", p_audio},
    {"functions", p_functions},
    {"temperature", p_temperature},
    {"top_p", p_top_p},
    {"logit_bias", p_logit_bias},
    {"store", p_store},
    {"service_tier", p_service_tier},
    {"stream_format", p_stream_format},
    {"previous_response_id", p_previous_response},
    {"conversation", p_conversation},
};

// Fields by which other gateways let a caller send a request, and its credentials, elsewhere.
constexpr std::string_view forbidden_fields[] = {
    "api_base",   "base_url",      "api_key",     "api_version", "custom_llm_provider",
    "extra_body", "extra_headers", "extra_query", "headers",     "litellm_params",
    "model_list", "user_config"};

JsonTag find_place(std::string_view key) {
  for (const Field& field : root_fields)
    if (field.name == key) return field.place;
  return no_tag;
}

bool needs_prompt(Endpoint endpoint) {
  return endpoint == Endpoint::completions || endpoint == Endpoint::images_generations ||
         endpoint == Endpoint::images_edits;
}
bool needs_input(Endpoint endpoint) {
  return endpoint == Endpoint::embeddings || endpoint == Endpoint::moderations ||
         endpoint == Endpoint::audio_speech;
}

class RequestVisitor final : public JsonVisitor {
 public:
  RequestVisitor(ScannedRequest& out, std::string_view path_model)
      : out_(out), has_model_(!path_model.empty()) {
    out_.model = path_model;
  }

  JsonTag member(JsonTag parent, std::string_view key) override {
    switch (parent) {
      case root_tag:
        if (const JsonTag place = find_place(key); place != no_tag) return place;
        return check_forbidden(key, "");
      case p_metadata:
        return check_forbidden(key, "metadata.");
      case p_stream_options:
        out_.stream_options_empty = false;
        return key == "include_usage" ? p_include_usage : no_tag;
      case p_message:
        if (key == "content") return p_content;
        return key == "role" ? p_role : no_tag;
      case p_part:
        return key == "type" ? p_part_type : no_tag;
      case p_format:
        return key == "type" ? p_format_type : no_tag;
      default:
        return no_tag;
    }
  }

  JsonTag element(JsonTag parent) override {
    switch (parent) {
      case p_messages:
        ++messages_;
        return p_message;
      case p_content:
        return p_part;
      case p_tools:
        ++tools_;
        return no_tag;
      case p_stop:
        ++stops_;
        return p_stop_item;
      default:
        return no_tag;
    }
  }

  void begin(JsonTag tag, JsonKind kind, std::size_t offset) override {
    if (tag == root_tag && kind == JsonKind::object) out_.root_at = offset + 1;
  }

  void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) override {
    const std::string_view raw = out_.body.substr(begin, end - begin);
    switch (tag) {
      case root_tag:
        if (kind != JsonKind::object) refuse("the body must be a JSON object", "");
        break;
      case p_model:
        if (!expect(kind, JsonKind::string, "model")) break;
        if (!has_model_) out_.model = unescape_json_string(raw);
        out_.model_at = {begin, end};
        has_model_ = true;
        break;
      case p_stream:
        if (nullable(kind, JsonKind::boolean, "stream")) out_.stream = raw == "true";
        break;
      case p_stream_options:
        if (kind != JsonKind::null) expect(kind, JsonKind::object, "stream_options");
        out_.stream_options_at = Span{begin, end};
        break;
      case p_include_usage:
        if (nullable(kind, JsonKind::boolean, "stream_options.include_usage"))
          out_.include_usage = raw == "true";
        out_.include_usage_at = Span{begin, end};
        break;
      case p_messages:
        expect(kind, JsonKind::array, "messages");
        has_messages_ = true;
        break;
      case p_message:
        if (kind != JsonKind::object) mismatch(kind, JsonKind::object, message_field(""));
        break;
      case p_role:
        if (kind != JsonKind::string) mismatch(kind, JsonKind::string, message_field(".role"));
        break;
      case p_content:
        if (kind != JsonKind::string && kind != JsonKind::array && kind != JsonKind::null)
          refuse(fmt::format("messages[{0}].content must be a string or an array", messages_ - 1),
                 fmt::format("messages[{}].content", messages_ - 1), "invalid_type");
        break;
      case p_part:
        break;
      case p_part_type:
        note_part(raw);
        break;
      case p_tools:
        if (nullable(kind, JsonKind::array, "tools") && tools_ > 0)
          out_.features |= bit(Feature::tools);
        break;
      case p_functions:
        if (nullable(kind, JsonKind::array, "functions")) out_.features |= bit(Feature::functions);
        break;
      case p_parallel_tools:
        if (nullable(kind, JsonKind::boolean, "parallel_tool_calls") && raw == "true")
          out_.features |= bit(Feature::parallel_tools);
        break;
      case p_format:
        nullable(kind, is_media(out_.endpoint) ? JsonKind::string : JsonKind::object,
                 "response_format");
        break;
      case p_format_type:
        if (raw == "\"json_schema\"") out_.features |= bit(Feature::schema);
        if (raw == "\"json_object\"") out_.features |= bit(Feature::json_object);
        break;
      case p_n:
        out_.n = integer(kind, raw, "n", most_choices).value_or(0);
        if (out_.n > 1) out_.features |= bit(Feature::n_many);
        break;
      case p_max_tokens:
        older_limit_ = integer(kind, raw, "max_tokens", most_tokens).value_or(0);
        break;
      case p_max_completion_tokens:
        out_.max_tokens = integer(kind, raw, "max_completion_tokens", most_tokens).value_or(0);
        break;
      case p_stop:
        note_stop(kind, begin, end);
        break;
      case p_stop_item:
        expect(kind, JsonKind::string, "stop");
        break;
      case p_reasoning:
        note(kind, Feature::reasoning);
        break;
      case p_logprobs:
        if (raw != "false" && raw != "0") note(kind, Feature::logprobs);
        break;
      case p_input:
        has_input_ = kind != JsonKind::null;
        break;
      case p_prompt:
        has_prompt_ = true;
        break;
      case p_metadata:
        if (nullable(kind, JsonKind::object, "metadata")) note(kind, Feature::metadata);
        break;
      case p_previous_response:
      case p_conversation:
        if (kind != JsonKind::null) out_.only_text = false;
        break;
      case p_store:
        if (raw == "true") note(kind, Feature::stored);
        break;
      case p_service_tier:
        note(kind, Feature::service_tier);
        break;
      case p_stream_format:
        if (nullable(kind, JsonKind::string, "stream_format"))
          sound_as_events_ = unescape_json_string(raw) == "sse";
        break;
      case p_logit_bias:
        note(kind, Feature::logit_bias);
        break;
      case p_seed:
        note(kind, Feature::seed);
        break;
      case p_prediction:
        note(kind, Feature::prediction);
        break;
      case p_web_search:
        note(kind, Feature::web_search);
        break;
      case p_audio:
        note(kind, Feature::audio);
        break;
      case p_temperature:
        nullable(kind, JsonKind::number, "temperature");
        break;
      case p_top_p:
        nullable(kind, JsonKind::number, "top_p");
        break;
      default:
        break;
    }
  }

  // What is wrong with the request as a whole.
  std::optional<RequestProblem> finish() {
    if (!problem_ && !has_model_ && !usual_model(out_.endpoint).empty()) {
      out_.model = usual_model(out_.endpoint);
      has_model_ = true;
    }
    if (!problem_ && !has_model_) missing("model");
    if (!problem_ && out_.model.empty())
      refuse("model must not be empty", "model", "invalid_value");
    if (!problem_ && out_.endpoint == Endpoint::chat_completions && !has_messages_)
      missing("messages");
    if (!problem_ && needs_prompt(out_.endpoint) && !has_prompt_) missing("prompt");
    if (!problem_ && needs_input(out_.endpoint) && !has_input_) missing("input");
    if (needs_input(out_.endpoint)) out_.stream = false;
    if (out_.endpoint == Endpoint::audio_speech) {
      out_.stream = sound_as_events_;
      out_.answers = sound_as_events_ ? AnswerForm::json : AnswerForm::bytes;
    }
    if (out_.max_tokens == 0) out_.max_tokens = older_limit_;
    out_.features |= media_features(out_.endpoint);
    if (out_.stream) out_.features |= bit(Feature::stream);
    return std::move(problem_);
  }

 private:
  void refuse(std::string message, std::string param, std::string code = "invalid_type") {
    if (!problem_)
      problem_ = RequestProblem{400, std::move(message), std::move(code), std::move(param)};
  }
  void missing(const char* field) {
    refuse(fmt::format("missing required parameter: '{}'", field), field,
           "missing_required_parameter");
  }
  std::string message_field(std::string_view field) const {
    return fmt::format("messages[{}]{}", messages_ - 1, field);
  }
  void mismatch(JsonKind kind, JsonKind wanted, std::string name) {
    refuse(fmt::format("{} must be {}, not {}", name, to_string(wanted), to_string(kind)),
           std::move(name));
  }
  bool expect(JsonKind kind, JsonKind wanted, const char* name) {
    if (kind != wanted) mismatch(kind, wanted, name);
    return kind == wanted;
  }
  // Whether the value is there: null counts as absent.
  bool nullable(JsonKind kind, JsonKind wanted, const char* name) {
    return kind != JsonKind::null && expect(kind, wanted, name);
  }
  void note(JsonKind kind, Feature feature) {
    if (kind != JsonKind::null) out_.features |= bit(feature);
  }
  std::optional<std::int64_t> integer(JsonKind kind, std::string_view raw, const char* name,
                                      std::int64_t most) {
    if (!nullable(kind, JsonKind::number, name)) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
    if (error == std::errc{} && end == raw.data() + raw.size() && number >= 1 && number <= most)
      return number;
    refuse(fmt::format("{} must be an integer from 1 to {}", name, most), name, "invalid_value");
    return std::nullopt;
  }
  JsonTag check_forbidden(std::string_view key, std::string_view prefix) {
    if (!redirects_call(key)) return no_tag;
    const std::string name = fmt::format("{}{}", prefix, key);
    refuse(fmt::format("{} is not accepted: where a request goes is decided by this gateway's "
                       "configuration alone",
                       name),
           name, "unsupported_parameter");
    return no_tag;
  }
  void note_part(std::string_view raw) {
    if (raw != "\"text\"" && raw != "\"refusal\"") out_.only_text = false;
    if (raw == "\"image_url\"") out_.features |= bit(Feature::images);
    if (raw == "\"input_audio\"") out_.features |= bit(Feature::audio);
    if (raw == "\"file\"") out_.features |= bit(Feature::files);
  }
  void note_stop(JsonKind kind, std::size_t begin, std::size_t end) {
    if (kind != JsonKind::null && kind != JsonKind::string && kind != JsonKind::array)
      return refuse("stop must be a string or an array of strings", "stop");
    note(kind, Feature::stop);
    out_.stop_at = Span{begin, end};
    out_.stop_is_null = kind == JsonKind::null;
    out_.stop_is_array = kind == JsonKind::array;
    out_.stop_is_empty = stops_ == 0;
  }

  ScannedRequest& out_;
  std::optional<RequestProblem> problem_;
  std::size_t messages_ = 0, tools_ = 0, stops_ = 0;
  std::int64_t older_limit_ = 0;  // max_tokens, where the newer field may follow
  bool has_model_ = false, has_messages_ = false, has_input_ = false, has_prompt_ = false;
  bool sound_as_events_ = false;
};

using Edit = Splice::Edit;

// The part of a form that names the model, with the delimiter before it when it is a new one.
std::string model_part(const ScannedRequest& request, std::string_view model) {
  std::string part = fmt::format("Content-Disposition: form-data; name=\"model\"\r\n\r\n{}", model);
  if (request.model_at.end > 0) return part;
  return fmt::format("--{}\r\n{}\r\n", request.boundary, part);
}

void edit_usage(const ScannedRequest& request, std::vector<Edit>& edits) {
  if (request.include_usage_at) {
    edits.push_back({*request.include_usage_at, "true"});
  } else if (!request.stream_options_at) {
    edits.push_back(
        {{request.root_at, request.root_at}, R"("stream_options":{"include_usage":true},)"});
  } else if (request.stream_options_empty) {
    edits.push_back({*request.stream_options_at, R"({"include_usage":true})"});
  } else {
    const std::size_t inside = request.stream_options_at->begin + 1;
    edits.push_back({{inside, inside}, R"("include_usage":true,)"});
  }
}

void edit_stop(const ScannedRequest& request, const std::vector<std::string>& stop,
               std::vector<Edit>& edits) {
  std::string list;
  for (const std::string& text : stop) {
    if (!list.empty()) list.push_back(',');
    list.append(quote_json_string(text));
  }
  if (!request.stop_at) {
    edits.push_back({{request.root_at, request.root_at}, fmt::format("\"stop\":[{}],", list)});
  } else if (request.stop_is_null) {
    edits.push_back({*request.stop_at, fmt::format("[{}]", list)});
  } else if (request.stop_is_array) {
    const std::size_t inside = request.stop_at->begin + 1;
    if (!request.stop_is_empty) list.push_back(',');
    edits.push_back({{inside, inside}, list});
  } else {
    const std::size_t begin = request.stop_at->begin;
    edits.push_back({{begin, begin}, fmt::format("[{},", list)});
    edits.push_back({{request.stop_at->end, request.stop_at->end}, "]"});
  }
}

}  // namespace

std::string_view path_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::chat_completions:
      return "/chat/completions";
    case Endpoint::completions:
      return "/completions";
    case Endpoint::embeddings:
      return "/embeddings";
    case Endpoint::moderations:
      return "/moderations";
    case Endpoint::images_generations:
      return "/images/generations";
    case Endpoint::images_edits:
      return "/images/edits";
    case Endpoint::images_variations:
      return "/images/variations";
    case Endpoint::audio_speech:
      return "/audio/speech";
    case Endpoint::audio_transcriptions:
      return "/audio/transcriptions";
    case Endpoint::audio_translations:
      return "/audio/translations";
    default:
      return "";
  }
}

bool redirects_call(std::string_view key) {
  return std::find(std::begin(forbidden_fields), std::end(forbidden_fields), key) !=
         std::end(forbidden_fields);
}

std::expected<ScannedRequest, RequestProblem> scan_request(Endpoint endpoint, std::string_view body,
                                                           std::string_view path_model) {
  ScannedRequest out;
  out.body = body;
  out.endpoint = endpoint;
  RequestVisitor visitor(out, path_model);
  const auto scanned = scan_json(body, visitor);
  if (!scanned)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("the body is not acceptable JSON: {} (byte {})",
                                   scanned.error().message, scanned.error().offset),
                       "invalid_json", ""});
  if (auto problem = visitor.finish()) return std::unexpected(std::move(*problem));
  return out;
}

Splice::Splice(const ScannedRequest& request, const Changes& changes)
    : request_(request), size_(request.body.size()) {
  if (!request.boundary.empty())
    edits_.push_back({request.model_at, model_part(request, changes.model)});
  else if (request.model_at.end > 0)
    edits_.push_back({request.model_at, quote_json_string(changes.model)});
  else
    edits_.push_back({{request.root_at, request.root_at},
                      fmt::format("\"model\":{},", quote_json_string(changes.model))});
  if (changes.ask_usage) edit_usage(request, edits_);
  if (changes.stop != nullptr && !changes.stop->empty() && request.boundary.empty())
    edit_stop(request, *changes.stop, edits_);
  std::sort(edits_.begin(), edits_.end(),
            [](const Edit& a, const Edit& b) { return a.at.begin < b.at.begin; });
  for (const Edit& edit : edits_) size_ += edit.text.size() - (edit.at.end - edit.at.begin);
}

void Splice::append_to(std::string& out) const {
  std::size_t from = 0;
  for (const Edit& edit : edits_) {
    out.append(request_.body, from, edit.at.begin - from).append(edit.text);
    from = edit.at.end;
  }
  out.append(request_.body, from);
}

void Splice::refer_to(WireText& out) const {
  std::size_t from = 0;
  for (const Edit& edit : edits_) {
    out.refer(request_.body.substr(from, edit.at.begin - from));
    out.append(edit.text);
    from = edit.at.end;
  }
  out.refer(request_.body.substr(from));
}

std::string splice(const ScannedRequest& request, const Changes& changes) {
  const Splice changed(request, changes);
  std::string out;
  out.reserve(changed.size());
  changed.append_to(out);
  return out;
}

}  // namespace holdfast::dialect::openai
