// Every metric that Holdfast shows, in one table: the scrape, docs/reference/metrics.md and the
// test that holds both against promtool are made from it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::observe {

enum class Metric : std::uint8_t {
  // Counted by the loop threads (counters.h).
  requests,
  request_duration,
  requests_in_flight,
  requests_refused,
  requests_limited,
  requests_shed,
  requests_waiting,
  queue_wait,
  client_connections,
  client_connections_opened,
  streams,
  client_received,
  client_sent,
  clients_left,
  attempts,
  attempt_duration,
  time_to_first_content,
  failovers,
  hedges,
  hedges_won,
  shadows,
  shadows_dropped,
  shadow_duration,
  shadow_first_content,
  shadows_in_flight,
  tokens,
  cost,
  unknown_costs,
  upstream_connections_opened,
  upstream_received,
  upstream_sent,
  cut_streams,
  continuations,
  retries_refused,
  hedges_refused,
  error_events,
  keepalives,
  journal_flushes,
  bugs,
  service_requests,
  service_request_duration,
  service_cost,
  cache_requests,
  // Asked for at each scrape: Registry::provide.
  breaker_state,
  target_frozen,
  usual_first_content,
  credential_state,
  probes,
  concurrency_limit,
  memory_held,
  engine_ready,
  engine_time_to_ready,
  engine_restarts,
  records_settled,
  records_unsettled,
  records_open,
  records_lost,
  records_lag,
  records_unsealed,
  records_lossy,
  journal_bytes,
  responses_written,
  responses_lost,
  responses_waiting,
  responses_waiting_bytes,
  budget_amount,
  budget_used,
  budget_threshold,
  budget_refused,
  budget_forced,
  snapshot_generation,
  config_reload_failures,
  audit_entries,
  audit_signed_entries,
  audit_refused,
  audit_checkpoint_failures,
  tls_certificate_expiry,
  tls_reload_failures,
  tls_handshakes,
  tls_handshake_failures,
  cache_size,
  cache_entries,
  alerts_firing,
  alert_messages,
  // The registry's own.
  log_lines_dropped,
  build_info,
  process_resident_memory,
  process_open_fds,
  process_start_time,
  process_cpu,
};
inline constexpr std::size_t metric_count = static_cast<std::size_t>(Metric::process_cpu) + 1;

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct Description {
  Metric metric;
  std::string_view name;  // with its unit
  MetricType type;
  std::string_view labels;  // names, a comma between them
  std::string_view help;
};
std::span<const Description, metric_count> metrics();
const Description& describe(Metric metric);

// docs/reference/metrics.md.
std::string metrics_reference();

}  // namespace holdfast::observe
