// Cobblestone-256 (c2sp.org/chunked-encryption with SHA-512 and AES-256-GCM): whole files, with a
// commitment to the key. A file that was cut, lengthened or put together anew does not open.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::vault::sealed {

// Salt (24 bytes), commitment (32), then the chunks.
//   key       32 bytes, uniformly random
//   salt      24 bytes, never used twice with one key
//   context   bound to it: without the same, it does not open
std::string chunked_encrypt(std::string_view key, std::string_view salt, std::string_view context,
                            std::string_view plain);
// Nothing: another key or context, or altered. The plain text is not kept in locked memory: the
// vault encrypts only what is sealed already.
std::optional<std::string> chunked_decrypt(std::string_view key, std::string_view context,
                                           std::string_view sealed);

}  // namespace holdfast::vault::sealed
