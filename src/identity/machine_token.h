// The token of this machine's own command line: STATE/admin.token, which its owner alone can read.
// Whoever can read it administers this Holdfast.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::identity {

inline constexpr std::string_view machine_token_file = "admin.token";

class MachineToken {
 public:
  // Reads DIR/admin.token; makes it (mode 0600, on the disk when this returns) when it is not
  // there.
  //   errors   configuration: it is no token, or others can read it; io
  static Result<MachineToken> open(const std::string& directory);

  // Whether `offered` is the token. What is kept is its hash; takes the same time whatever is
  // offered.
  bool is(std::string_view offered) const;

 private:
  explicit MachineToken(std::string hash) : hash_(std::move(hash)) {}
  std::string hash_;
};

// Whether `text` can be a token of any kind: fit for a header.
bool is_token(std::string_view text);
// The token in the file at `path`, for a command line that sends it.
//   errors   configuration: says which file, whose it is, and what to do
Result<Secret> read_token_file(const std::string& path);

}  // namespace holdfast::identity
