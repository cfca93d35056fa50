// The fields of an act's body: an allowed few, each of its type; nothing else is taken.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"
#include "identity/role.h"
#include "server/admin.h"

namespace holdfast::server {

class ActFields {
 public:
  // Reads `body`.
  //   allowed   the names that it may have
  //   errors    what is wrong, for the caller
  static std::expected<ActFields, std::string> read(
      std::string_view body, std::initializer_list<std::string_view> allowed);

  // Each is empty (nothing) where the field is not there or of another type.
  std::string text(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::optional<identity::Roles> roles(std::string_view name) const;  // a list of at least one

 private:
  explicit ActFields(boost::json::object fields) : fields_(std::move(fields)) {}
  boost::json::object fields_;
};

// Writes `event` down, does `what`, and writes how it ended; what could not be written is not done.
// Nothing: it is done.   errors   503 audit_unavailable, state_unavailable
std::optional<AdminAnswer> audited(AdminState& state, const audit::Event& event,
                                   const std::function<Result<void>()>& what);

boost::json::array roles_json(const identity::Roles& roles);

}  // namespace holdfast::server
