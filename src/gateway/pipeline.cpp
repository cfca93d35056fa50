// A request's way, one room after the other:
//
//   receive       the head has been read strictly (net/); who may connect at all is checked here
//   identify      whose key is it, and may it be used from there
//   admit         path, method and media type are known; the body is read within its limits
//   translate_in  one scan finds the fields that matter and refuses what must not pass
//   route         the logical model's targets, the healthy ones first
//   recall        the conversation that a kept response belongs to (kept.cpp)
//   limit         the key's, the team's and the model's limits (request_limits.cpp)
//   wait          for room, when no target has any (waiting_room.cpp)
//   attempt       one target after the other until one has answered (attempts.cpp)
//   translate_out an error in the client's own dialect, when none has
//   account       records and counts; nothing of it is waited for
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/overload_limits.h"
#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/estimate.h"
#include "dialect/gemini/codec.h"
#include "dialect/multipart.h"
#include "dialect/openai/answer.h"
#include "gateway/attempts.h"
#include "gateway/budget_hold.h"
#include "gateway/cache_step.h"
#include "gateway/front.h"
#include "gateway/gateway.h"
#include "gateway/kept.h"
#include "gateway/model_list.h"
#include "gateway/shadows.h"
#include "gateway/shedding.h"
#include "gateway/virtual_key.h"
#include "gateway/waiting_room.h"
#include "net/sigv4.h"
#include "net/url.h"

namespace holdfast::gateway {
namespace {

using net::Method;
using observe::Route;
using std::chrono::duration_cast;
using std::chrono::microseconds;

std::string_view allowed_methods(const Front& front) {
  if (front.operation == Operation::get_response || front.operation == Operation::delete_response)
    return "GET, HEAD, DELETE, OPTIONS";
  return front.method == Method::post ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

// A key as the SDKs of the dialects send it; empty: none is sent.
std::string offered_key(const net::RequestHead& head) {
  constexpr std::string_view scheme = "bearer ";
  const std::string_view authorization = head.headers.find("authorization").value_or("");
  if (net::same_name(authorization.substr(0, scheme.size()), scheme))
    return std::string(authorization.substr(scheme.size()));
  for (const std::string_view name : {"x-api-key", "api-key", "x-goog-api-key"})
    if (const auto key = head.headers.find(name)) return std::string(*key);
  return query_value(head.query(), "key");
}

// A client's own request id is taken over when it cannot do harm in a header, a log or a query.
bool sane_request_id(std::string_view id) {
  if (id.empty() || id.size() > limits::client_request_id_bytes) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// JSON, in UTF-8 if it names a character set.
bool is_json(std::string_view content_type) {
  const auto semicolon = content_type.find(';');
  if (!net::same_name(trim(content_type.substr(0, semicolon)), "application/json")) return false;
  if (semicolon == std::string_view::npos) return true;
  const std::string_view parameter = trim(content_type.substr(semicolon + 1));
  if (!net::same_name(parameter.substr(0, 8), "charset=")) return true;
  std::string_view charset = parameter.substr(8);
  if (charset.starts_with('"') && charset.ends_with('"') && charset.size() >= 2)
    charset = charset.substr(1, charset.size() - 2);
  return net::same_name(charset, "utf-8");
}

observe::Refusal refusal_reason(int status) {
  switch (status) {
    case 401:
      return observe::Refusal::unauthorized;
    case 403:
      return observe::Refusal::forbidden;
    case 404:
    case 405:
    case 501:
      return observe::Refusal::unknown_route;
    case 408:
      return observe::Refusal::timeout;
    case 413:
      return observe::Refusal::body_too_large;
    default:
      return observe::Refusal::bad_http;
  }
}

// One request on its way. Lives in Gateway::handle.
class Pipeline final : public UnderWay {
 public:
  // The gateway's, as they are when the request comes.
  struct Of {
    LoopParts& parts;
    JournalTurn& turn;
    WaitingRoom& waiting;
    WrongKeys& wrong_keys;
    Shadows* shadows;
    std::shared_ptr<const routing::Snapshot> snapshot;
    std::shared_ptr<const routing::PublishedKeys> keys;
  };
  Pipeline(Of of, net::Exchange& exchange)
      : parts_(of.parts),
        wrong_keys_(of.wrong_keys),
        state_{.exchange = exchange,
               .parts = of.parts,
               .turn = of.turn,
               .waiting = of.waiting,
               .snapshot = std::move(of.snapshot),
               .keys = std::move(of.keys),
               .started = of.parts.clock.now(),
               .shadows = of.shadows,
               .answer_most = state_.snapshot->response_buffer} {}

  Task<void> run() {
    parts_.counters.requests_in_flight.up();
    std::optional<Refusal> refusal = co_await go();
    if (refusal && state_.key_ended) refusal = key_ended();
    if (refusal) co_await answer(*refusal);
    parts_.counters.requests_in_flight.down();
    account_request();
  }

  void cut() override {
    state_.stopping = true;
    state_.cancel();
  }

  void check_key(const routing::PublishedKeys& keys) override {
    if (state_.virtual_key == nullptr || state_.key_ended) return;
    const identity::UsableKey* now = keys.table.find_id(state_.virtual_key->id);
    if (now != nullptr && now->standing(parts_.clock.wall_us()) == identity::KeyVerdict::accepted)
      return;
    state_.key_ended = true;
    cut();
  }

 private:
  // The steps in their order; a refusal ends the way.
  Task<std::optional<Refusal>> go() {
    if (auto refusal = receive()) co_return refusal;
    if (head().method == Method::options) {
      co_await answer_options();
      co_return std::nullopt;
    }
    if (auto refusal = identify()) co_return refusal;
    if (auto refusal = admit()) co_return refusal;
    if (route_ == Route::models) co_return co_await answer_models();
    if (route_ == Route::stored_responses) co_return co_await answer_kept(state_);
    const std::size_t max_body = state_.snapshot->max_body;
    if (auto refusal = hold_memory(announced_body())) co_return refusal;
    net::Exchange::Body body = state_.exchange.body_at_hand(max_body).value_or("");
    if (body->empty()) body = co_await state_.exchange.read_body(max_body);
    if (state_.key_ended) co_return key_ended();
    if (auto refusal = translate_in(body)) co_return refusal;
    if (state_.incoming.body.size() > announced_body())  // it came in chunks
      if (auto refusal = hold_memory(state_.incoming.body.size())) co_return refusal;
    if (auto unroutable = route()) co_return unroutable;
    if (concerns_kept(state_)) {
      std::optional<Refusal> forgotten = co_await recall(state_);
      if (forgotten) co_return forgotten;
      if (state_.key_ended) co_return key_ended();
    }
    if (auto limited = limit()) co_return limited;
    CacheStep cache(state_);
    if (auto not_kept = cache.look()) co_return not_kept;
    if (cache.found()) {
      co_await cache.answer();
      co_return std::nullopt;
    }
    auto refusal = co_await attempt_all();
    if (!refusal) cache.remember();
    co_return refusal;
  }

  const net::RequestHead& head() const { return state_.exchange.head(); }

  std::optional<Refusal> receive() {
    if (auto front = find_route(head()))
      state_.incoming.front = std::move(*front);
    else
      state_.incoming.front = {.dialect = dialect_of_path(head().path()), .model = {}, .verb = {}};
    known_ = state_.incoming.front.route != Route::other;
    const auto offered = head().headers.find("x-request-id");
    state_.request_id = offered && sane_request_id(*offered)
                            ? std::string(*offered)
                            : make_id("req_", parts_.clock.wall_us(), parts_.random);
    const auto origin = head().headers.find("origin");
    const auto& allowed = state_.snapshot->cors_origins;
    if (origin && std::find(allowed.begin(), allowed.end(), *origin) != allowed.end())
      state_.cors_origin = *origin;
    if (!open_to_all()) return std::nullopt;
    // Open to whoever can connect: a page in somebody's browser must not be among them.
    if (!head().host.empty() && !net::is_loopback_host(net::host_of(head().host)))
      return refuse(403, "without configured keys only loopback host names are answered",
                    error_type(403), "host_not_allowed");
    if (origin && state_.cors_origin.empty())
      return refuse(403,
                    "requests from web pages of other origins are refused (server.cors_origins)",
                    error_type(403), "origin_not_allowed");
    return std::nullopt;
  }

  // Whether there are no keys: then anybody who can connect may ask.
  bool open_to_all() const { return state_.snapshot->keys.open() && state_.keys->table.empty(); }

  std::optional<Refusal> identify() {
    const net::ClientCertificate* const shown = state_.exchange.client_certificate();
    if (shown != nullptr && !shown->problem.empty()) {
      parts_.counters.refused(observe::Refusal::forbidden);
      return refuse(403, shown->problem, error_type(403), "invalid_client_certificate");
    }
    if (open_to_all()) return std::nullopt;
    if (claims_signature()) return std::nullopt;  // proven once the body is there
    const std::string offered = offered_key(head());
    // A key that is sent counts for more: the certificate may be that of a whole fleet.
    if (offered.empty() && shown != nullptr) return identify_certificate(*shown);
    const auto text = identity::read_key_text(offered);
    if (text) {
      const auto found = state_.keys->table.find(offered, *text, parts_.clock.wall_us());
      if (found.key != nullptr) return take_virtual(found);
    }
    if (const identity::KeySettings* key = state_.snapshot->keys.find_key(offered)) {
      take_key(*key);
      return std::nullopt;
    }
    parts_.counters.refused(observe::Refusal::unauthorized);
    if (text) return refuse_wrong(text->id);
    if (text.error() == identity::KeyTextProblem::mistyped)
      return refuse(401, "this begins as a key of this server and is none: it was cut or mistyped",
                    error_type(401), "invalid_api_key");
    return refuse(401, "a valid key is needed: Authorization: Bearer KEY", error_type(401),
                  "invalid_api_key");
  }

  std::optional<Refusal> identify_certificate(const net::ClientCertificate& shown) {
    if (const auto* key = state_.snapshot->keys.find_certificate(shown.names)) {
      take_key(*key);
      return std::nullopt;
    }
    parts_.counters.refused(observe::Refusal::forbidden);
    return refuse(403, "the client certificate stands for no key of this server", error_type(403),
                  "unknown_client_certificate");
  }

  void take_key(const identity::KeySettings& key) {
    key_ = &key;
    state_.key_name = key.name;
    state_.service_class = key.service_class;
    state_.key = key_;
  }

  std::optional<Refusal> take_virtual(const identity::KeyTable::Found& found) {
    if (auto refusal = refuse_key(found, state_.exchange.client_address())) {
      parts_.counters.refused(refusal_reason(refusal->status));
      return refusal;
    }
    take_key(found.key->settings);
    state_.virtual_key = found.key;
    found.key->use->last_used_us.store(parts_.clock.wall_us(), std::memory_order_relaxed);
    return std::nullopt;
  }

  // Whether there is a key with this id makes no difference to what is answered.
  Refusal refuse_wrong(std::string_view id) {
    const auto wait = wrong_keys_.note(state_.exchange.client_address(), id, parts_.clock.now());
    if (!wait) return *refuse_key({}, state_.exchange.client_address());
    Refusal refusal = refuse(429, "too many wrong secrets for this key from this address",
                             error_type(429), "too_many_wrong_keys");
    refusal.retry_after = std::chrono::ceil<std::chrono::milliseconds>(*wait);
    return refusal;
  }

  // An AWS SDK signs: with the key's name as access key id, and the key as its secret.
  bool claims_signature() const {
    return state_.incoming.front.dialect == dialect::Dialect::bedrock &&
           head().headers.find("authorization").value_or("").starts_with("AWS4-HMAC-SHA256");
  }

  std::optional<Refusal> verify_signature(std::string_view body) {
    if (open_to_all() || !claims_signature()) return std::nullopt;
    const auto claim = net::read_sigv4_claim(*head().headers.find("authorization"));
    const identity::KeySettings* key =
        claim ? state_.snapshot->keys.find_name(claim->access_key_id) : nullptr;
    if (key != nullptr) {
      const std::string hash = net::sha256_hex(body);
      const auto verdict = net::verify_sigv4(
          *claim, {"POST", head().path(), head().query(), head().headers.fields, hash}, key->key,
          "bedrock", parts_.clock.wall_us() / 1'000'000);
      if (verdict == net::SigV4Verdict::accepted) {
        take_key(*key);
        return std::nullopt;
      }
      parts_.counters.refused(observe::Refusal::unauthorized);
      return refuse(403, net::to_string(verdict), error_type(403), "invalid_signature");
    }
    parts_.counters.refused(observe::Refusal::unauthorized);
    return refuse(401,
                  "the access key id is the name of no key of the configuration; a virtual key "
                  "cannot sign, send it as a bearer token (AWS_BEARER_TOKEN_BEDROCK)",
                  error_type(401), "invalid_api_key");
  }

  std::optional<Refusal> admit() {
    const Front& front = state_.incoming.front;
    if (!known_) {
      parts_.counters.refused(observe::Refusal::unknown_route);
      return refuse(404,
                    fmt::format("unknown path {}; this server answers {}",
                                head().path().substr(0, 200), known_routes()),
                    error_type(404), "unknown_path");
    }
    route_ = front.route;
    const bool method_fits = head().method == front.method ||
                             (front.method == Method::get && head().method == Method::head);
    if (!method_fits) {
      parts_.counters.refused(observe::Refusal::unknown_route);
      allow_ = allowed_methods(front);
      return refuse(405, fmt::format("{} takes {}", head().path().substr(0, 200), allow_),
                    error_type(405), "method_not_allowed");
    }
    if (state_.virtual_key != nullptr)
      if (auto refusal = refuse_endpoint(*state_.virtual_key, front)) {
        parts_.counters.refused(observe::Refusal::forbidden);
        return refusal;
      }
    if (front.method != Method::post) return std::nullopt;
    if (const std::string_view wanted = wanted_content_type(front.body); !wanted.empty())
      return refuse(415, fmt::format("Content-Type must be {}", wanted), error_type(415),
                    "unsupported_media_type");
    if (const auto encoding = head().headers.find("content-encoding");
        encoding && !net::same_name(*encoding, "identity"))
      return refuse(415, "compressed bodies are not accepted: leave Content-Encoding out",
                    error_type(415), "unsupported_content_encoding");
    return std::nullopt;
  }

  // What the Content-Type would have to be; empty: it is right. JSON need not be named.
  std::string_view wanted_content_type(BodyKind body) const {
    const auto& fields = head().headers.fields;
    const auto types = std::ranges::count_if(fields, [](const net::HeaderField& field) {
      return net::same_name(field.name, "content-type");
    });
    const std::string_view type = head().headers.find("content-type").value_or("");
    const bool json = types == 0 || is_json(type);
    const bool form = types == 1 && dialect::is_form(type);
    switch (body) {
      case BodyKind::json:
        return json ? "" : "application/json";
      case BodyKind::form:
        return form ? "" : "multipart/form-data, once";
      case BodyKind::json_or_form:
        return json || form ? "" : "multipart/form-data or application/json";
    }
    return "";
  }

  // The size of the body, where the head tells it.
  std::size_t announced_body() const {
    if (head().framing != net::BodyFraming::length) return 0;
    return std::min<std::uint64_t>(head().content_length, state_.snapshot->max_body);
  }

  // Charges the request for its body, and as much again for each form that it is put into.
  std::optional<Refusal> hold_memory(std::size_t body_bytes) {
    const std::int64_t bytes = limits::request_overhead_bytes +
                               limits::body_copies * static_cast<std::int64_t>(body_bytes);
    state_.memory = {};
    state_.memory = parts_.memory.take(bytes, state_.service_class, state_.snapshot->memory_limit);
    if (state_.memory.held()) return std::nullopt;
    if (state_.shadows != nullptr) state_.shadows->cut_all();  // the first to go
    return shed(parts_.counters, state_.service_class, observe::Shed::memory,
                "too much is under way for the memory of this server (server.memory_limit)");
  }

  std::optional<Refusal> translate_in(const net::Exchange::Body& body) {
    if (!body) {
      state_.exchange.close_after();
      if (state_.exchange.client_left()) return std::nullopt;
      const int status = body.error().status;
      parts_.counters.refused(status == 400 ? observe::Refusal::bad_body : refusal_reason(status));
      return refuse(status, body.error().detail, error_type(status),
                    status == 413 ? "request_too_large" : "invalid_body");
    }
    parts_.counters.client_received_bytes.add(body->size());
    if (auto refusal = verify_signature(*body)) return refusal;
    auto read = read_incoming(head(), *body, state_.incoming);
    if (!read) {
      parts_.counters.refused(observe::Refusal::bad_body);
      return refuse(read.error());
    }
    return std::nullopt;
  }

  std::optional<Refusal> route() {
    if (state_.incoming.body.empty()) return std::nullopt;  // the client left while it was sending
    const auto found = state_.snapshot->models.find(state_.incoming.model);
    if (found == state_.snapshot->models.end()) {
      parts_.counters.refused(observe::Refusal::unknown_model);
      return refuse(404,
                    fmt::format("the model '{}' does not exist; GET /v1/models lists those that do",
                                state_.incoming.model.substr(0, 200)),
                    error_type(404), "model_not_found", "model");
    }
    if (!identity::may_use(key_, found->first)) {
      parts_.counters.refused(observe::Refusal::forbidden);
      return refuse(403, fmt::format("this key may not use the model '{}'", found->first),
                    error_type(403), "model_not_allowed", "model");
    }
    state_.model = degrade(found->second);
    state_.deadline = state_.started + state_.model->deadline;
    if (state_.incoming.stream) state_.keepalive_at = state_.started + state_.model->hold_keepalive;
    return std::nullopt;
  }

  std::optional<Refusal> limit() {
    if (state_.model == nullptr) return std::nullopt;
    return state_.limits.take(*state_.snapshot, {key_, state_.virtual_key, state_.keys.get()},
                              *state_.model, estimated_tokens(), parts_.clock.now(),
                              parts_.counters);
  }

  // Before anybody has counted; 0 for requests that only count, and for forms with files.
  std::int64_t estimated_tokens() const {
    const Incoming& incoming = state_.incoming;
    if (incoming.front.operation == Operation::count_tokens) return 0;
    if (dialect::is_form(head().headers.find("content-type").value_or(""))) return 0;  // files
    if (incoming.canonical) return dialect::estimate_tokens(*incoming.canonical);
    const std::string_view boundary = incoming.scanned.boundary;
    if (!boundary.empty()) return dialect::estimate_form_tokens(incoming.body, boundary);
    return dialect::estimate_body_tokens(incoming.body);
  }

  // The model itself, or the cheaper one that a nearly used up budget names in its place. One step
  // only: what is cheaper has a budget of its own, or none.
  const routing::Model* degrade(const routing::Model& model) {
    if (state_.snapshot->budgets.empty()) return &model;
    // Vectors of two models must never be mixed, and other work is not the cheaper model's.
    const Operation operation = state_.incoming.front.operation;
    const bool exchangeable =
        operation == Operation::generate || operation == Operation::completions;
    const routing::Budget* budget = degrading_budget(state_, model.name);
    if (budget == nullptr || !exchangeable) return &model;
    const auto cheaper = state_.snapshot->models.find(budget->degrade_to);
    if (cheaper == state_.snapshot->models.end()) return &model;
    // What falls back never goes beyond what a virtual key may use.
    if (state_.virtual_key != nullptr && !identity::may_use(key_, cheaper->first)) return &model;
    state_.degraded =
        fmt::format("{} -> {}: budget {}", model.name, budget->degrade_to, budget->name);
    return &cheaper->second;
  }

  Task<std::optional<Refusal>> attempt_all() {
    if (state_.model == nullptr) co_return std::nullopt;
    net::Exchange::ClientWatch watch(state_.exchange, [this] { state_.cancel(); });
    auto fitting = candidates(*state_.model, state_.incoming);
    if (!fitting && state_.incoming.front.operation == Operation::count_tokens)
      co_return co_await answer_estimate();
    if (!fitting) co_return std::move(fitting.error());
    if (state_.virtual_key != nullptr)
      if (auto refusal = keep_permitted(*state_.virtual_key, state_.model->name, *fitting)) {
        parts_.counters.refused(observe::Refusal::forbidden);
        co_return refusal;
      }
    Attempts attempts(state_);
    while (true) {
      std::optional<Refusal> told = co_await attempts.run(*fitting);
      const bool over = !told || told->passed_on || parts_.clock.now() >= state_.deadline;
      if (over || state_.full.empty()) co_return told;
      const std::vector<FullTarget> full = std::exchange(state_.full, {});
      std::optional<Refusal> no_room = co_await state_.waiting.wait(state_, full);
      if (no_room || state_.exchange.client_left()) co_return no_room;
      std::erase_if(*fitting, [&full](const Candidate& one) {  // the others have had their turn
        return std::ranges::find(full, one.index, &FullTarget::index) == full.end();
      });
    }
  }

  Task<void> answer(const Refusal& refusal) {
    if (state_.exchange.begun()) {  // comments went out already: the error comes as an event
      state_.answered_status = 200;
      state_.broken = true;
      parts_.counters.error_events.add();
      const std::string event = error_event(state_, refusal);
      auto sent = co_await state_.exchange.end(event);
      (void)sent;
      co_return;
    }
    const dialect::Dialect dialect = state_.incoming.front.dialect;
    state_.answered_status = status_of(refusal, dialect);
    net::AnswerHeaders headers = state_.common_headers();
    headers.add("content-type", "application/json");
    if (dialect == dialect::Dialect::bedrock)
      headers.add("x-amzn-errortype",
                  dialect::bedrock::exception_of(report_of(refusal, state_.request_id)));
    if (refusal.status == 401) headers.add("www-authenticate", "Bearer");
    if (!allow_.empty()) headers.add("allow", allow_);
    if (refusal.retry_after) {
      const auto ms = refusal.retry_after->count();
      headers.add("retry-after", fmt::format("{}", (ms + 999) / 1000));
      headers.add("retry-after-ms", fmt::format("{}", ms));
    }
    if (refusal.should_not_retry) headers.add("x-should-retry", "false");
    if (state_.attempts > 0) {
      headers.add("x-holdfast-attempts", fmt::format("{}", state_.attempts));
      std::span<const FailedAttempt> reasons = state_.failed;
      if (refusal.passed_on) {
        headers.add("x-holdfast-provider", reasons.back().provider);
        headers.add("x-holdfast-model", reasons.back().model);
        reasons = reasons.first(reasons.size() - 1);
      }
      if (!reasons.empty()) headers.add("x-holdfast-fallback-reason", fallback_reasons(reasons));
    }
    const std::string body = body_of(refusal, dialect, state_.request_id);
    auto sent = co_await state_.exchange.answer(state_.answered_status, headers, body);
    (void)sent;
  }

  // How many tokens a request has, where no target counts them in the client's dialect.
  Task<std::optional<Refusal>> answer_estimate() {
    const std::int64_t tokens = dialect::estimate_tokens(*state_.incoming.canonical);
    const std::string body = state_.incoming.front.dialect == dialect::Dialect::gemini
                                 ? dialect::gemini::write_count_answer(tokens)
                                 : dialect::anthropic::write_count_answer(tokens);
    net::AnswerHeaders headers = state_.common_headers();
    headers.add("content-type", "application/json");
    headers.add("x-holdfast-estimate", "true");
    state_.answered_status = 200;
    auto sent = co_await state_.exchange.answer(200, headers, body);
    (void)sent;
    co_return std::nullopt;
  }

  Task<void> answer_options() {
    net::AnswerHeaders headers = state_.common_headers();
    headers.add("allow", known_ ? allowed_methods(state_.incoming.front)
                                : "GET, HEAD, POST, DELETE, OPTIONS");
    if (!state_.cors_origin.empty()) {
      headers.add("access-control-allow-methods", "GET, POST, DELETE, OPTIONS");
      headers.add("access-control-allow-headers",
                  head().headers.find("access-control-request-headers").value_or("authorization"));
      headers.add("access-control-max-age", "600");
    }
    state_.answered_status = 204;
    auto sent = co_await state_.exchange.answer(204, headers, {});
    (void)sent;
  }

  Task<std::optional<Refusal>> answer_models() {
    const Front& front = state_.incoming.front;
    std::vector<std::string_view> names;
    for (const auto& [name, model] : state_.snapshot->models)
      if (identity::may_use(key_, name) && (front.model.empty() || front.model == name))
        names.emplace_back(name);
    if (!front.model.empty() && names.empty())
      co_return refuse(404,
                       fmt::format("the model '{}' does not exist", front.model.substr(0, 200)),
                       error_type(404), "model_not_found", "model");
    auto listed =
        write_models(front, head().query(), names, state_.snapshot->loaded_us / 1'000'000);
    if (!listed) co_return refuse(listed.error());
    const std::string& body = *listed;
    net::AnswerHeaders headers = state_.common_headers();
    headers.add("content-type", "application/json");
    state_.answered_status = 200;
    auto sent = co_await state_.exchange.answer(200, headers, body);
    (void)sent;
    co_return std::nullopt;
  }

  void account_request() {
    const net::Exchange& exchange = state_.exchange;
    state_.limits.settle(parts_.clock.now());
    if (exchange.client_left()) parts_.counters.clients_left.add();
    parts_.counters.client_sent_bytes.add(exchange.bytes_sent());
    parts_.counters.answered(
        route_, static_cast<unsigned>(exchange.begun() ? state_.answered_status : 499));
    const auto took_us = duration_cast<microseconds>(parts_.clock.now() - state_.started).count();
    parts_.counters.request_duration[static_cast<std::size_t>(route_)].observe_us(took_us);
    if (state_.model == nullptr) return;
    observe::ServiceCounters& service = parts_.counters.service(
        state_.model->service_index(key_ ? std::string_view(key_->service) : ""));
    const observe::RequestEnd end = request_end();
    service.requests[static_cast<std::size_t>(end)].add();
    if (end == observe::RequestEnd::ok) service.duration.observe_us(took_us);
  }

  observe::RequestEnd request_end() const {
    if (state_.broken) return observe::RequestEnd::error;
    if (state_.exchange.client_left()) return observe::RequestEnd::client_left;
    if (!state_.exchange.begun() || state_.answered_status >= 500)
      return observe::RequestEnd::error;
    return state_.answered_status >= 400 ? observe::RequestEnd::client_error
                                         : observe::RequestEnd::ok;
  }

  LoopParts& parts_;
  WrongKeys& wrong_keys_;
  RequestState state_;
  const identity::KeySettings* key_ = nullptr;
  Route route_ = Route::other;
  bool known_ = false;      // the path is one of ours
  std::string_view allow_;  // of a 405
};

}  // namespace

Gateway::Gateway(LoopParts parts, std::shared_ptr<const routing::Snapshot> snapshot)
    : parts_(std::move(parts)),
      turn_(parts_.loop, parts_.journal),
      waiting_(std::make_unique<WaitingRoom>(parts_.loop, parts_.watchdog, parts_.capacity,
                                             parts_.counters)),
      keys_(std::make_shared<routing::PublishedKeys>()) {
  use(std::move(snapshot));
}

Gateway::~Gateway() = default;

Task<void> Gateway::handle(net::Exchange& exchange) {
  Pipeline pipeline({parts_, turn_, *waiting_, wrong_keys_, shadows_.get(), snapshot_, keys_},
                    exchange);
  struct Entry {  // leaves the list however the request ends
    std::list<UnderWay*>& list;
    std::list<UnderWay*>::iterator place;
    ~Entry() { list.erase(place); }
  } entry{under_way_, under_way_.insert(under_way_.end(), &pipeline)};
  co_await pipeline.run();
}

void Gateway::use(std::shared_ptr<const routing::Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  const auto has_shadows = [](const auto& one) { return !one.second.shadows.empty(); };
  if (!shadows_ && !no_more_shadows_ && std::ranges::any_of(snapshot_->models, has_shadows))
    shadows_ = std::make_unique<Shadows>(parts_, turn_, *waiting_);
  if (shadows_) shadows_->use(*snapshot_);
}

void Gateway::use_keys(std::shared_ptr<const routing::PublishedKeys> keys) {
  keys_ = std::move(keys);
  for (UnderWay* request : under_way_) request->check_key(*keys_);
}

void Gateway::use_credential(const std::string& provider,
                             std::shared_ptr<const vault::Credential> credential) {
  if (shadows_) shadows_->use_credential(provider, credential);
  if (!credential) {
    parts_.credentials.erase(provider);
    return;
  }
  parts_.credentials[provider] = std::move(credential);
  for (const auto& [name, model] : snapshot_->models)
    for (std::size_t i = 0; i < model.targets.size(); ++i)
      if (model.targets[i].provider->name == provider)
        parts_.health.credential_changed(model.indices[i], parts_.clock.now());
}

void Gateway::keep_house(const net::HttpServer& server) {
  observe::ThreadCounters& counters = parts_.counters;
  counters.client_connections.set(static_cast<std::int64_t>(server.connections()));
  counters.client_connections_opened.set(server.accepted());
  counters.bugs.set(server.internal_errors() + (shadows_ ? shadows_->bugs() : 0));
  counters.journal_flushes.set(parts_.journal.flushes());
  if (parts_.journal.pending()) turn_.schedule();
  parts_.pool.evict();
  for (UnderWay* request : under_way_) request->check_key(*keys_);  // whose time is over
  if (shadows_) shadows_->keep_house();
}

void Gateway::stop_shadows() {
  no_more_shadows_ = true;
  if (shadows_) shadows_->stop();
}

Task<void> Gateway::shadows_ended() {
  if (shadows_) co_await shadows_->ended();
}

void Gateway::cut_all() {
  for (UnderWay* request : under_way_) request->cut();
}

std::string Gateway::problem_answer(const net::HeadProblem& problem, net::AnswerHeaders& headers) {
  parts_.counters.refused(refusal_reason(problem.status));
  parts_.counters.answered(Route::other, static_cast<unsigned>(problem.status));
  headers.add("x-request-id", make_id("req_", parts_.clock.wall_us(), parts_.random));
  headers.add("content-type", "application/json");
  if (problem.status == 405) headers.add("allow", "GET, HEAD, POST, DELETE, OPTIONS");
  if (problem.status == 426) headers.add("upgrade", "HTTP/1.1");
  const bool ours = problem.status == 500;
  return dialect::openai::error_body(problem.detail,
                                     ours ? "server_error" : "invalid_request_error",
                                     ours ? "internal_error" : "bad_http");
}

}  // namespace holdfast::gateway
