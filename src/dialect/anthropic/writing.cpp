// What the writers of one request share: extras by path, losses, cache marks, signatures.
#include <algorithm>

#include "dialect/anthropic/message_writer.h"
#include "dialect/field_names.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr std::size_t most_marks = 4;

std::size_t marks_in(const std::vector<Block>& blocks) {
  std::size_t count = 0;
  for (const Block& block : blocks) {
    if (!block.cache_ttl.empty()) ++count;
    count += marks_in(block.content);
  }
  return count;
}

std::size_t marks_in(const Request& request) {
  std::size_t count = marks_in(request.system);
  for (const Tool& tool : request.tools)
    if (!tool.cache_ttl.empty()) ++count;
  for (const Message& message : request.messages) count += marks_in(message.content);
  return count;
}

}  // namespace

ExtraIndex::ExtraIndex(const Request& request) {
  for (const Extra& extra : request.extras) {
    if (extra.from != Dialect::anthropic) continue;
    const auto dot = extra.name.rfind('.');
    extras_.emplace(dot == std::string_view::npos ? std::string_view() : extra.name.substr(0, dot),
                    &extra);
  }
}

void ExtraIndex::write(JsonWriter& json, std::string_view parent) const {
  const auto [begin, end] = extras_.equal_range(parent);
  std::vector<const Extra*> found;
  for (auto each = begin; each != end; ++each) found.push_back(each->second);
  // One of a name, should messages with the same one have been joined; as they stand in the
  // request.
  const auto by_name = [](const Extra* a, const Extra* b) {
    return std::pair(a->name, a) < std::pair(b->name, b);
  };
  std::ranges::sort(found, by_name);
  const auto doubles =
      std::ranges::unique(found, {}, [](const Extra* extra) { return extra->name; });
  found.erase(doubles.begin(), doubles.end());
  std::ranges::sort(found);
  for (const Extra* extra : found)
    json.raw_field(extra->name.substr(extra->name.rfind('.') + 1), extra->raw);
}

Writing::Writing(const Request& asked, const Abilities& takes, std::vector<Loss>& lost,
                 WireText& text)
    : request(asked),
      abilities(takes),
      losses(lost),
      json(text),
      extras(asked),
      kin(asked.from == Dialect::anthropic || asked.from == Dialect::bedrock),
      leading(asked.system.size()),
      end(asked.messages.size()) {
  const std::size_t marks = marks_in(asked);
  marks_to_skip = marks > most_marks && asked.from != Dialect::anthropic ? marks - most_marks : 0;
}

void Writing::lose(std::string field, std::string reason, bool harmless) {
  losses.push_back({std::move(field), std::move(reason), harmless});
}

void Writing::lose(Field field, std::string reason, bool harmless) {
  lose(std::string(spelled(request.from, field)), std::move(reason), harmless);
}

bool Writing::readable(const Signature& signature) const {
  if (signature.value.empty()) return false;
  const std::string_view house = signature.house.empty() ? house_of(request.from) : signature.house;
  return house == abilities.house;
}

void Writing::write_cache_mark(std::string_view ttl, std::string_view place) {
  if (ttl.empty()) return;
  if (marks_to_skip > 0) {
    --marks_to_skip;
    return lose("cache mark", "Anthropic takes four of them: the last ones are kept", true);
  }
  json.key("cache_control").begin_object().field("type", "ephemeral");
  if (ttl != "5m") json.field("ttl", "1h");
  if (!extras.empty()) extras.write(json, std::string(place) + ".cache_control");
  json.end_object();
}

}  // namespace holdfast::dialect::anthropic
