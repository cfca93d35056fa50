// The whole configuration, read: `server`, `admin` and every room's own section.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "audit/settings.h"
#include "base/limits.h"
#include "base/overload_limits.h"
#include "config/problem.h"
#include "control/alert/settings.h"
#include "identity/sessions.h"
#include "identity/settings.h"
#include "provider/settings.h"
#include "records/price_settings.h"
#include "records/settings.h"
#include "responses/settings.h"
#include "routing/budget.h"
#include "routing/settings.h"
#include "server/tls_settings.h"

namespace holdfast::config {
struct Document;
}

namespace holdfast::server {

struct Listen {
  std::string address;  // IPv4 or IPv6, no brackets
  std::uint16_t port = 0;
  bool operator==(const Listen&) const = default;
};

struct Settings {
  Listen applications{"127.0.0.1", 8080};                         // server.listen
  Listen administration{"127.0.0.1", 8081};                       // admin.listen
  bool open_reading = true;                                       // admin.open_reading
  std::optional<net::ServerTlsFiles> applications_tls;            // server.tls; nothing: plain
  std::optional<net::ServerTlsFiles> administration_tls;          // admin.tls
  std::string region;                                             // server.region; empty: not said
  int threads = 0;                                                // server.threads; 0: one per core
  std::uint64_t max_body = limits::request_body_bytes;            // server.max_body
  std::uint64_t response_buffer = limits::response_buffer_bytes;  // server.response_buffer
  std::uint64_t cache_size = 64U << 20U;                          // server.cache_size
  std::chrono::milliseconds drain_timeout{30'000};                // server.drain_timeout
  int queue_length = limits::waiting_requests;                    // server.queue_length
  std::chrono::milliseconds queue_timeout = limits::queue_timeout;  // server.queue_timeout
  std::uint64_t memory_limit = 0;         // server.memory_limit; 0: half of what there is
  std::vector<std::string> cors_origins;  // server.cors_origins; empty: CORS off
  // admin.session_idle, admin.session_time
  identity::SessionTimes sessions;
  std::vector<identity::KeySettings> keys;
  std::vector<identity::TeamSettings> teams;
  records::Settings records;
  records::PriceSettings prices;
  std::vector<routing::Budget> budgets;
  responses::Settings responses;
  audit::Settings audit;
  std::string digest;  // of the configuration: config::Document::digest
  control::alert::Settings alerts;
  std::vector<provider::Settings> providers;   // in the file's order
  std::vector<routing::ModelSettings> models;  // in the file's order
  std::vector<config::Problem> warnings;       // unwise, but not wrong; for the log
};

// Reads the whole configuration. On failure all that is wrong, warnings included, by place.
// Blocks on the disk (secrets, certificates).
std::expected<Settings, std::vector<config::Problem>> read_settings(
    const config::Document& document);

// The reference page of every key, in Markdown: what read_settings reads.
std::string settings_reference();

}  // namespace holdfast::server
