// Every queue, loop, buffer, body and retry has a named limit. Those that an operator may set have
// their default here; the configuration's reference page shows them.
#pragma once
#include <chrono>
#include <cstddef>

namespace holdfast::limits {
using namespace std::chrono_literals;

// What a client may send.
inline constexpr std::size_t request_line_bytes = 8'192;       // 414 beyond
inline constexpr std::size_t header_block_bytes = 65'536;      // 431 beyond
inline constexpr std::size_t header_count = 100;               // 431 beyond
inline constexpr std::size_t request_body_bytes = 32U << 20U;  // 413 beyond; server.max_body
inline constexpr std::size_t json_depth = 64;                  // 400 beyond
inline constexpr std::size_t json_nodes = 1'000'000;           // 400 beyond
inline constexpr std::size_t form_parts = 256;                 // 400 beyond
inline constexpr std::size_t form_head_bytes = 4'096;          // of one part; 400 beyond
inline constexpr std::size_t form_name_bytes = 128;            // of one field; 400 beyond
inline constexpr std::size_t client_request_id_bytes = 128;    // longer ones are replaced
inline constexpr std::chrono::seconds head_timeout = 10s;      // 408 beyond
inline constexpr std::chrono::seconds body_grace = 10s;        // then at least body_min_rate
inline constexpr std::size_t body_min_rate = 1024;             // bytes a second, 408 below
inline constexpr std::chrono::seconds idle_timeout = 75s;      // between requests on a connection
inline constexpr std::size_t connections_per_thread =
    10'000;  // the oldest idle one is closed beyond
inline constexpr std::size_t client_backlog_bytes = 262'144;  // unread answer bytes held per client
inline constexpr std::chrono::seconds client_write_timeout =
    30s;  // a reader slower than that is cut

// What an upstream may send.
inline constexpr std::size_t response_header_bytes = 65'536;
inline constexpr std::size_t response_buffer_bytes = 8U
                                                     << 20U;  // whole answers held for validation
inline constexpr std::size_t stream_event_bytes = 1U << 20U;  // one server-sent event
inline constexpr std::size_t media_event_bytes = 32U << 20U;  // the same with an image or a sound
inline constexpr std::size_t held_back_bytes = 1U << 20U;     // events before content

inline constexpr std::size_t continued_bytes = 1U << 20U;  // of text kept to be gone on with

// Upstream connections.
inline constexpr std::size_t idle_connections_per_origin = 256;
inline constexpr std::chrono::seconds upstream_idle = 30s;

// Attempts.
inline constexpr std::size_t targets_per_model = 16;
inline constexpr std::size_t targets_total = 1024;
inline constexpr std::size_t services_total = 1024;  // pairs of logical model and service

// Kept responses.
inline constexpr std::size_t responses_waiting = 4'096;  // to be written; more are lost and counted
inline constexpr std::size_t responses_waiting_bytes = 64U << 20U;
inline constexpr std::size_t responses_looks = 1'024;          // questions; 503 beyond
inline constexpr std::chrono::seconds responses_timeout = 5s;  // for the answer; 503 beyond
inline constexpr std::size_t responses_chain_length = 1'000;   // in a conversation; 400 beyond
inline constexpr std::size_t responses_chain_bytes = 32U << 20U;
inline constexpr std::size_t response_id_bytes = 256;  // longer ones are nobody's
// Alerts.
inline constexpr std::size_t alert_rules = 200;
inline constexpr std::size_t webhooks = 20;
inline constexpr std::size_t alerts_waiting = 256;  // for one webhook; the oldest goes beyond
// Money.
inline constexpr std::size_t price_file_bytes = 16U << 20U;  // prices.file
inline constexpr std::size_t budgets = 64;                   // in one configuration
// What a budget reserves where nothing bounds it.
inline constexpr std::size_t tokens_in_unbounded =
    200'000;  // pictures, files, stored conversations
inline constexpr std::size_t tokens_out_unbounded = 16'384;   // neither max_tokens nor a known most
inline constexpr std::chrono::milliseconds budget_wait = 2s;  // for a slice that is being leased

}  // namespace holdfast::limits
