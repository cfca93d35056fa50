// CRC-32 as gzip and Ethernet have it (polynomial 0x04C11DB7, reflected).
#pragma once
#include <libdeflate.h>

#include <cstdint>
#include <string_view>

namespace holdfast {

inline std::uint32_t crc32(std::string_view bytes) {
  return ::libdeflate_crc32(0, bytes.data(), bytes.size());
}

}  // namespace holdfast
