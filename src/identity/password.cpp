#include "identity/password.h"

#include <fmt/format.h>

namespace holdfast::identity {
namespace {

using vault::sealed::Argon2Cost;
using vault::sealed::argon2id;

constexpr Argon2Cost stretched{};
constexpr Argon2Cost not_stretched{1, std::uint64_t{8} << 10U};

Result<Password> keep(std::string_view password, Argon2Cost cost) {
  Password out;
  out.salt = vault::sealed::random_bytes(vault::sealed::salt_bytes);
  out.cost = cost;
  auto hash = argon2id(password, out.salt, cost);
  if (!hash) return std::unexpected(std::move(hash).error());
  out.hash = std::string(hash->reveal());
  return out;
}

}  // namespace

Result<Password> keep_password(std::string_view password) {
  if (password.size() < limits::password_least_bytes || password.size() > limits::password_bytes)
    return fail(ErrorCode::invalid_request,
                fmt::format("a password has from {} to {} bytes", limits::password_least_bytes,
                            limits::password_bytes));
  return keep(password, stretched);
}

std::string one_time_password() {
  constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";  // none is like another
  static_assert(letters.size() == 32);
  constexpr std::size_t characters = 24, group = 4;
  const std::string random = vault::sealed::random_bytes(characters);
  std::string out;
  for (std::size_t i = 0; i < characters; ++i) {
    if (i != 0 && i % group == 0) out += '-';
    out += letters[static_cast<unsigned char>(random[i]) % letters.size()];
  }
  return out;
}

Result<Password> keep_one_time_password(std::string_view password) {
  return keep(password, not_stretched);
}

Result<bool> is_password(std::string_view offered, const Password* kept) {
  static const std::string no_salt(vault::sealed::salt_bytes, '\0');
  bool right = false;
  if (kept != nullptr) {
    const auto hash = argon2id(offered, kept->salt, kept->cost, kept->hash.size());
    if (!hash) return std::unexpected(hash.error());
    right = vault::sealed::same_bytes(hash->reveal(), kept->hash);
  }
  if (kept == nullptr || !(kept->cost == stretched)) {
    const auto spent = argon2id(offered, no_salt, stretched);
    if (!spent) return std::unexpected(spent.error());
  }
  return right;
}

}  // namespace holdfast::identity
