// A request on its way to an upstream of this dialect. Internal to this folder.
#pragma once
#include <fmt/format.h>

#include "dialect/codec.h"
#include "dialect/field_names.h"
#include "dialect/openai/chat_wire.h"

namespace holdfast::dialect::openai {

struct Writing {
  const Request& request;
  const Deviations& deviations;
  const Abilities& abilities;
  JsonWriter& json;
  std::vector<Loss>& losses;

  // `what` completes "NAME ...": "has no seed".
  void lose(std::string field, std::string_view what, bool harmless = false) const {
    losses.push_back({std::move(field), fmt::format("{} {}", deviations.name, what), harmless});
  }
  // A parameter, in the words of the client's dialect.
  void lose_parameter(std::string_view name, std::string_view what, bool harmless = false) const {
    lose(std::string(spelled(request.from, name)), what, harmless);
  }
  // Whether the dialect's own field may be sent.
  bool takes(std::string_view field) const {
    if (deviations.any_extra) return true;
    for (const std::string_view each : deviations.extras)
      if (each == field) return true;
    return false;
  }
  // Whether the target can read a signature.
  bool reads(const Signature& signature) const {
    const std::string_view house =
        signature.house.empty() ? house_of(request.from) : signature.house;
    return !signature.value.empty() && house == abilities.house;
  }
};

// Writes `messages`, as one array.
void write_messages(const Writing& writing);

// The id of a call as the target takes it: the client's own where it may be, else one that is
// made from it, always the same.
std::string call_id(const Deviations& deviations, std::string_view id);

}  // namespace holdfast::dialect::openai
