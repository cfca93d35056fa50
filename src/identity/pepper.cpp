#include "identity/pepper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/files.h"

namespace holdfast::identity {
namespace {

Result<Secret> read_pepper(const std::string& path, int file) {
  struct stat about{};
  if (::fstat(file, &about) != 0) return io_failure("read", path);
  if ((about.st_mode & 077U) != 0)
    return fail(ErrorCode::configuration,
                fmt::format("{} may be read by others: chmod 600 it", path));
  std::string bytes(pepper_bytes + 1, '\0');
  const ssize_t got = ::read(file, bytes.data(), bytes.size());
  if (got < 0) return io_failure("read", path);
  if (got != static_cast<ssize_t>(pepper_bytes))
    return fail(
        ErrorCode::configuration,
        fmt::format("{} is not the {} bytes that virtual keys are hashed with: put back the "
                    "file that was there, from a backup of the state directory",
                    path, pepper_bytes));
  bytes.resize(pepper_bytes);
  return Secret(std::move(bytes));
}

// Never null, as an empty view's may be.
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data() == nullptr ? "" : text.data());
}

}  // namespace

static_assert(sizeof(crypto_auth_hmacsha256_state) == 208);

Pepper::Pepper(std::string_view pepper) : prepared_{} {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, bytes_of(pepper), pepper.size());
  std::memcpy(prepared_.data(), &state, sizeof state);
}

KeyHash Pepper::hash(std::string_view key) const {
  crypto_auth_hmacsha256_state state;
  std::memcpy(&state, prepared_.data(), sizeof state);
  crypto_auth_hmacsha256_update(&state, bytes_of(key), key.size());
  KeyHash out;
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

bool equal(const KeyHash& one, const KeyHash& other) {
  return sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}

Secret make_pepper() {
  std::string bytes(pepper_bytes, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return Secret(std::move(bytes));
}

Result<Secret> keep_pepper(const std::string& path) {
  {
    const Descriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (there) return read_pepper(path, there.get());
    if (errno != ENOENT) return io_failure("open", path);
  }
  Secret pepper = make_pepper();
  if (auto kept = replace_file(path, pepper.reveal()); !kept) return std::unexpected(kept.error());
  return pepper;
}

}  // namespace holdfast::identity
