#include "gateway/incoming.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/cohere/codec.h"
#include "dialect/cohere/rerank.h"
#include "dialect/gemini/embedding.h"
#include "dialect/multipart.h"
#include "dialect/openai/codec.h"
#include "dialect/openai/embedding.h"
#include "dialect/openai/form_request.h"
#include "dialect/openai_responses/codec.h"

namespace holdfast::gateway {
namespace {

using dialect::BlockKind;
using dialect::Dialect;
using dialect::Request;
using dialect::RequestProblem;
using records::bit;
using records::Feature;

std::uint32_t feature_of(BlockKind kind) {
  switch (kind) {
    case BlockKind::image:
      return bit(Feature::images);
    case BlockKind::audio:
      return bit(Feature::audio);
    case BlockKind::document:
      return bit(Feature::files);
    case BlockKind::text:
    case BlockKind::video:
    case BlockKind::tool_call:
    case BlockKind::tool_result:
    case BlockKind::thinking:
    case BlockKind::redacted_thinking:
    case BlockKind::refusal:
    case BlockKind::native:
      return 0;
  }
  return 0;
}

// A house is named only by the envelope in which a signature came through this client: no provider
// reads that, its own house neither. So it is with citations that were made here.
void note_foreign_state(Incoming& into) {
  for (const dialect::Message& message : into.canonical->messages)
    for (const dialect::Block& block : message.content) {
      into.foreign_state = into.foreign_state || !block.signature.house.empty();
      for (const dialect::Citation& citation : block.citations)
        into.foreign_state = into.foreign_state || citation.raw.empty();
    }
}

void note_features(Incoming& into) {
  const Request& request = *into.canonical;
  const auto set = [&into](bool holds, Feature feature) {
    if (holds) into.features |= bit(feature);
  };
  set(into.stream, Feature::stream);
  set(!request.tools.empty(), Feature::tools);
  set(request.parallel_tools == true, Feature::parallel_tools);
  set(request.format.kind == dialect::Format::Kind::json_schema, Feature::schema);
  set(request.format.kind == dialect::Format::Kind::json_object, Feature::json_object);
  set(request.reasoning.effort != dialect::Effort::unset || request.reasoning.budget_tokens ||
          request.reasoning.adaptive,
      Feature::reasoning);
  set(request.logprobs == true, Feature::logprobs);
  set(request.n.value_or(1) > 1, Feature::n_many);
  set(!request.stop.empty(), Feature::stop);
  set(request.seed.has_value(), Feature::seed);
  set(!request.metadata.empty(), Feature::metadata);
  set(!request.service_tier.empty(), Feature::service_tier);
  for (const dialect::Message& message : request.messages) {
    bool first_call = true;  // parallel ones share its signature
    for (const dialect::Block& block : message.content) {
      into.features |= feature_of(block.kind);
      if (block.kind == BlockKind::tool_call && std::exchange(first_call, false))
        into.unsigned_calls = into.unsigned_calls || block.signature.value.empty();
    }
  }
  note_foreign_state(into);
}

std::optional<RequestProblem> check_forbidden(dialect::JsonValue root) {
  dialect::Arena arena;
  for (const auto& member : root.members()) {
    const std::string_view name = member.key.text(arena);
    if (dialect::openai::redirects_call(name))
      return RequestProblem{400, fmt::format("{} is not allowed: it could redirect the call", name),
                            "forbidden_field", std::string(name)};
  }
  return std::nullopt;
}

// Nothing is answered here when the client has gone.
std::optional<RequestProblem> read_state(dialect::JsonValue root, KeptState& into) {
  into.said = dialect::openai_responses::read_state(root);
  if (const dialect::JsonValue input = root["input"]; input.is_string() || input.is_array())
    into.input = input.raw();
  if (!into.said.background) return std::nullopt;
  return RequestProblem{400,
                        "background: this gateway answers while the client waits, and later not",
                        "unsupported_parameter", "background"};
}

std::expected<Request, RequestProblem> read_canonical(const Incoming& incoming) {
  if (incoming.front.operation == Operation::count_tokens &&
      incoming.front.dialect == Dialect::anthropic)
    return dialect::anthropic::read_count_request(incoming.body);
  if (incoming.front.operation == Operation::count_tokens)
    return dialect::gemini::read_count_request(incoming.body, incoming.front.model);
  return client_codec(incoming.front.dialect)
      .read_request(incoming.body, incoming.front.model, incoming.front.stream);
}

// What of the client's headers goes on to a provider of its dialect.
void pass_headers(const net::RequestHead& head, Incoming& into) {
  if (into.front.dialect != Dialect::anthropic) return;
  // One version, the one that was checked.
  if (const auto version = head.headers.find("anthropic-version"))
    into.passed.headers.emplace_back("anthropic-version", *version);
  for (const auto& field : head.headers.fields)
    if (net::same_name(field.name, "anthropic-beta"))
      into.passed.headers.emplace_back(field.name, field.value);
  if (query_value(head.query(), "beta") == "true") into.passed.query = "beta=true";
}

// Where a request for vectors names the model once more, as Google's SDKs do.
void find_resources(dialect::JsonValue root, Incoming& into) {
  const auto note = [&into](dialect::JsonValue model) {
    if (!model.is_string()) return;
    const auto begin = static_cast<std::size_t>(model.raw().data() - into.body.data());
    into.passed.resources_at.push_back({begin, begin + model.raw().size()});
  };
  note(root["model"]);
  for (const dialect::JsonValue each : root["requests"].elements()) note(each["model"]);
  std::ranges::sort(into.passed.resources_at, {}, &dialect::openai::Span::begin);
}

// A body of OpenAI's dialect: JSON, or the form that the Content-Type says it is.
std::expected<dialect::openai::ScannedRequest, RequestProblem> scan_openai(
    std::string_view content_type, const Incoming& into) {
  const Front& front = into.front;
  if (front.body == BodyKind::json || !dialect::is_form(content_type))
    return dialect::openai::scan_request(front.endpoint, into.body, front.model);
  const auto boundary = dialect::read_boundary(content_type);
  if (!boundary) return std::unexpected(boundary.error());
  return dialect::openai::scan_form(front.endpoint, into.body, *boundary, front.model);
}

std::expected<void, RequestProblem> read_openai(std::string_view content_type, Incoming& into) {
  auto scanned = scan_openai(content_type, into);
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  into.scanned = std::move(*scanned);
  into.model = into.scanned.model;
  into.stream = into.scanned.stream;
  into.features = into.scanned.features;
  // The scan does not read messages; envelopes are rare enough to read the whole request for them.
  if (into.front.operation == Operation::generate && dialect::mentions_signature(into.body)) {
    if (read_canonical_form(into))
      note_foreign_state(into);
    else
      into.foreign_state = true;  // whatever it is, it does not pass
  }
  return {};
}

}  // namespace

const dialect::Codec& client_codec(Dialect dialect) {
  switch (dialect) {
    case Dialect::openai:
      return dialect::openai::codec();
    case Dialect::openai_responses:
      return dialect::openai_responses::codec();
    case Dialect::anthropic:
      return dialect::anthropic::codec();
    case Dialect::gemini:
      return dialect::gemini::codec();
    case Dialect::bedrock:
      return dialect::bedrock::codec();
    case Dialect::cohere:
      return dialect::cohere::codec();
  }
  return dialect::openai::codec();
}

std::expected<void, RequestProblem> read_incoming(const net::RequestHead& head,
                                                  std::string_view body, Incoming& into) {
  into.body = body;
  if (into.front.dialect == Dialect::openai)
    return read_openai(head.headers.find("content-type").value_or(""), into);
  dialect::JsonDocument document;
  if (auto parsed = document.parse(body); !parsed)
    return std::unexpected(
        RequestProblem{400,
                       fmt::format("the body is not acceptable JSON: {} (byte {})",
                                   parsed.error().message, parsed.error().offset),
                       "invalid_json", ""});
  if (auto problem = check_forbidden(document.root())) return std::unexpected(std::move(*problem));
  if (into.front.dialect == Dialect::openai_responses)
    if (auto problem = read_state(document.root(), into.kept))
      return std::unexpected(std::move(*problem));
  if (into.front.dialect == Dialect::anthropic) {
    const std::string_view version = head.headers.find("anthropic-version").value_or("");
    if (auto problem = dialect::anthropic::check_version(version, document.root()))
      return std::unexpected(std::move(*problem));
  }
  if (into.front.operation == Operation::embeddings) {
    into.model = into.front.model;
    find_resources(document.root(), into);
  } else if (auto read = read_canonical_form(into); !read) {
    return read;
  } else if (into.rerank) {
    into.model = into.rerank->model;
  } else {
    into.model = into.canonical->model;
    into.stream = into.canonical->stream;
    note_features(into);
  }
  into.passed.endpoint = into.front.endpoint;
  into.passed.body = body;
  into.passed.stream = into.stream;
  into.passed.verb = into.front.verb;
  if (const dialect::JsonValue model = document.root()["model"];
      into.front.model.empty() && model.is_string()) {
    const auto begin = static_cast<std::size_t>(model.raw().data() - body.data());
    into.passed.model_at = {begin, begin + model.raw().size()};
  }
  pass_headers(head, into);
  return {};
}

void use_canonical(Incoming& incoming, Request request) {
  incoming.canonical = std::make_unique<Request>(std::move(request));
  note_features(incoming);
}

dialect::gemini::Verb embed_verb(const Front& front) {
  return front.verb == "embedContent" ? dialect::gemini::Verb::embed_content
                                      : dialect::gemini::Verb::batch_embed_contents;
}

std::expected<void, RequestProblem> read_canonical_form(Incoming& incoming) {
  const Front& front = incoming.front;
  if (incoming.canonical || incoming.embed || incoming.rerank) return {};
  if (front.operation == Operation::rerank) {
    auto request = dialect::cohere::read_rerank_request(incoming.body);
    if (!request) return std::unexpected(std::move(request.error()));
    incoming.rerank = std::make_unique<dialect::RerankRequest>(std::move(*request));
    return {};
  }
  if (front.operation == Operation::embeddings) {
    auto request =
        front.dialect == Dialect::gemini
            ? dialect::gemini::read_embed_request(incoming.body, front.model, embed_verb(front))
            : dialect::openai::read_embed_request(incoming.body, front.model);
    if (!request) return std::unexpected(std::move(request.error()));
    incoming.embed = std::make_unique<dialect::EmbedRequest>(std::move(*request));
    return {};
  }
  auto request = read_canonical(incoming);
  if (!request) return std::unexpected(std::move(request.error()));
  incoming.canonical = std::make_unique<Request>(std::move(*request));
  return {};
}

}  // namespace holdfast::gateway
