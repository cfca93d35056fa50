// Who asks at the administration, and whether they may. The main thread's.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "identity/machine_token.h"
#include "identity/role.h"
#include "net/http_head.h"

namespace holdfast::server {

// Why a request is refused, as the administration answers it.
struct AccessProblem {
  int status = 0;         // 401, 403
  std::string_view code;  // also for the audit log
  std::string message;
};

class Access {
 public:
  // Makes this machine's token when there is none.   errors   as identity::MachineToken::open
  static Result<Access> open(const std::string& state_dir);
  // Reads the token again, or makes it: whoever deletes it has it changed.
  Result<void> reload();

  // Who sent the request; nothing: nobody who says so.
  //   errors   401 invalid_token: says so, and is not
  std::expected<std::optional<identity::Principal>, AccessProblem> identify(
      const net::RequestHead& head) const;

 private:
  Access(std::string state_dir, identity::MachineToken machine)
      : state_dir_(std::move(state_dir)), machine_(std::move(machine)) {}

  std::string state_dir_;
  identity::MachineToken machine_;
};

// Whether `who` (nothing: nobody) may; nothing: yes.
//   open_reading   what only reads is for everybody
std::optional<AccessProblem> refuse(const std::optional<identity::Principal>& who,
                                    identity::Permission needs, bool open_reading);

}  // namespace holdfast::server
