#include "server/act_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "server/auditing.h"

namespace holdfast::server {
namespace json = boost::json;

std::expected<ActFields, std::string> ActFields::read(
    std::string_view body, std::initializer_list<std::string_view> allowed) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return std::unexpected("the body must be a JSON object");
  for (const auto& [name, field] : value.as_object())
    if (std::ranges::find(allowed, std::string_view(name)) == allowed.end())
      return std::unexpected(fmt::format("unknown field '{}'; there are {}",
                                         std::string_view(name).substr(0, 64),
                                         fmt::join(allowed, ", ")));
  return ActFields(std::move(value.as_object()));
}

std::string ActFields::text(std::string_view name) const {
  const json::value* field = fields_.if_contains(name);
  return field != nullptr && field->is_string() ? std::string(field->as_string()) : std::string();
}

std::optional<std::int64_t> ActFields::integer(std::string_view name) const {
  const json::value* field = fields_.if_contains(name);
  if (field == nullptr || !field->is_int64()) return std::nullopt;
  return field->as_int64();
}

bool ActFields::flag(std::string_view name) const {
  const json::value* field = fields_.if_contains(name);
  return field != nullptr && field->is_bool() && field->as_bool();
}

std::optional<identity::Roles> ActFields::roles(std::string_view name) const {
  const json::value* field = fields_.if_contains(name);
  if (field == nullptr || !field->is_array()) return std::nullopt;
  identity::Roles out;
  for (const json::value& one : field->as_array()) {
    const auto role =
        one.is_string() ? identity::role_from(std::string_view(one.as_string())) : std::nullopt;
    if (!role) return std::nullopt;
    out.add(*role);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<AdminAnswer> audited(AdminState& state, const audit::Event& event,
                                   const std::function<Result<void>()>& what) {
  const auto intent = state.auditing.begin(event);
  if (!intent)
    return admin_problem(503, "audit_unavailable",
                         fmt::format("nothing was done: the audit log cannot be written: {}",
                                     intent.error().detail));
  const auto done = what();
  state.auditing.conclude(*intent, done.has_value());
  if (!done) return admin_problem(503, "state_unavailable", done.error().detail);
  return std::nullopt;
}

json::array roles_json(const identity::Roles& roles) {
  json::array out;
  for (const identity::Role role : identity::all_roles)
    if (roles.has(role)) out.emplace_back(to_string(role));
  return out;
}

}  // namespace holdfast::server
