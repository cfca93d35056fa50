#include "identity/machine_token.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/random.h"
#include "vault/sealed/constructions.h"
#include "vault/sealed/files.h"

namespace holdfast::limits {
inline constexpr std::size_t token_file_bytes = 512;
}

namespace holdfast::identity {
namespace {

constexpr std::string_view prefix = "hfm_";
constexpr std::size_t random_part = 32;  // bytes

std::string name_of(uid_t user) {
  const passwd* found = ::getpwuid(user);
  return found == nullptr ? fmt::format("user {}", user) : std::string(found->pw_name);
}

// Who owns the file, or the nearest folder above it that can be looked at.
std::string owner_of(std::filesystem::path path) {
  struct stat about{};
  while (::stat(path.c_str(), &about) != 0) {
    if (!path.has_parent_path() || path.parent_path() == path) return "somebody else";
    path = path.parent_path();
  }
  return name_of(about.st_uid);
}

// The first line, without its end.
std::string_view first_line(std::string_view text) {
  const auto end = text.find('\n');
  text = text.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
             std::string_view::npos;
}

Result<Secret> read_token_file(const std::string& path) {
  const auto text = vault::sealed::read_file(path, limits::token_file_bytes);
  if (!text) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT)
      return fail(
          ErrorCode::configuration,
          fmt::format("there is no token at {}. \"holdfast serve\" makes it when it starts: "
                      "name its state directory with --state, or a token of your own with "
                      "--token-file",
                      path));
    return fail(ErrorCode::configuration,
                fmt::format("the token at {} cannot be read: it belongs to {}, and you are {}. Run "
                            "this as {} (sudo -u), or name a token of your own with --token-file",
                            path, owner_of(path), name_of(::geteuid()), owner_of(path)));
  }
  const std::string_view line = first_line(*text);
  if (!is_token(line))
    return fail(ErrorCode::configuration,
                fmt::format("{} holds no token. If it is the machine's own, delete it and send "
                            "\"holdfast serve\" SIGHUP: a new one is made",
                            path));
  return Secret(std::string(line));
}

Result<MachineToken> MachineToken::open(const std::string& directory) {
  const std::string path = (std::filesystem::path(directory) / machine_token_file).string();
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) {
    if (errno != ENOENT)
      return fail(ErrorCode::io, fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
    const std::string token = std::string(prefix) + secret_token(random_part);
    if (auto made = vault::sealed::write_new_file(path, token + "\n"); !made)
      return std::unexpected(std::move(made).error());
    return MachineToken(vault::sealed::sha256(token));
  }
  if ((about.st_mode & 077U) != 0)
    return fail(
        ErrorCode::configuration,
        fmt::format("{} can be read by others (mode {:04o}), and may be known: delete it, a "
                    "new one is made",
                    path, about.st_mode & 07777U));
  const auto token = read_token_file(path);
  if (!token) return std::unexpected(token.error());
  if (!token->reveal().starts_with(prefix) ||
      token->reveal().size() != prefix.size() + 2 * random_part)
    return fail(
        ErrorCode::configuration,
        fmt::format("{} is no token of \"holdfast serve\": delete it, a new one is made", path));
  return MachineToken(vault::sealed::sha256(token->reveal()));
}

bool MachineToken::is(std::string_view offered) const {
  return vault::sealed::same_bytes(vault::sealed::sha256(offered), hash_);
}

}  // namespace holdfast::identity
