// Randomness is passed in: one seed, one history.
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace holdfast {

// xoshiro256** (Blackman and Vigna, 2018): fast, not for secrets. Used by one thread at a time.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, bound).   bound   >= 1
  std::uint64_t below(std::uint64_t bound);

 private:
  std::array<std::uint64_t, 4> state_;
};

// A seed from the operating system.
std::uint64_t entropy_seed();
// `bytes` random bytes in lower-case hexadecimal, fit for secrets (from the operating system).
std::string secret_token(std::size_t bytes);
// An id such as "req_01890a5d2f7cb1e4a9d03c6e58f2714b": 48 bits of wall milliseconds, then 80
// random bits, so that ids sort by time.
std::string make_id(const char* prefix, std::int64_t wall_us, Random& random);

}  // namespace holdfast
