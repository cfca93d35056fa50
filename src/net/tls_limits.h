// The named limits of TLS on the listeners, beside base/limits.h.
#pragma once
#include <chrono>
#include <cstddef>

namespace holdfast::limits {
using namespace std::chrono_literals;

inline constexpr std::chrono::seconds handshake_timeout = 10s;  // closed beyond
inline constexpr std::size_t tls_file_bytes = 1U << 20U;        // certificates or key, in PEM
inline constexpr std::size_t tls_chain_length = 10;             // certificates in one file
inline constexpr std::size_t certificate_names = 32;            // of a client's that are looked at
inline constexpr std::chrono::hours ticket_lifetime = 1h;       // and how often their keys change
inline constexpr std::chrono::days expiry_warning = std::chrono::days(14);  // before it expires

}  // namespace holdfast::limits
