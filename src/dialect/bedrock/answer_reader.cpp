#include <fmt/format.h>

#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {
namespace {

void read_model_fields(JsonValue value, Response& out, Choice& choice) {
  const JsonValue stop = value["stop_sequence"];
  choice.stop_sequence = stop.text(out.arena);
  if (value.exists() && value.size() > (stop.exists() ? 1U : 0U))
    out.extras.push_back({Dialect::bedrock, "additionalModelResponseFields", value.raw(), true});
}

// What an error inside a 200 says.
Error error_in(JsonValue root) {
  Arena arena;
  return {ErrorCode::upstream_unavailable,
          fmt::format("the upstream answered with an error: {}", error_message(root, arena))};
}

}  // namespace

Result<Response> read_answer(std::string_view body) {
  JsonDocument document;
  if (const auto parsed = document.parse(body, lenient); !parsed)
    return fail(ErrorCode::malformed_response,
                fmt::format("the answer is not JSON: {}", parsed.error().message));
  const JsonValue root = document.root();
  Response out;
  Arena aside;
  const JsonValue message = root["output"]["message"];
  if (!message.is_object()) {
    if (!error_message(root, aside).empty()) return std::unexpected(error_in(root));
    return fail(ErrorCode::malformed_response, "the answer has no output.message");
  }
  Reading reading{out.arena, std::nullopt};
  Fields fields(reading, root, "");
  fields.take("output");
  fields.take("metrics");
  Choice choice;
  read_content(reading, message["content"], "output.message.content", choice.content);
  choice.finish = finish_from(fields.text("stopReason"), choice.explanation);
  out.usage = read_usage(fields.object("usage"));
  const JsonValue tier = fields.take("serviceTier");
  out.service_tier = tier["type"].text(out.arena);
  read_model_fields(fields.take("additionalModelResponseFields"), out, choice);
  fields.rest([&out](std::string_view name, JsonValue value) {
    out.extras.push_back({Dialect::bedrock, name, value.raw(), true});
  });
  if (reading.problem) return fail(ErrorCode::malformed_response, reading.problem->message);
  out.choices.push_back(std::move(choice));
  return out;
}

}  // namespace holdfast::dialect::bedrock
