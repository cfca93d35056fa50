// The applications' routes: what a method and a path ask for, and in which dialect.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "dialect/canonical.h"
#include "net/http_head.h"
#include "observe/counters.h"
#include "records/attempt.h"

namespace holdfast::gateway {

enum class Operation : std::uint8_t {
  generate,     // a conversation that asks for an answer
  completions,  // OpenAI's old /completions
  embeddings,
  rerank,  // texts in the order of their worth for a question
  count_tokens,
  media,  // images, sound, moderation: passed on, never translated
  list_models,
  get_model,
  get_response,  // one that is kept, as are those below
  delete_response,
  cancel_response,
  list_input_items,
};

// What a request's body may be.
enum class BodyKind : std::uint8_t { json, form, json_or_form };

struct Front {
  dialect::Dialect dialect = dialect::Dialect::openai;
  Operation operation = Operation::generate;
  records::Endpoint endpoint = records::Endpoint::chat_completions;
  observe::Route route = observe::Route::other;
  net::Method method = net::Method::post;  // that it takes; get: HEAD too
  BodyKind body = BodyKind::json;
  std::string response_id{};  // of paths that name one, decoded
  std::string model{};        // as the path names it, decoded; empty: the body does
  std::string verb{};         // of paths that have one: "streamGenerateContent"
  bool stream = false;        // the path asks for a stream
  bool json_array = false;    // Gemini: as one JSON array
};

// The route of `head`'s path, whatever its method; nothing when there is none.
std::optional<Front> find_route(const net::RequestHead& head);
// The dialect in whose shape a client is told that its path is unknown.
dialect::Dialect dialect_of_path(std::string_view path);
// The value of `name` in a query, decoded; empty when it is not there.
std::string query_value(std::string_view query, std::string_view name);
// The routes, for the message of an unknown path.
std::string_view known_routes();

}  // namespace holdfast::gateway
