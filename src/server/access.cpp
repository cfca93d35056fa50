#include "server/access.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::server {
namespace {

using identity::Permission;

// The token of "Bearer TOKEN"; nothing for another scheme.
std::optional<std::string_view> bearer_of(std::string_view authorization) {
  const auto end = authorization.find(' ');
  if (!net::same_name(authorization.substr(0, end), "bearer")) return std::nullopt;
  authorization.remove_prefix(std::min(end, authorization.size()));
  const auto start = authorization.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view{} : authorization.substr(start);
}

}  // namespace

Result<Access> Access::open(const std::string& state_dir) {
  auto machine = identity::MachineToken::open(state_dir);
  if (!machine) return std::unexpected(std::move(machine).error());
  return Access(state_dir, *std::move(machine));
}

Result<void> Access::reload() {
  auto machine = identity::MachineToken::open(state_dir_);
  if (!machine) return std::unexpected(std::move(machine).error());
  machine_ = *std::move(machine);
  return {};
}

std::expected<std::optional<identity::Principal>, AccessProblem> Access::identify(
    const net::RequestHead& head) const {
  const auto authorization = head.headers.find("authorization");
  const auto token = authorization ? bearer_of(*authorization) : std::nullopt;
  if (!token) return std::nullopt;
  if (machine_.is(*token))
    return identity::Principal{
        identity::PrincipalKind::machine, {}, {identity::Role::administrator}};
  return std::unexpected(AccessProblem{
      401, "invalid_token", "the token is not, or not any more, one of this administration"});
}

std::optional<AccessProblem> refuse(const std::optional<identity::Principal>& who, Permission needs,
                                    bool open_reading) {
  const bool open = needs == Permission::probe || needs == Permission::sign_in;
  const bool reads = needs == Permission::read || needs == Permission::read_audit;
  if (open || (reads && open_reading)) return std::nullopt;
  if (!who)
    return AccessProblem{401, "not_authenticated",
                         "send Authorization: Bearer TOKEN; this machine's own token is in "
                         "admin.token of the state directory"};
  if (identity::may(*who, needs)) return std::nullopt;
  return AccessProblem{
      403, "not_permitted",
      fmt::format("{} ({}) may not do this", to_string(*who), to_string(who->roles))};
}

}  // namespace holdfast::server
