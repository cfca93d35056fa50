// Passwords of people who administer: kept as Argon2id (RFC 9106), never as they are.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "vault/sealed/constructions.h"

namespace holdfast::limits {
inline constexpr std::size_t password_least_bytes = 12;
inline constexpr std::size_t password_bytes = 1'024;
}  // namespace holdfast::limits

namespace holdfast::identity {

struct Password {
  std::string salt, hash;  // bytes
  vault::sealed::Argon2Cost cost;
};

// What a person has chosen. Takes some tenths of a second.
//   errors   invalid_request: shorter or longer than the limits; io: not so much memory is to be
//   had
Result<Password> keep_password(std::string_view password);

// A password of 120 random bits, as people can type it: "k3vm-9qda-...".
std::string one_time_password();
// The same for one of those: nobody guesses it, so it is not stretched and costs nothing.
Result<Password> keep_one_time_password(std::string_view password);

// Whether `offered` is the password. Takes the same time whatever is kept, also for nullptr:
// somebody who is not there.   errors   io: as keep_password
Result<bool> is_password(std::string_view offered, const Password* kept);

}  // namespace holdfast::identity
