#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace holdfast {
namespace {
constexpr char hex_digits[] = "0123456789abcdef";

void append_hex(std::string& out, std::uint64_t value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
    out.push_back(hex_digits[(value >> shift) & 15]);
}

void fill_from_system(void* out, std::size_t size) {
  const ssize_t got = getrandom(out, size, 0);
  HF_CHECK(got == static_cast<ssize_t>(size));  // at most 256 bytes are never short (getrandom(2))
}
}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) {  // splitmix64 spreads a small seed over the state
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

std::uint64_t entropy_seed() {
  std::uint64_t seed = 0;
  fill_from_system(&seed, sizeof seed);
  return seed;
}

std::string secret_token(std::size_t bytes) {
  std::string out;
  std::array<unsigned char, 64> some{};
  while (bytes > 0) {
    const std::size_t now = std::min(bytes, some.size());
    fill_from_system(some.data(), now);
    for (std::size_t i = 0; i < now; ++i) append_hex(out, some[i], 2);
    bytes -= now;
  }
  return out;
}

std::string make_id(const char* prefix, std::int64_t wall_us, Random& random) {
  std::string id;
  id.reserve(48);
  id.append(prefix);
  append_hex(id, static_cast<std::uint64_t>(wall_us / 1000), 12);
  append_hex(id, random.next(), 16);
  append_hex(id, random.next(), 4);
  return id;
}
}  // namespace holdfast
