#include "identity/virtual_key.h"

namespace holdfast::identity {

std::string_view to_string(OwnerKind kind) {
  switch (kind) {
    case OwnerKind::user:
      return "user";
    case OwnerKind::team:
      return "team";
    case OwnerKind::service:
      return "service";
  }
  return "service";
}

}  // namespace holdfast::identity
