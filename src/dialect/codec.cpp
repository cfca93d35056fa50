#include "dialect/codec.h"

#include <fmt/format.h>

namespace holdfast::dialect {

constexpr std::string_view envelope = "hf1:";

AnswerFacts Codec::scan_answer(std::string_view body) const {
  AnswerFacts facts;
  auto response = read_answer(body);
  if (response) {
    facts.usage = response->usage;
    return facts;
  }
  facts.failure = response.error().code == ErrorCode::upstream_unavailable
                      ? FailureClass::error_in_body
                      : FailureClass::malformed_body;
  facts.detail = response.error().detail;
  return facts;
}

Sight sight_of(std::span<const StreamEvent> events) {
  Sight sight;
  for (const StreamEvent& event : events) {
    switch (event.kind) {
      case EventKind::block_start:
        sight.content = sight.content || event.block_kind == BlockKind::tool_call ||
                        event.block_kind == BlockKind::redacted_thinking;
        break;
      case EventKind::delta:
        sight.content = sight.content || !event.text.empty();
        break;
      case EventKind::finish:
        sight.content = sight.finish = true;
        break;
      case EventKind::usage:
        sight.usage.update(event.usage);
        break;
      case EventKind::error:
        sight.error = sight.error_object = true;
        break;
      case EventKind::end:
        sight.done = true;
        break;
      case EventKind::start:
      case EventKind::signature:
      case EventKind::citation:
      case EventKind::block_stop:
      case EventKind::ping:
        break;
    }
  }
  return sight;
}

std::string wrap_signature(const Signature& signature) {
  return fmt::format("{}{}:{}:{}", envelope, signature.house, signature.id, signature.value);
}

// Colons are rarer in a body than quotes, and so the quicker thing to look for.
bool mentions_signature(std::string_view json) {
  constexpr std::string_view begin = R"("hf1:)";
  constexpr std::size_t before = begin.size() - 1;
  for (std::size_t at = json.find(':', before); at != json.npos; at = json.find(':', at + 1))
    if (json.substr(at - before, begin.size()) == begin) return true;
  return false;
}

std::optional<Signature> unwrap_signature(std::string_view text) {
  if (!text.starts_with(envelope)) return std::nullopt;
  text.remove_prefix(envelope.size());
  const auto house_end = text.find(':');
  if (house_end == std::string_view::npos) return std::nullopt;
  const auto id_end = text.find(':', house_end + 1);
  if (id_end == std::string_view::npos) return std::nullopt;
  return Signature{text.substr(id_end + 1), text.substr(0, house_end),
                   text.substr(house_end + 1, id_end - house_end - 1)};
}

}  // namespace holdfast::dialect
