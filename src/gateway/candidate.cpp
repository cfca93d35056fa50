#include "gateway/candidate.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/cohere/rerank.h"

namespace holdfast::gateway {
namespace {

using dialect::Block;
using dialect::Loss;
using dialect::Request;

// Vectors of different models must never be mixed: embeddings go to another target only when both
// declare the same space.
bool same_space(const routing::Model& model, const routing::Target& target,
                const Incoming& incoming) {
  if (incoming.front.operation != Operation::embeddings || &target == &model.targets.front())
    return true;
  return !target.vector_space.empty() && target.vector_space == model.targets.front().vector_space;
}

// A response that is known here is known to one provider besides, at most.
bool knows_response(const routing::Target& target, const KeptState& kept) {
  return (!kept.recalled && kept.kept_by.empty()) || target.provider->name == kept.kept_by;
}

bool passes(const routing::Target& target, const Incoming& incoming) {
  const provider::Adapter& adapter = *target.provider->adapter;
  // Overrides are about conversations.
  const bool overridden = target.overrides.any() && incoming.front.operation != Operation::media;
  return !overridden && !incoming.foreign_state && !incoming.front.json_array &&
         adapter.passes(incoming.front.dialect, incoming.front.endpoint) &&
         knows_response(target, incoming.kept) &&
         !(incoming.unsigned_calls && adapter.abilities(target.model).signed_calls);
}

// What the target asks instead of the client, and the stop strings that its engine needs. The
// request is the client's again when this ends.
class Overridden {
 public:
  Overridden(const routing::Target& target, Request& request) : request_(request) {
    const routing::Overrides& asked = target.overrides;
    if (!asked.system.empty()) {
      system_ = std::exchange(request.system, {});
      Block& text = request.system.emplace_back();
      text.text = asked.system;
      system_set_ = true;
    }
    temperature_ = request.temperature;
    if (!asked.temperature.empty())
      request.temperature = dialect::Number{asked.temperature, std::stod(asked.temperature)};
    effort_ = request.reasoning.effort;
    if (!asked.effort.empty()) request.reasoning.effort = dialect::effort_from(asked.effort);
    max_tokens_ = request.max_tokens;
    if (asked.max_tokens > 0) request.max_tokens = asked.max_tokens;
    stops_ = request.stop.size();
    for (const std::string& stop : target.provider->adapter->extra_stop())
      request.stop.emplace_back(stop);
  }
  ~Overridden() {
    if (system_set_) request_.system = std::move(system_);
    request_.temperature = temperature_;
    request_.reasoning.effort = effort_;
    request_.max_tokens = max_tokens_;
    request_.stop.resize(stops_);
  }
  Overridden(const Overridden&) = delete;
  Overridden& operator=(const Overridden&) = delete;

 private:
  Request& request_;
  bool system_set_ = false;
  std::vector<Block> system_;
  std::optional<dialect::Number> temperature_;
  dialect::Effort effort_;
  std::optional<std::int64_t> max_tokens_;
  std::size_t stops_;
};

Refusal cannot_say(const std::string& field, const std::string& reason,
                   const routing::Target& target) {
  return refuse(400,
                fmt::format("{}: {} (target {}/{}); lossy: allow on the model would drop it", field,
                            reason, target.provider->name, target.model),
                error_type(400), "unsupported_parameter", field);
}

// A conversation that another provider keeps: nothing would be left of it here.
std::optional<Refusal> kept_elsewhere(const Request* request, const routing::Target& target) {
  if (request == nullptr) return std::nullopt;  // not a conversation
  for (const dialect::Extra& extra : request->extras) {
    if (extra.from != dialect::Dialect::openai_responses) continue;
    const bool response = extra.name == "previous_response_id";
    if (!response && extra.name != "conversation") continue;
    return refuse(
        400,
        fmt::format("{}: no such {} is known to the target {}/{}, which keeps none", extra.name,
                    response ? "response" : "conversation", target.provider->name, target.model),
        error_type(400), response ? "previous_response_not_found" : "conversation_not_found",
        extra.name);
  }
  return std::nullopt;
}

// A conversation that the provider keeps: its SDKs go on without one when they are told so. Left
// out, the conversation itself would be lost.
Refusal cannot_keep_thread(const routing::Target& target) {
  return refuse(400,
                fmt::format("thread: target {}/{} keeps no conversations; send the whole one",
                            target.provider->name, target.model),
                error_type(400), "thread_unsupported_request", "thread");
}

// Beta flags that change what an answer is made of; the others ask for fields that are refused by
// themselves, or for what no client misses.
std::optional<std::string_view> shaping_beta(const Incoming& incoming) {
  constexpr std::string_view shaping[] = {"dev-full-thinking", "server-side-fallback",
                                          "model-context-window-exceeded"};
  for (const auto& [name, value] : incoming.passed.headers) {
    if (!net::same_name(name, "anthropic-beta")) continue;
    for (const std::string_view flag : shaping)
      if (std::string_view(value).find(flag) != std::string_view::npos) return flag;
  }
  return std::nullopt;
}

std::optional<Refusal> only_anthropic_has(const Incoming& incoming, const routing::Target& target) {
  if (incoming.front.dialect != dialect::Dialect::anthropic ||
      target.provider->adapter->codec().dialect() == dialect::Dialect::anthropic)
    return std::nullopt;
  const auto& extras = incoming.canonical->extras;
  if (std::ranges::find(extras, "thread", &dialect::Extra::name) != extras.end())
    return cannot_keep_thread(target);
  const auto beta = shaping_beta(incoming);
  if (!beta) return std::nullopt;
  return refuse(400,
                fmt::format("anthropic-beta: target {}/{} has no {}", target.provider->name,
                            target.model, *beta),
                error_type(400), "unsupported_parameter", "anthropic-beta");
}

Refusal cannot_serve(const Incoming& incoming, const routing::Target& target) {
  return refuse(400,
                fmt::format("target {}/{} cannot serve {}", target.provider->name, target.model,
                            records::to_string(incoming.front.endpoint)),
                error_type(400), "unsupported_endpoint");
}

// The detail of what cannot be said names the field, and may say why.
Refusal cannot_write(const Error& error, const Incoming& incoming, const routing::Target& target) {
  if (error.code == ErrorCode::configuration) return cannot_serve(incoming, target);
  const auto colon = error.detail.find(": ");
  if (colon == std::string::npos) return cannot_say(error.detail, "cannot be expressed", target);
  return cannot_say(error.detail.substr(0, colon), error.detail.substr(colon + 2), target);
}

bool translatable(const Incoming& incoming) {
  return incoming.front.operation == Operation::generate ||
         incoming.front.operation == Operation::embeddings ||
         incoming.front.operation == Operation::rerank;
}

}  // namespace

bool Candidate::loses() const {
  return std::ranges::find(losses, false, &Loss::harmless) != losses.end();
}

std::string Candidate::dropped(std::string_view of_answer) const {
  constexpr std::size_t most_bytes = 1024;  // clients bound what a head may have
  std::string out(of_answer);
  std::size_t left = losses.size();
  for (const Loss& loss : losses) {
    if (out.size() + loss.field.size() > most_bytes)
      return fmt::format("{}{}{} more", out, out.empty() ? "" : ", ", left);
    if (!out.empty()) out += ", ";
    out += loss.field;
    --left;
  }
  return out;
}

Result<dialect::WireRequest> write_for(const routing::Target& target, Incoming& incoming,
                                       std::vector<Loss>& losses) {
  const provider::Adapter& adapter = *target.provider->adapter;
  if (incoming.embed) return adapter.write_embed(*incoming.embed, target.model, losses);
  if (incoming.rerank) {
    if (!adapter.reranks()) return fail(ErrorCode::configuration, "does not rerank");
    return dialect::cohere::write_rerank_request(*incoming.rerank, target.model);
  }
  const Overridden overridden(target, *incoming.canonical);
  auto written = adapter.codec().write_request(*incoming.canonical, target.model,
                                               adapter.abilities(target.model), losses);
  if (!written || adapter.codec().dialect() != incoming.front.dialect) return written;
  // The client's own fields stand in it still, and some mean nothing without their headers.
  for (const auto& header : incoming.passed.headers)
    if (net::same_name(header.first, "anthropic-beta")) written->headers.push_back(header);
  if (!incoming.passed.query.empty()) written->path.append("?").append(incoming.passed.query);
  return written;
}

bool tell_whole(Candidate& candidate, const routing::Model& model, Incoming& incoming) {
  candidate.losses.clear();
  auto written = write_for(*candidate.target, incoming, candidate.losses);
  const bool loses =
      std::ranges::find(candidate.losses, false, &Loss::harmless) != candidate.losses.end();
  if (!written || (loses && !model.lossy)) return false;
  candidate.passes = false;
  candidate.written = std::move(*written);
  return true;
}

std::expected<Candidate, Refusal> candidate_of(const routing::Target& target, std::uint16_t index,
                                               std::size_t position, bool lossy,
                                               Incoming& incoming) {
  Candidate one{&target, index, position, passes(target, incoming), {}, {}, nullptr, 0};
  if (one.passes) return one;
  if (!translatable(incoming)) return std::unexpected(cannot_serve(incoming, target));
  const auto read = read_canonical_form(incoming);
  if (!read) return std::unexpected(refuse(read.error()));
  auto refusal = kept_elsewhere(incoming.canonical.get(), target);
  if (!refusal) refusal = only_anthropic_has(incoming, target);
  if (refusal) return std::unexpected(std::move(*refusal));
  auto written = write_for(target, incoming, one.losses);
  const auto graver = std::ranges::find(one.losses, false, &Loss::harmless);
  // What would be lost comes first: it may be all that was said.
  if (graver != one.losses.end() && !lossy)
    return std::unexpected(cannot_say(graver->field, graver->reason, target));
  if (!written) return std::unexpected(cannot_write(written.error(), incoming, target));
  one.written = std::move(*written);
  return one;
}

std::expected<std::vector<Candidate>, Refusal> candidates(const routing::Model& model,
                                                          Incoming& incoming) {
  std::vector<Candidate> out;
  out.reserve(model.targets.size());
  std::optional<Refusal> refused;
  for (std::size_t i = 0; i < model.targets.size(); ++i) {
    if (!same_space(model, model.targets[i], incoming)) continue;
    auto one = candidate_of(model.targets[i], model.indices[i], i, model.lossy, incoming);
    if (one)
      out.push_back(std::move(*one));
    else if (!refused)
      refused = std::move(one).error();
  }
  if (out.empty() && refused) return std::unexpected(std::move(*refused));
  return out;
}

}  // namespace holdfast::gateway
