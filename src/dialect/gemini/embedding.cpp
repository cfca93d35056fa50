#include "dialect/gemini/embedding.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "dialect/gemini/members.h"
#include "dialect/gemini/request_writer.h"
#include "dialect/gemini/wire.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

constexpr std::array<std::pair<EmbedTask, string_view>, 8> tasks = {{
    {EmbedTask::search_query, "RETRIEVAL_QUERY"},
    {EmbedTask::search_document, "RETRIEVAL_DOCUMENT"},
    {EmbedTask::similarity, "SEMANTIC_SIMILARITY"},
    {EmbedTask::classification, "CLASSIFICATION"},
    {EmbedTask::clustering, "CLUSTERING"},
    {EmbedTask::question_answering, "QUESTION_ANSWERING"},
    {EmbedTask::fact_verification, "FACT_VERIFICATION"},
    {EmbedTask::code_query, "CODE_RETRIEVAL_QUERY"},
}};

string_view task_name(EmbedTask task) {
  for (const auto& [each, name] : tasks)
    if (each == task) return name;
  return {};
}

class Reader {
 public:
  explicit Reader(EmbedRequest& out) : reading_{out.arena, std::nullopt}, out_(out) {}

  void read(JsonValue root, Verb verb) {
    Members members(reading_, root, "");
    if (verb == Verb::predict) {
      std::size_t index = 0;
      for (const JsonValue instance : members.array("instances").elements())
        read_instance(instance, fmt::format("instances[{}]", index++));
      Members parameters(reading_, members.object("parameters"), "parameters");
      dimensions(parameters);
      keep_rest(parameters);
      keep_rest(members);
    } else if (verb == Verb::batch_embed_contents) {
      std::size_t index = 0;
      for (const JsonValue each : members.array("requests").elements())
        read_one(Members(reading_, each, fmt::format("requests[{}]", index++)));
      keep_rest(members);
    } else {
      read_one(std::move(members));
    }
    if (out_.inputs.empty())
      reading_.refuse(verb == Verb::predict ? "instances" : "requests", "is needed",
                      "missing_required_parameter");
  }
  const std::optional<RequestProblem>& problem() const { return reading_.problem; }

 private:
  void read_one(Members members) {
    members.text("model");
    EmbedInput input;
    Members content(reading_, members.object("content"), members.at("content"));
    content.text("role");
    std::string joined;
    std::size_t parts = 0;
    for (const JsonValue part : content.array("parts").elements()) {
      Members one(reading_, part, content.at("parts", parts));
      const string_view text = one.text("text");
      one.rest([&](string_view name, JsonValue) {
        reading_.refuse(one.at(name), "only texts can be embedded here");
      });
      if (parts++ > 0) joined.append("\n");
      joined.append(text);
      input.text = text;
    }
    if (parts > 1) input.text = reading_.arena.keep(std::move(joined));
    if (input.text.empty()) reading_.refuse(members.at("content"), "expected a text");
    Members config(reading_, members.object("embedContentConfig"),
                   members.at("embedContentConfig"));
    for (Members* each : {&members, &config}) {
      if (const string_view title = each->text("title"); !title.empty()) input.title = title;
      task(each->text("taskType"), each->at("taskType"));
      dimensions(*each);
      keep_rest(*each);
    }
    out_.inputs.push_back(input);
  }

  void read_instance(JsonValue instance, const std::string& path) {
    Members members(reading_, instance, path);
    EmbedInput input;
    input.text = members.needed_text("content");
    input.title = members.text("title");
    task(members.text("taskType"), members.at("taskType"));
    keep_rest(members);
    out_.inputs.push_back(input);
  }

  void task(string_view name, const std::string& field) {
    if (name.empty() || name == "TASK_TYPE_UNSPECIFIED") return;
    EmbedTask found = EmbedTask::unset;
    for (const auto& [each, known] : tasks)
      if (known == name) found = each;
    if (found == EmbedTask::unset) return reading_.refuse(field, "is no task that is known");
    if (out_.task != EmbedTask::unset && out_.task != found)
      return reading_.refuse(field, "one task for all is needed here");
    out_.task = found;
  }
  void dimensions(Members& members) {
    const auto found = members.integer("outputDimensionality", 1, 1'000'000);
    if (!found) return;
    if (out_.dimensions && *out_.dimensions != *found)
      return reading_.refuse(members.at("outputDimensionality"), "one for all is needed here");
    out_.dimensions = found;
  }
  void keep_rest(Members& members) {
    members.rest([&](string_view name, JsonValue value) {
      const bool harmless = name == "autoTruncate" || name == "auto_truncate";
      out_.extras.push_back(
          {Dialect::gemini, reading_.arena.keep(members.at(name)), value.raw(), harmless});
    });
  }

  Reading reading_;
  EmbedRequest& out_;
};

void write_own_extras(JsonWriter& json, const EmbedRequest& request, string_view prefix) {
  for (const Extra& extra : request.extras)
    if (extra.from == Dialect::gemini && extra.name.starts_with(prefix))
      json.raw_field(extra.name.substr(prefix.size()), extra.raw);
}

void write_predict(JsonWriter& json, const EmbedRequest& request) {
  json.begin_object().key("instances").begin_array();
  for (const EmbedInput& input : request.inputs) {
    json.begin_object().field("content", input.text).text_field("title", input.title);
    json.text_field("task_type", task_name(request.task)).end_object();
  }
  json.end_array().key("parameters").begin_object();
  json.optional_field("outputDimensionality", request.dimensions);
  write_own_extras(json, request, "parameters.");
  json.end_object().end_object();
}

void write_batch(JsonWriter& json, const EmbedRequest& request, string_view model) {
  const std::string resource =
      model.contains('/') ? std::string(model) : fmt::format("models/{}", model);
  json.begin_object().key("requests").begin_array();
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const EmbedInput& input = request.inputs[i];
    json.begin_object().field("model", string_view(resource)).key("content").begin_object();
    json.key("parts").begin_array().begin_object().field("text", input.text).end_object();
    json.end_array().end_object().text_field("taskType", task_name(request.task));
    json.text_field("title", input.title);
    json.optional_field("outputDimensionality", request.dimensions);
    write_own_extras(json, request, fmt::format("requests[{}].", i));
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::expected<EmbedRequest, RequestProblem> read_embed_request(string_view body,
                                                               string_view path_model, Verb verb) {
  EmbedRequest out;
  out.from = Dialect::gemini;
  out.model = path_model;
  JsonDocument document;
  if (const auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400, "the body is not JSON: " + parsed.error().message, "invalid_json", {}});
  Reader reader(out);
  reader.read(document.root(), verb);
  if (reader.problem()) return std::unexpected(*reader.problem());
  return out;
}

Result<std::string> write_embed_answer(const EmbedResponse& response, Verb verb) {
  WireText text;
  JsonWriter json(text);
  const bool single = verb == Verb::embed_content;
  if (single && response.embeddings.size() != 1)
    return fail(ErrorCode::malformed_response, "not one vector for one text");
  json.begin_object();
  json.key(verb == Verb::predict ? "predictions" : single ? "embedding" : "embeddings");
  if (!single) json.begin_array();
  for (const Embedding& each : response.embeddings) {
    Arena arena;
    const auto values = embedding_value(each, EmbedEncoding::floats, arena);
    if (!values) return std::unexpected(values.error());
    if (verb == Verb::predict) json.begin_object().key("embeddings");
    json.begin_object().raw_field("values", *values).end_object();
    if (verb == Verb::predict) json.end_object();
  }
  if (!single) json.end_array();
  if (response.usage.tokens_in >= 0 && verb != Verb::predict) {
    json.key("usageMetadata").begin_object();
    json.field("promptTokenCount", response.usage.tokens_in);
    json.field("totalTokenCount", response.usage.tokens_in).end_object();
  }
  json.end_object();
  return text.joined();
}

Result<WireRequest> write_embed_request(const EmbedRequest& request, string_view model, Api api,
                                        std::vector<Loss>& losses) {
  const bool predict = api == Api::vertex;
  auto possible = need_texts(request, predict ? max_predict_inputs : max_embed_inputs);
  if (!possible) return std::unexpected(std::move(possible).error());
  WireRequest out;
  JsonWriter json(out.body);
  out.path = path_of(model, predict ? "predict" : "batchEmbedContents");
  if (predict)
    write_predict(json, request);
  else
    write_batch(json, request, model);
  lose_embed_extras(request, Dialect::gemini, losses);
  return out;
}

Result<EmbedResponse> read_embed_answer(string_view body) {
  EmbedResponse out;
  JsonDocument document;
  JsonScanOptions options;
  options.max_nodes = body.size();
  if (!document.parse(body, options)) return fail(ErrorCode::malformed_response, "not JSON");
  JsonValue root = document.root();
  if (root.is_array() && root.size() == 1) root = *root.elements().begin();
  if (const JsonValue error = root["error"]; error && !error.is_null())
    return fail(ErrorCode::upstream_unavailable,
                fmt::format("an error in the answer: {}", error["message"].text(out.arena)));
  bool whole = true;
  const auto take = [&](JsonValue embedding) {
    const JsonValue values = embedding["values"];
    whole = whole && values.is_array();
    out.embeddings.push_back({values.raw(), {}});
  };
  if (root["embedding"].is_object()) take(root["embedding"]);
  for (const JsonValue each : root["embeddings"].elements()) take(each);
  std::int64_t counted = -1;
  for (const JsonValue each : root["predictions"].elements()) {
    take(each["embeddings"]);
    const auto tokens = each["embeddings"]["statistics"]["token_count"].number();
    if (tokens && tokens->value >= 0 && tokens->value < 1e12)
      counted = std::max<std::int64_t>(counted, 0) + static_cast<std::int64_t>(tokens->value);
  }
  if (!whole || out.embeddings.empty())
    return fail(ErrorCode::malformed_response, "no vectors, or one without values");
  out.usage.tokens_in = root["usageMetadata"]["promptTokenCount"].integer().value_or(counted);
  return out;
}

}  // namespace holdfast::dialect::gemini
