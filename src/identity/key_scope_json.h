// A scope as JSON: in the store, in the administration's interface, and flat in the audit log.
#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "identity/key_scope.h"

namespace holdfast::identity {

boost::json::object to_json(const KeyScope& scope);
// The same as texts, numbers and flags by name; what allows all is left out.
boost::json::object to_flat_json(const KeyScope& scope);

enum class FieldRead { read, unknown, wrong };
// Reads the field `name` of to_json() into `scope`. A number 0, an empty text or an empty list
// takes back what was said.
//   returns   unknown: a scope has no such field; wrong: it is not of its kind
FieldRead read_field(std::string_view name, const boost::json::value& value, KeyScope& scope);
// The fields, for messages: "models, providers ...".
std::string scope_fields();

}  // namespace holdfast::identity
