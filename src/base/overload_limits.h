// The named limits of what happens under overload, beside base/limits.h. Those that an operator may
// set have their default here.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace holdfast::limits {
using namespace std::chrono_literals;

inline constexpr int requests_at_a_target = 100'000;          // most for providers.NAME.concurrency
inline constexpr int waiting_requests = 1'000;                // of each thread; server.queue_length
inline constexpr std::chrono::seconds queue_timeout = 10s;    // 503 beyond; server.queue_timeout
inline constexpr std::int64_t small_request_bytes = 131'072;  // fits until memory_limit is reached
inline constexpr std::int64_t request_overhead_bytes = 32'768;  // of memory, beside its bodies
inline constexpr std::int64_t body_copies = 3;  // received, read, and written for a target
// Copies for targets on trial, of each thread: what goes beyond is dropped and counted.
inline constexpr std::size_t shadows_per_thread = 32;                // under way at once
inline constexpr std::int64_t shadow_bytes_per_thread = 80LL << 20;  // that they hold
inline constexpr std::size_t shadow_answer_bytes = 2U << 20U;        // of an answer, at one time
inline constexpr std::size_t shadow_answer_most_bytes = 16U
                                                        << 20U;  // of an answer; then it is left
// Of requests up to 64 KiB there may be as many as that, of larger ones fewer.
static_assert(shadows_per_thread *
                  (shadow_answer_bytes + request_overhead_bytes + body_copies * (64LL << 10)) <=
              shadow_bytes_per_thread);

}  // namespace holdfast::limits
