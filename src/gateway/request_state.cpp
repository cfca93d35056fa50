#include "gateway/request_state.h"

#include "dialect/estimate.h"

namespace holdfast::gateway {

net::AnswerHeaders RequestState::common_headers() const {
  net::AnswerHeaders headers;
  headers.add("x-request-id", request_id);
  // As the SDKs of the dialect look for it.
  if (incoming.front.dialect == dialect::Dialect::anthropic) headers.add("request-id", request_id);
  if (incoming.front.dialect == dialect::Dialect::bedrock)
    headers.add("x-amzn-requestid", request_id);
  if (!cors_origin.empty()) {
    headers.add("access-control-allow-origin", cors_origin);
    headers.add("vary", "origin");
  }
  limits.add_headers(incoming.front.dialect, parts.clock, headers);
  return headers;
}

dialect::AnswerContext RequestState::answer_context() const {
  dialect::AnswerContext context;
  context.request_id = request_id;
  context.model = incoming.model;
  context.now_s = parts.clock.wall_us() / 1'000'000;
  context.json_array = incoming.front.json_array;
  context.request = incoming.canonical.get();
  context.answer_id = incoming.kept.answer_id;
  if (incoming.kept.recalled) context.previous_id = incoming.kept.said.previous_response_id;
  if (incoming.canonical) {
    context.include_usage = incoming.canonical->include_usage;
    context.pad = incoming.canonical->pad_stream && (model == nullptr || model->pad_streams);
  }
  context.pad_seed = parts.random.next();
  return context;
}

std::unique_ptr<dialect::StreamWriter> RequestState::new_writer() {
  const dialect::Dialect dialect = incoming.front.dialect;
  auto made = client_codec(dialect).stream_writer(answer_context());
  if (!may_continue) return made;
  const bool signs = dialect == dialect::Dialect::anthropic || dialect == dialect::Dialect::bedrock;
  return std::make_unique<ContinuedStream>(std::move(made), signs,
                                           dialect::estimate_tokens(*incoming.canonical));
}

dialect::StreamWriter& RequestState::stream_writer() {
  if (!writer) writer = new_writer();
  return *writer;
}

ContinuedStream* RequestState::continued() const {
  return may_continue ? static_cast<ContinuedStream*>(writer.get()) : nullptr;
}

void RequestState::forget_attempt() {
  if (broke_off) continued()->forget_attempt();
}

}  // namespace holdfast::gateway
