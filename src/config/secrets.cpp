#include "config/secrets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "config/problem.h"

namespace holdfast::config {
namespace {
constexpr std::size_t secret_bytes = std::size_t{8} * 1024;

// Takes `value` over when it can stand in a header.   where   begins the message
Result<ResolvedSecret> checked(std::string value, const std::string& where) {
  ResolvedSecret secret{Secret(std::move(value)), {}};
  auto right = check_secret(secret.value.reveal(), where);
  if (!right) return std::unexpected(std::move(right).error());
  return secret;
}

Result<ResolvedSecret> from_environment(std::string_view name, const Environment& environment) {
  if (!is_variable_name(name))
    return fail(ErrorCode::configuration,
                "env: must be followed by the name of a variable, as in env:OPENAI_API_KEY");
  const std::string where = shown_variable(name);
  std::optional<std::string> value = environment(std::string(name));
  if (!value) return fail(ErrorCode::configuration, where + " is not set");
  return checked(*std::move(value), where);
}

Result<ResolvedSecret> from_file(std::string_view name, const std::filesystem::path& folder) {
  if (name.empty())
    return fail(ErrorCode::configuration,
                "file: must be followed by a path, as in file:/run/secrets/openai");
  const std::filesystem::path path = folder / name;
  const std::string where = "the file " + printable(path.string());
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0)
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot be opened: {}", where, std::strerror(errno)));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::configuration, where + " is not a regular file");
  std::array<char, secret_bytes + 3> bytes{};  // one too many, and a line end
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  if (got < 0) return fail(ErrorCode::configuration, where + " cannot be read");
  std::string value(bytes.data(), static_cast<std::size_t>(got));
  explicit_bzero(bytes.data(), bytes.size());
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  Result<ResolvedSecret> secret = checked(std::move(value), where);
  if (secret && (status.st_mode & S_IROTH) != 0)
    secret->warning = where + " can be read by every user of this machine; chmod 600 it";
  return secret;
}

Result<ResolvedSecret> from_vault(std::string_view name, const SecretLookup& vault) {
  const auto reference = parse_vault_reference(name);
  if (!reference)
    return fail(ErrorCode::configuration,
                "vault: must be followed by a path, as in vault:openai/prod, or by one and a "
                "version, as in vault:openai/prod@2");
  if (!vault) {
    std::string itself = "vault:";
    itself += name;
    std::string warning = itself + " was not looked up: --state says where its vault is";
    return ResolvedSecret{Secret(std::move(itself)), std::move(warning)};
  }
  auto secret = vault(*reference);
  if (!secret) return secret;
  auto right = check_secret(secret->value.reveal(), "vault:" + reference->path);
  if (!right) return std::unexpected(std::move(right).error());
  return secret;
}
}  // namespace

Result<void> check_secret(std::string_view text, const std::string& where) {
  if (text.empty()) return fail(ErrorCode::configuration, where + " is empty");
  if (text.size() > secret_bytes)
    return fail(ErrorCode::configuration, where + " is longer than 8 KiB");
  if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; }))
    return fail(ErrorCode::configuration,
                where + " has a space, a line break or a character that is not ASCII in it");
  return {};
}

Result<ResolvedSecret> resolve_secret(std::string_view reference,
                                      const std::filesystem::path& folder,
                                      const Environment& environment, const SecretLookup& vault) {
  constexpr std::string_view env = "env:";
  constexpr std::string_view file = "file:";
  if (reference.starts_with(env))
    return from_environment(reference.substr(env.size()), environment);
  if (reference.starts_with(file)) return from_file(reference.substr(file.size()), folder);
  constexpr std::string_view from = "vault:";
  if (reference.starts_with(from)) return from_vault(reference.substr(from.size()), vault);
  return fail(ErrorCode::configuration,
              "a secret is never written here, only where it is kept; if this was one, replace it");
}
}  // namespace holdfast::config
