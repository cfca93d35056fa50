#include "gateway/front.h"

#include <algorithm>
#include <array>

#include "net/url.h"

namespace holdfast::gateway {
namespace {

using dialect::Dialect;
using net::Method;
using observe::Route;
using records::Endpoint;

struct Fixed {
  std::string_view path;
  Dialect dialect;
  Operation operation;
  Endpoint endpoint;
  Route route;
  Method method = Method::post;
  BodyKind body = BodyKind::json;
};
constexpr Fixed fixed_paths[] = {
    {"/v1/chat/completions", Dialect::openai, Operation::generate, Endpoint::chat_completions,
     Route::chat_completions},
    {"/v1/completions", Dialect::openai, Operation::completions, Endpoint::completions,
     Route::completions},
    {"/v1/embeddings", Dialect::openai, Operation::embeddings, Endpoint::embeddings,
     Route::embeddings},
    {"/v1/responses", Dialect::openai_responses, Operation::generate, Endpoint::responses,
     Route::responses},
    {"/v1/messages", Dialect::anthropic, Operation::generate, Endpoint::messages, Route::messages},
    {"/v1/messages/count_tokens", Dialect::anthropic, Operation::count_tokens,
     Endpoint::count_tokens, Route::count_tokens},
    {"/v1/models", Dialect::openai, Operation::list_models, Endpoint::chat_completions,
     Route::models, Method::get},
    {"/v1beta/models", Dialect::gemini, Operation::list_models, Endpoint::generate_content,
     Route::models, Method::get},
    {"/v1/rerank", Dialect::cohere, Operation::rerank, Endpoint::rerank, Route::rerank},
    {"/v2/rerank", Dialect::cohere, Operation::rerank, Endpoint::rerank, Route::rerank},
    {"/rerank", Dialect::cohere, Operation::rerank, Endpoint::rerank, Route::rerank},
    {"/v1/moderations", Dialect::openai, Operation::media, Endpoint::moderations,
     Route::moderations},
    {"/v1/images/generations", Dialect::openai, Operation::media, Endpoint::images_generations,
     Route::images_generations},
    {"/v1/images/edits", Dialect::openai, Operation::media, Endpoint::images_edits,
     Route::images_edits, Method::post, BodyKind::json_or_form},
    {"/v1/images/variations", Dialect::openai, Operation::media, Endpoint::images_variations,
     Route::images_variations, Method::post, BodyKind::form},
    {"/v1/audio/speech", Dialect::openai, Operation::media, Endpoint::audio_speech,
     Route::audio_speech},
    {"/v1/audio/transcriptions", Dialect::openai, Operation::media, Endpoint::audio_transcriptions,
     Route::audio_transcriptions, Method::post, BodyKind::form},
    {"/v1/audio/translations", Dialect::openai, Operation::media, Endpoint::audio_translations,
     Route::audio_translations, Method::post, BodyKind::form},
};

struct Verb {
  std::string_view name;
  Operation operation;
  Endpoint endpoint;
  Route route;
};
constexpr Verb gemini_verbs[] = {
    {"generateContent", Operation::generate, Endpoint::generate_content, Route::generate_content},
    {"streamGenerateContent", Operation::generate, Endpoint::generate_content,
     Route::generate_content},
    {"countTokens", Operation::count_tokens, Endpoint::count_tokens, Route::count_tokens},
    {"embedContent", Operation::embeddings, Endpoint::embed_content, Route::embed_content},
    {"batchEmbedContents", Operation::embeddings, Endpoint::embed_content, Route::embed_content},
};

// Takes `prefix` off; false when it is not there.
bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

Front front_of(const Fixed& fixed) {
  return {fixed.dialect, fixed.operation, fixed.endpoint, fixed.route, fixed.method, fixed.body};
}

// "gemini-2.5-pro:generateContent", behind ".../models/".
std::optional<Front> gemini_call(std::string_view rest, std::string_view query) {
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view name = rest.substr(colon + 1);
  for (const Verb& verb : gemini_verbs) {
    if (verb.name != name) continue;
    Front front{Dialect::gemini, verb.operation, verb.endpoint, verb.route};
    front.model = net::percent_decode(rest.substr(0, colon));
    front.verb = verb.name;
    front.stream = name == "streamGenerateContent";
    front.json_array = front.stream && query_value(query, "alt") != "sse";
    return front;
  }
  return std::nullopt;
}

// "/v1/projects/P/locations/L/publishers/google/models/": true when `path` began with one.
bool take_vertex(std::string_view& path) {
  std::string_view rest = path;
  if (!take(rest, "/v1/projects/") && !take(rest, "/v1beta1/projects/") &&
      !take(rest, "/v1beta1/publishers/") && !take(rest, "/v1/publishers/"))
    return false;
  const auto models = rest.find("/models/");
  if (models == std::string_view::npos) return false;
  path = rest.substr(models + 8);
  return true;
}

std::optional<Front> google(std::string_view path, std::string_view query, Method method) {
  if (take_vertex(path)) return gemini_call(path, query);
  if (take(path, "/v1beta/models/")) {
    if (auto call = gemini_call(path, query)) return call;
    if (path.empty() || method == Method::post) return std::nullopt;
    Front front{Dialect::gemini, Operation::get_model, Endpoint::generate_content, Route::models,
                Method::get};
    front.model = net::percent_decode(path);
    return front;
  }
  return std::nullopt;
}

std::optional<Front> bedrock(std::string_view path) {
  if (!take(path, "/model/")) return std::nullopt;
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::string_view verb = path.substr(slash + 1);
  if (verb != "converse" && verb != "converse-stream") return std::nullopt;
  Front front{Dialect::bedrock, Operation::generate, Endpoint::converse, Route::converse};
  front.model = net::percent_decode(path.substr(0, slash));
  front.verb = verb;
  front.stream = verb == "converse-stream";
  return front;
}

// ID, ID/cancel or ID/input_items, behind ".../responses/".
std::optional<Front> kept_response(std::string_view rest, Method method) {
  const auto slash = rest.find('/');
  const std::string_view id = rest.substr(0, slash);
  const std::string_view what = slash == rest.npos ? std::string_view() : rest.substr(slash);
  // These are operations of OpenAI's that are not here, and no ids.
  if (id.empty() || id == "compact" || id == "input_tokens") return std::nullopt;
  Front front{Dialect::openai_responses, Operation::get_response, Endpoint::responses,
              Route::stored_responses, Method::get};
  front.response_id = net::percent_decode(id);
  if (what.empty() && method == Method::del) {
    front.operation = Operation::delete_response;
    front.method = Method::del;
  } else if (what == "/cancel") {
    front.operation = Operation::cancel_response;
    front.method = Method::post;
  } else if (what == "/input_items") {
    front.operation = Operation::list_input_items;
  } else if (!what.empty()) {
    return std::nullopt;
  }
  return front;
}

// Azure's two generations of paths lead to the same rooms.
std::optional<Front> azure(std::string_view path, Method method) {
  if (!take(path, "/openai/")) return std::nullopt;
  std::string deployment;
  if (take(path, "deployments/")) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;
    deployment = net::percent_decode(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  } else if (!take(path, "v1/")) {
    return std::nullopt;
  }
  if (std::string_view rest = path; deployment.empty() && take(rest, "responses/"))
    return kept_response(rest, method);
  for (const Fixed& fixed : fixed_paths) {
    if (!fixed.path.starts_with("/v1/") || fixed.path.substr(4) != path) continue;
    if (fixed.dialect != Dialect::openai && fixed.dialect != Dialect::openai_responses) continue;
    Front front = front_of(fixed);
    front.model = deployment;
    return front;
  }
  return std::nullopt;
}

std::optional<Front> models(const net::RequestHead& head) {
  std::string_view path = head.path();
  if (!take(path, "/v1/models/") || path.empty()) return std::nullopt;
  if (auto call = gemini_call(path, head.query())) return call;  // Gemini's v1 has the same place
  Front front = front_of(fixed_paths[6]);
  front.operation = Operation::get_model;
  front.model = net::percent_decode(path);
  return front;
}

}  // namespace

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (net::percent_decode(pair.substr(0, equals), true) != name) continue;
    return equals == std::string_view::npos ? std::string()
                                            : net::percent_decode(pair.substr(equals + 1), true);
  }
  return {};
}

std::optional<Front> find_route(const net::RequestHead& head) {
  const std::string_view path = head.path();
  std::optional<Front> found;
  if (std::string_view rest = path; take(rest, "/v1/responses/"))
    return kept_response(rest, head.method);
  for (const Fixed& fixed : fixed_paths)
    if (fixed.path == path) found = front_of(fixed);
  if (!found) found = models(head);
  if (!found) found = google(path, head.query(), head.method);
  if (!found) found = bedrock(path);
  if (!found) found = azure(path, head.method);
  // Anthropic's SDK asks for models at the same place as OpenAI's, and names its version.
  if (found && found->route == Route::models && found->dialect == Dialect::openai) {
    if (head.headers.find("anthropic-version")) found->dialect = Dialect::anthropic;
    if (head.headers.find("x-goog-api-key")) found->dialect = Dialect::gemini;
  }
  return found;
}

Dialect dialect_of_path(std::string_view path) {
  if (path.starts_with("/v1/messages")) return Dialect::anthropic;
  if (path.starts_with("/model/")) return Dialect::bedrock;
  if (path.starts_with("/v1beta") || path.starts_with("/v1/projects/")) return Dialect::gemini;
  return Dialect::openai;
}

std::string_view known_routes() {
  return "POST /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses (and /ID, "
         "/ID/cancel, /ID/input_items), "
         "/v1/messages, /v1/messages/count_tokens, /v1beta/models/MODEL:generateContent (and "
         ":streamGenerateContent, :countTokens, :embedContent, :batchEmbedContents), "
         "/v1/rerank, /v1/moderations, /v1/images/generations, /v1/images/edits, "
         "/v1/images/variations, /v1/audio/speech, /v1/audio/transcriptions, "
         "/v1/audio/translations, /model/MODEL/converse, /model/MODEL/converse-stream, "
         "GET /v1/models, "
         "/v1/models/MODEL";
}

}  // namespace holdfast::gateway
