// Paths and lists: what is asked for, and which models there are.
#include <array>
#include <utility>

#include "dialect/gemini/codec.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::gemini {
namespace {

using std::string_view;

constexpr std::array<std::pair<string_view, Verb>, 6> verbs = {{
    {"generateContent", Verb::generate_content},
    {"streamGenerateContent", Verb::stream_generate_content},
    {"countTokens", Verb::count_tokens},
    {"embedContent", Verb::embed_content},
    {"batchEmbedContents", Verb::batch_embed_contents},
    {"predict", Verb::predict},
}};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    if (!escape) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
    i += 2;
  }
  return out;
}

// What is behind the first segment of that name; nothing when there is none.
std::optional<string_view> behind(string_view path, string_view segment) {
  const auto at = path.find(segment);
  if (at == string_view::npos) return std::nullopt;
  return path.substr(at + segment.size());
}

void write_listed(JsonWriter& json, const ListedModel& model) {
  json.begin_object().field("name", string_view("models/" + std::string(model.name)));
  json.field("baseModelId", model.name).field("version", "001").field("displayName", model.name);
  if (model.input_limit > 0) json.field("inputTokenLimit", model.input_limit);
  if (model.output_limit > 0) json.field("outputTokenLimit", model.output_limit);
  json.key("supportedGenerationMethods").begin_array();
  if (model.generates)
    json.string("generateContent").string("streamGenerateContent").string("countTokens");
  if (model.embeds) json.string("embedContent").string("batchEmbedContents");
  json.end_array().end_object();
}

}  // namespace

std::optional<ModelPath> split_path(string_view path) {
  path = path.substr(0, path.find('?'));
  if (!path.starts_with("/v1/") && !path.starts_with("/v1beta/") &&
      !path.starts_with("/v1beta1/") && !path.starts_with("/v1alpha/"))
    return std::nullopt;
  const string_view rest = path.substr(path.find('/', 1));
  ModelPath out;
  out.vertex = rest.starts_with("/projects/") || rest.starts_with("/publishers/");
  if (rest == "/models" || rest == "/models/") {
    out.verb = Verb::list_models;
    return out;
  }
  auto found = behind(rest, "/models/");
  if (!found) found = behind(rest, "/tunedModels/");
  if (!found && out.vertex) found = behind(rest, "/endpoints/");
  const bool leading = rest.starts_with("/models/") || rest.starts_with("/tunedModels/");
  if (!found || (!out.vertex && !leading)) return std::nullopt;
  std::string decoded = percent_decoded(*found);
  out.verb = Verb::get_model;
  // A colon may be of the model's own name: "llama3:8b". Verbs have small and capital letters only.
  const auto colon = decoded.rfind(':');
  if (colon != std::string::npos) {
    const string_view verb = string_view(decoded).substr(colon + 1);
    const bool letters =
        verb.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
        string_view::npos;
    if (letters) out.verb = Verb::other;
    for (const auto& [name, each] : verbs)
      if (name == verb) out.verb = each;
    if (letters) decoded.resize(colon);
  }
  if (decoded.empty()) return std::nullopt;
  out.model = std::move(decoded);
  return out;
}

std::string write_model(const ListedModel& model) {
  WireText text;
  JsonWriter json(text);
  write_listed(json, model);
  return text.joined();
}

std::string write_models(std::span<const ListedModel> models) {
  WireText text;
  JsonWriter json(text);
  json.begin_object().key("models").begin_array();
  for (const ListedModel& model : models) write_listed(json, model);
  json.end_array().end_object();
  return text.joined();
}

}  // namespace holdfast::dialect::gemini
