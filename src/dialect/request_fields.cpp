#include "dialect/request_fields.h"

#include <fmt/format.h>

namespace holdfast::dialect {

void Reading::refuse(std::string_view field, std::string_view what, std::string_view code) {
  if (problem) return;
  problem =
      RequestProblem{400, field.empty() ? std::string(what) : fmt::format("{}: {}", field, what),
                     std::string(code.empty() ? "invalid_value" : code), std::string(field)};
}

Fields::Fields(Reading& reading, JsonValue object, std::string path)
    : reading_(reading), path_(std::move(path)) {
  if (object.exists() && !object.is_object())
    reading_.refuse(path_, fmt::format("expected an object, not {}", to_string(object.kind())),
                    "invalid_type");
  for (const auto& member : object.members())
    entries_.push_back({member.key.text(reading_.arena), member.value, false});
}

JsonValue Fields::take(std::string_view name) {
  JsonValue found;
  for (Entry& entry : entries_) {
    if (entry.name != name) continue;
    if (found.exists()) reading_.refuse(at(name), "is given twice", "duplicate_field");
    entry.taken = true;
    found = entry.value;
  }
  return reading_.problem || found.is_null() ? JsonValue() : found;
}

JsonValue Fields::take(std::string_view name, JsonKind kind) {
  const JsonValue value = take(name);
  if (!value.exists() || value.kind() == kind) return value;
  reading_.refuse(at(name),
                  fmt::format("expected {}, not {}", to_string(kind), to_string(value.kind())),
                  "invalid_type");
  return {};
}

std::string_view Fields::text(std::string_view name) {
  return take(name, JsonKind::string).text(reading_.arena);
}

std::string_view Fields::needed_text(std::string_view name) {
  const std::string_view found = text(name);
  if (found.empty()) reading_.refuse(at(name), "is needed", "missing_required_parameter");
  return found;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  return take(name, JsonKind::boolean).boolean();
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) {
  const JsonValue value = take(name, JsonKind::number);
  if (!value.exists()) return std::nullopt;
  const auto found = value.integer();
  if (found && *found >= least && *found <= most) return found;
  reading_.refuse(at(name), fmt::format("expected a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<Number> Fields::number(std::string_view name, double least, double most) {
  const auto found = take(name, JsonKind::number).number();
  if (!found) return std::nullopt;
  if (found->value >= least && found->value <= most) return found;
  reading_.refuse(at(name), fmt::format("expected a number from {} to {}", least, most));
  return std::nullopt;
}

JsonValue Fields::object(std::string_view name) { return take(name, JsonKind::object); }

JsonValue Fields::array(std::string_view name) { return take(name, JsonKind::array); }

std::string Fields::at(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

std::string Fields::at(std::string_view name, std::size_t index) const {
  return fmt::format("{}[{}]", at(name), index);
}

}  // namespace holdfast::dialect
