#include "gateway/kept.h"

#include <fmt/format.h>

#include <charconv>
#include <deque>

#include "base/log.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/openai_responses/kept.h"
#include "gateway/virtual_key.h"

namespace holdfast::gateway {
namespace {

using dialect::JsonDocument;
using dialect::JsonValue;
namespace codec = dialect::openai_responses;

constexpr std::size_t id_bytes = 24;  // random ones, in an id that nobody can guess

Refusal not_found(std::string_view id) {
  return refuse(404, fmt::format("no response '{}' is kept for this key", id.substr(0, 100)),
                error_type(404), "response_not_found", "response_id");
}

Refusal not_readable(const Error& error) {
  log::warning("responses: {}", error.detail);
  return refuse(503, "the kept responses cannot be reached now: try again", error_type(503),
                "responses_unavailable");
}

Refusal bad_query(std::string_view name, std::string_view allowed) {
  return refuse(400, fmt::format("{}: expected {}", name, allowed), error_type(400),
                "invalid_value", name);
}

net::Deadline by_then(const RequestState& state) {
  return state.parts.clock.now() + limits::responses_timeout;
}

// The canonical request once more, with the conversation in front of its input.
std::optional<Refusal> read_conversation(Incoming& incoming) {
  KeptState& kept = incoming.kept;
  std::deque<JsonDocument> documents;  // what is read refers to their texts alone
  std::vector<JsonValue> history;
  for (const responses::SharedEntry& entry : kept.chain.entries) {
    JsonDocument& input = documents.emplace_back();
    JsonDocument& response = documents.emplace_back();
    if (!input.parse(entry->input) ||
        !response.parse(entry->response, {.allow_lone_surrogates = true}))
      return refuse(500, fmt::format("the kept response '{}' cannot be read", entry->id),
                    error_type(500), "internal_error", "previous_response_id");
    history.push_back(input.root());
    history.push_back(response.root()["output"]);
  }
  auto request = codec::read_request(incoming.body, history);
  if (!request) return refuse(request.error());
  codec::forget_state(*request, "previous_response_id");
  if (!kept.answer_id.empty()) codec::forget_state(*request, "store");
  kept.recalled = true;
  use_canonical(incoming, std::move(*request));
  return std::nullopt;
}

Task<void> answer_json(RequestState& state, std::string_view body) {
  net::AnswerHeaders headers = state.common_headers();
  headers.add("content-type", "application/json");
  state.answered_status = 200;
  auto sent = co_await state.exchange.answer(200, headers, body);
  (void)sent;
}

// What a GET asks for beyond the response itself.
std::optional<Refusal> check_retrieval(std::string_view query) {
  for (const std::string_view name : {"stream", "starting_after"}) {
    const std::string value = query_value(query, name);
    if (value.empty() || value == "false") continue;
    return refuse(400,
                  fmt::format("{}: only responses that were made in the background are streamed "
                              "again, and this gateway makes none",
                              name),
                  error_type(400), "unsupported_parameter", name);
  }
  return std::nullopt;
}

std::optional<Refusal> read_page(std::string_view query, codec::ItemPage& page) {
  if (const std::string limit = query_value(query, "limit"); !limit.empty()) {
    const auto [end, error] =
        std::from_chars(limit.data(), limit.data() + limit.size(), page.limit);
    if (error != std::errc() || end != limit.data() + limit.size() || page.limit < 1 ||
        page.limit > 100)
      return bad_query("limit", "1 to 100");
  }
  if (const std::string order = query_value(query, "order"); !order.empty()) {
    page.ascending = order == "asc";
    if (!page.ascending && order != "desc") return bad_query("order", "asc or desc");
  }
  page.after = query_value(query, "after");
  return std::nullopt;
}

std::string_view bare(std::string_view id) {
  if (id.starts_with("resp_")) id.remove_prefix(5);
  return id;
}

std::expected<std::string, Refusal> list_input(const responses::Entry& entry,
                                               std::string_view query) {
  codec::ItemPage page;
  if (auto refusal = read_page(query, page)) return std::unexpected(std::move(*refusal));
  JsonDocument input;
  if (!input.parse(entry.input)) return std::unexpected(not_found(entry.id));
  auto listed = codec::list_items(input.root(), bare(entry.id), page);
  if (!listed) return std::unexpected(refuse(listed.error()));
  return std::move(*listed);
}

}  // namespace

Task<std::optional<Refusal>> recall(RequestState& state) {
  Incoming& incoming = state.incoming;
  KeptState& kept = incoming.kept;
  if (kept.said.store.value_or(true) && kept.said.conversation.empty()) {
    kept.answer_id = fmt::format("resp_{}", secret_token(id_bytes));
    codec::forget_state(*incoming.canonical, "store");
  }
  const std::string& previous = kept.said.previous_response_id;
  if (previous.empty() || previous.size() > limits::response_id_bytes) co_return std::nullopt;
  const net::Deadline deadline = std::min(by_then(state), state.deadline);
  auto chain = co_await state.parts.responses->chain(state.key_name, previous, deadline);
  if (!chain && chain.error().code == ErrorCode::too_large)
    co_return refuse(400, fmt::format("previous_response_id: {}", chain.error().detail),
                     error_type(400), "conversation_too_long", "previous_response_id");
  if (!chain) co_return not_readable(chain.error());
  if (chain->entries.empty()) co_return std::nullopt;  // a provider may know it
  kept.kept_by = chain->entries.back()->kept_by;
  if (chain->missing.empty()) {
    kept.chain = std::move(*chain);
    co_return read_conversation(incoming);
  }
  if (!kept.kept_by.empty()) co_return std::nullopt;  // it has all of it
  co_return refuse(
      400,
      fmt::format("previous_response_id: the conversation is not whole any more: '{}' is gone",
                  chain->missing.substr(0, 100)),
      error_type(400), "previous_response_not_found", "previous_response_id");
}

void keep_answer(RequestState& state, std::string_view response, std::string_view passed_from) {
  const KeptState& kept = state.incoming.kept;
  if (kept.answer_id.empty() || response.empty()) return;
  auto entry = std::make_shared<responses::Entry>();
  entry->id = kept.answer_id;
  if (!passed_from.empty()) {
    JsonDocument document;
    if (!document.parse(response, {.allow_lone_surrogates = true})) return;
    const JsonValue root = document.root();
    dialect::Arena arena;
    entry->id = root["id"].text(arena);
    if (entry->id.empty() || entry->id.size() > limits::response_id_bytes ||
        !root["output"].is_array())
      return;  // nothing that one could ask for, or go on from
    if (root["store"].boolean().value_or(true)) entry->kept_by = passed_from;
  }
  entry->owner = state.key_name;
  entry->previous = kept.said.previous_response_id;
  entry->created_us = state.parts.clock.wall_us();
  entry->input = kept.input.empty() ? "[]" : kept.input;
  entry->response = response;
  if (!state.parts.responses->keep(std::move(entry)))
    log::warning("responses: the answer to {} is not kept: too many wait for the disk",
                 state.request_id);
}

Task<std::optional<Refusal>> answer_kept(RequestState& state) {
  const Front& front = state.incoming.front;
  const std::string& id = front.response_id;
  if (state.parts.responses == nullptr)
    co_return refuse(404, "this gateway keeps no responses (responses.store is off)",
                     error_type(404), "response_not_found", "response_id");
  if (id.size() > limits::response_id_bytes) co_return not_found(id);
  if (front.operation == Operation::delete_response) {
    auto removed = co_await state.parts.responses->remove(state.key_name, id, by_then(state));
    if (!removed) co_return not_readable(removed.error());
    if (!*removed) co_return not_found(id);
    const std::string deleted = codec::write_deleted(id);
    co_await answer_json(state, deleted);
    co_return std::nullopt;
  }
  auto found = co_await state.parts.responses->find(state.key_name, id, by_then(state));
  if (state.key_ended) co_return key_ended();
  if (!found) co_return not_readable(found.error());
  if (!*found) co_return not_found(id);
  const responses::Entry& entry = **found;
  if (front.operation == Operation::cancel_response)
    co_return refuse(400,
                     "only responses that are made in the background can be cancelled, and this "
                     "gateway makes none",
                     error_type(400), "cannot_cancel", "response_id");
  const std::string_view query = state.exchange.head().query();
  if (front.operation == Operation::list_input_items) {
    auto listed = list_input(entry, query);
    if (!listed) co_return std::move(listed.error());
    co_await answer_json(state, *listed);
    co_return std::nullopt;
  }
  if (auto refusal = check_retrieval(query)) co_return refusal;
  co_await answer_json(state, entry.response);
  co_return std::nullopt;
}

}  // namespace holdfast::gateway
