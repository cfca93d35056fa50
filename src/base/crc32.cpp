#include "base/crc32.h"

#include <zlib.h>

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast {
namespace {

std::uint32_t by_table(std::string_view bytes) {
  const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<std::uint32_t>(::crc32_z(0, data, bytes.size()));
}

#if defined(__x86_64__)
// Polynomials over GF(2), the coefficient of the highest power in the lowest bit, as the CRC has
// them. What folds and reduces is explained in Intel's "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction" (2009).
constexpr std::uint32_t polynomial = 0xedb88320;  // without x^32

// x^power mod the polynomial. One place is lost in a product of such numbers: it is made up here.
consteval std::int64_t power_of_x(int power) {
  std::uint32_t value = 0x80000000;  // 1
  for (; power > 0; --power) value = value >> 1U ^ ((value & 1U) != 0 ? polynomial : 0);
  return std::int64_t{value} << 1U;
}

// x^64 divided by the polynomial: 33 bits.
consteval std::int64_t quotient() {
  std::uint64_t rest = std::uint64_t{1} << 32U, found = 0;  // the usual order of bits
  constexpr std::uint64_t divisor = 0x104c11db7;
  for (int place = 32; place >= 0; --place) {
    if ((rest >> 32U & 1U) != 0) {
      found |= std::uint64_t{1} << static_cast<unsigned>(32 - place);
      rest ^= divisor;
    }
    rest <<= 1U;
  }
  return static_cast<std::int64_t>(found);
}
constexpr std::int64_t whole_polynomial = std::int64_t{polynomial} << 1U | 1;

constexpr std::size_t block = 16;
constexpr std::size_t least_bytes = 2 * block;

__attribute__((target("pclmul,sse4.1"))) __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

// `sum` moved one block on, with the next block.
__attribute__((target("pclmul,sse4.1"))) __m128i fold(__m128i sum, __m128i by, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(sum, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(sum, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"))) std::uint32_t reduce(__m128i sum) {
  const __m128i by = _mm_set_epi64x(power_of_x(64), power_of_x(96));
  const __m128i low_word = _mm_setr_epi32(-1, 0, 0, 0);
  // 128 bits to 96, to 64, and by Barrett's way to 32.
  sum = _mm_xor_si128(_mm_clmulepi64_si128(sum, by, 0x00), _mm_srli_si128(sum, 8));
  const __m128i front = _mm_and_si128(sum, low_word);
  sum = _mm_xor_si128(_mm_clmulepi64_si128(front, by, 0x10), _mm_srli_si128(sum, 4));
  const __m128i barrett = _mm_set_epi64x(quotient(), whole_polynomial);
  __m128i part = _mm_clmulepi64_si128(_mm_and_si128(sum, low_word), barrett, 0x10);
  part = _mm_clmulepi64_si128(_mm_and_si128(part, low_word), barrett, 0x00);
  return static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, part), 1));
}

//   bytes   at least least_bytes
__attribute__((target("pclmul,sse4.1"))) std::uint32_t by_multiplication(std::string_view bytes) {
  const __m128i by = _mm_set_epi64x(power_of_x(96), power_of_x(160));
  // Zeros in front change nothing: with them, what does not fill a block is the first one. The CRC
  // begins with all ones, which is the same as the first four bytes inverted.
  const std::size_t odd = bytes.size() % block;
  char front[3 * block] = {};
  std::memcpy(front + block - odd, bytes.data(), least_bytes);
  std::uint32_t first = 0;
  std::memcpy(&first, front + block - odd, sizeof first);
  first = ~first;
  std::memcpy(front + block - odd, &first, sizeof first);
  __m128i sum = fold(load(front), by, load(front + block));
  const char* const end = bytes.data() + bytes.size();
  for (const char* at = bytes.data() + odd + block; at != end; at += block)
    sum = fold(sum, by, load(at));
  return ~reduce(sum);
}
#endif

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
#if defined(__x86_64__)
  static const bool multiplies =
      __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  if (multiplies && bytes.size() >= least_bytes) return by_multiplication(bytes);
#endif
  return by_table(bytes);
}

}  // namespace holdfast
