#include "observe/metrics.h"

#include <fmt/format.h>

#include <array>

#include "base/failure.h"
#include "observe/counters.h"

namespace holdfast::observe {
namespace {
using enum Metric;
using enum MetricType;

// In the order of Metric.
constexpr std::array<Description, metric_count> table = {{
    {requests, "holdfast_requests_total", counter, "endpoint,status",
     "Requests of applications that were answered, by exact HTTP status."},
    {request_duration, "holdfast_request_duration_seconds", histogram, "endpoint",
     "From a request's head to the last byte of its answer, streams included."},
    {requests_in_flight, "holdfast_requests_in_flight", gauge, "",
     "Requests that have begun and are not yet answered."},
    {requests_refused, "holdfast_requests_refused_total", counter, "reason",
     "Requests that were answered without asking any target."},
    {requests_limited, "holdfast_requests_limited_total", counter, "scope,limit",
     "Times that a request did not fit into a limit: it was refused, or, for a provider's, passed "
     "the provider over."},
    {requests_shed, "holdfast_requests_shed_total", counter, "class,reason",
     "Requests that were refused since there was too little for all, by the class of their key."},
    {requests_waiting, "holdfast_requests_waiting", gauge, "",
     "Requests that wait for a target with room."},
    {queue_wait, "holdfast_queue_wait_seconds", histogram, "",
     "How long requests waited for a target with room; those that did not wait are not in it."},
    {client_connections, "holdfast_client_connections", gauge, "",
     "Open connections of applications."},
    {client_connections_opened, "holdfast_client_connections_opened_total", counter, "",
     "Connections of applications that were accepted."},
    {streams, "holdfast_streams", gauge, "", "Streamed answers under way, those to copies too."},
    {client_received, "holdfast_client_received_bytes_total", counter, "",
     "Bytes read from applications."},
    {client_sent, "holdfast_client_sent_bytes_total", counter, "",
     "Bytes written to applications."},
    {clients_left, "holdfast_clients_left_total", counter, "",
     "Requests whose client closed the connection before the answer was complete."},
    {attempts, "holdfast_attempts_total", counter, "provider,model,failure",
     "Attempts that ended, by failure class; none: the attempt succeeded."},
    {attempt_duration, "holdfast_attempt_duration_seconds", histogram, "provider,model",
     "From an attempt's start to its end."},
    {time_to_first_content, "holdfast_time_to_first_content_seconds", histogram, "provider,model",
     "From an attempt's start to the first content of its answer."},
    {failovers, "holdfast_failovers_total", counter, "provider,model,failure",
     "Requests that went on to the next target, by the target they left and why."},
    {hedges, "holdfast_hedges_total", counter, "provider,model",
     "Attempts at the target beside another one that was late."},
    {hedges_won, "holdfast_hedges_won_total", counter, "provider,model",
     "Those that had content first and answered; the other is an attempt that ended in "
     "hedge_lost."},
    {shadows, "holdfast_shadows_total", counter, "provider,model,failure",
     "Copies of requests that were sent to a target on trial, by failure class."},
    {shadows_dropped, "holdfast_shadows_dropped_total", counter, "provider,model,reason",
     "Copies that fell into the share of a target on trial and were not sent."},
    {shadow_duration, "holdfast_shadow_duration_seconds", histogram, "provider,model",
     "From the start of a copy to its end."},
    {shadow_first_content, "holdfast_shadow_time_to_first_content_seconds", histogram,
     "provider,model", "From the start of a copy to the first content of its answer."},
    {shadows_in_flight, "holdfast_shadows_in_flight", gauge, "", "Copies under way."},
    {tokens, "holdfast_tokens_total", counter, "provider,model,kind",
     "Tokens as the provider counted them; cached is part of in, reasoning of out."},
    {cost, "holdfast_cost_usd_total", counter, "provider,model",
     "What attempts and copies have cost by the price of the target; those whose cost is not known "
     "are left out."},
    {unknown_costs, "holdfast_unknown_costs_total", counter, "provider,model",
     "Attempts and copies whose cost is not known: the target has no price, or the provider did "
     "not "
     "say what it has counted."},
    {upstream_connections_opened, "holdfast_upstream_connections_opened_total", counter, "",
     "Connections that were opened to providers."},
    {upstream_received, "holdfast_upstream_received_bytes_total", counter, "",
     "Bytes read from providers."},
    {upstream_sent, "holdfast_upstream_sent_bytes_total", counter, "",
     "Bytes written to providers."},
    {cut_streams, "holdfast_cut_streams_total", counter, "",
     "Streams that broke after their first content and ended in an error."},
    {continuations, "holdfast_continuations_total", counter, "",
     "Times that another target was asked to go on with a stream that broke."},
    {retries_refused, "holdfast_retries_refused_total", counter, "",
     "Further attempts at targets that are out which the retry budget did not allow."},
    {hedges_refused, "holdfast_hedges_refused_total", counter, "",
     "Second attempts beside one that was late which the retry budget did not allow."},
    {error_events, "holdfast_error_events_total", counter, "",
     "Error events that were sent to end a stream."},
    {keepalives, "holdfast_keepalives_total", counter, "",
     "Comments that were sent to keep a waiting stream open."},
    {journal_flushes, "holdfast_journal_flushes_total", counter, "",
     "Writes of batches of records to the journals."},
    {bugs, "holdfast_bugs_total", counter, "",
     "Requests that failed by what cannot happen. Anything but 0 is worth a report."},
    {service_requests, "holdfast_service_requests_total", counter, "logical_model,service,result",
     "Requests for a logical model, by the service of their key and how they ended."},
    {service_request_duration, "holdfast_service_request_duration_seconds", histogram,
     "logical_model,service", "The time of those that ended ok, from the head to the last byte."},
    {service_cost, "holdfast_service_cost_usd_total", counter, "logical_model,service",
     "What the attempts of a service's requests have cost; those whose cost is not known are left "
     "out."},
    {cache_requests, "holdfast_cache_requests_total", counter, "result",
     "Requests for models with a cache, by what became of them; stored: answers that were kept."},
    {breaker_state, "holdfast_breaker_state", gauge, "provider,model",
     "0: the target is used; 1: it is left out; 2: one request tries it; 3: it waits out "
     "Retry-After; 4: an operator has taken it out."},
    {target_frozen, "holdfast_target_frozen", gauge, "provider,model",
     "1: an operator has frozen what is known of its health."},
    {usual_first_content, "holdfast_usual_first_content_seconds", gauge, "provider,model",
     "Time to the first content of streams that the target usually takes: what slow answers are "
     "held against; 0: not known yet."},
    {credential_state, "holdfast_credential_state", gauge, "provider,credential",
     "Of providers with several keys: 0: it is used; 1: it is left out; 2: one request tries it; "
     "3: it waits out Retry-After."},
    {probes, "holdfast_probes_total", counter, "provider,model,failure",
     "Probes of targets that were out, by failure class; none: the target is back."},
    {concurrency_limit, "holdfast_concurrency_limit", gauge, "provider,model",
     "How many requests may be under way at the target, as it is now; of providers with "
     "concurrency."},
    {memory_held, "holdfast_memory_held_bytes", gauge, "",
     "Bytes of bodies and answers under way, as they are held against server.memory_limit."},
    {engine_ready, "holdfast_engine_ready", gauge, "provider",
     "1: the local engine answers; 0: it does not run, or loads its model."},
    {engine_time_to_ready, "holdfast_engine_time_to_ready_seconds", gauge, "provider",
     "From the local engine's last start to ready."},
    {engine_restarts, "holdfast_engine_restarts_total", counter, "provider",
     "Times that the local engine died and was started again."},
    {records_settled, "holdfast_records_settled_total", counter, "",
     "Attempts in the records with start and end, over the life of the state directory."},
    {records_unsettled, "holdfast_records_unsettled_total", counter, "",
     "Attempts in the records whose process ended before they did, over the life of the state "
     "directory."},
    {records_open, "holdfast_records_open", gauge, "",
     "Attempts in the records that are under way."},
    {records_lost, "holdfast_records_lost_total", counter, "",
     "Starts and ends that no journal took, since the start of the process."},
    {records_lag, "holdfast_records_lag", gauge, "",
     "Starts and ends that are in the journals and not yet in the store."},
    {records_unsealed, "holdfast_records_unsealed", gauge, "",
     "Attempts in the records that are not sealed into the audit log yet."},
    {records_lossy, "holdfast_records_lossy", gauge, "",
     "1: a journal cannot write, or the store takes nothing; records may be lost."},
    {journal_bytes, "holdfast_journal_size_bytes", gauge, "", "Size of the journal files."},
    {responses_written, "holdfast_responses_written_total", counter, "",
     "Kept responses that were written to the disk, since the start of the process."},
    {responses_lost, "holdfast_responses_lost_total", counter, "",
     "Responses that are not kept although they should be: too many waited for the disk."},
    {responses_waiting, "holdfast_responses_waiting", gauge, "",
     "Kept responses and deletions that are not on the disk yet."},
    {responses_waiting_bytes, "holdfast_responses_waiting_bytes", gauge, "",
     "Size of the kept responses that are not on the disk yet."},
    {budget_amount, "holdfast_budget_amount_usd", gauge, "budget",
     "What may be spent in each period of the budget."},
    {budget_used, "holdfast_budget_used_usd", gauge, "budget",
     "What is spent and reserved of it in the period under way."},
    {budget_threshold, "holdfast_budget_threshold_percent", gauge, "budget",
     "The highest threshold that was reached in the period under way; 0: none."},
    {budget_refused, "holdfast_budget_refused_total", counter, "budget",
     "Times that a target was not asked because the budget had no room."},
    {budget_forced, "holdfast_budget_forced_total", counter, "budget",
     "Attempts of critical_revenue that went beyond it. Anything but 0 is to be looked at now."},
    {snapshot_generation, "holdfast_snapshot_generation", gauge, "",
     "The configuration in force: 1 at the start, one more with each reload."},
    {config_reload_failures, "holdfast_config_reload_failures_total", counter, "",
     "Reloads that left the old configuration in force."},
    {audit_entries, "holdfast_audit_entries", gauge, "", "Entries in the audit log."},
    {audit_signed_entries, "holdfast_audit_signed_entries", gauge, "",
     "Of them, those that the last checkpoint signs for."},
    {audit_refused, "holdfast_audit_refused_total", counter, "",
     "Entries that could not be written: what they were about was refused."},
    {audit_checkpoint_failures, "holdfast_audit_checkpoint_failures_total", counter, "",
     "Checkpoints that could not be written; each is tried again."},
    {tls_certificate_expiry, "holdfast_tls_certificate_expiry_timestamp_seconds", gauge, "listener",
     "When the certificate in use, or one of its chain, expires."},
    {tls_reload_failures, "holdfast_tls_reload_failures_total", counter, "listener",
     "Changed certificates or keys that were not taken over: the ones before stay in use."},
    {tls_handshakes, "holdfast_tls_handshakes_total", counter, "listener", "TLS handshakes."},
    {tls_handshake_failures, "holdfast_tls_handshake_failures_total", counter, "listener,reason",
     "Connections that came to no handshake: plain_http, protocol (no version or cipher in common, "
     "or no TLS), certificate (the client's is missing or did not pass), slow, left."},
    {cache_size, "holdfast_cache_size_bytes", gauge, "", "Size of the answers that are kept."},
    {cache_entries, "holdfast_cache_entries", gauge, "", "Answers that are kept."},
    {alerts_firing, "holdfast_alerts_firing", gauge, "rule,windows,severity",
     "1: the alert fires; windows: of a burn rate, else empty."},
    {alert_messages, "holdfast_alert_messages_total", counter, "webhook,result",
     "Messages to webhooks that were delivered, or given up after all tries."},
    {log_lines_dropped, "holdfast_log_lines_dropped_total", counter, "",
     "Log lines that were dropped because they came too fast."},
    {build_info, "holdfast_build_info", gauge, "version", "Always 1."},
    {process_resident_memory, "process_resident_memory_bytes", gauge, "",
     "Resident memory of the process."},
    {process_open_fds, "process_open_fds", gauge, "", "Open file descriptors of the process."},
    {process_start_time, "process_start_time_seconds", gauge, "",
     "When the process started, in seconds since 1970."},
    {process_cpu, "process_cpu_seconds_total", counter, "",
     "Processor time that the process has spent, user and system."},
}};

consteval bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].metric) != i) return false;
  return true;
}
static_assert(in_order());

std::string_view to_string(MetricType type) {
  switch (type) {
    case counter:
      return "counter";
    case gauge:
      return "gauge";
    case histogram:
      return "histogram";
  }
  return "";
}

template <class Names>
std::string listed(std::size_t count, Names name_of) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += fmt::format("{}`{}`", i == 0 ? "" : ", ", name_of(i));
  return text;
}
}  // namespace

std::span<const Description, metric_count> metrics() { return table; }
const Description& describe(Metric metric) { return table[static_cast<std::size_t>(metric)]; }

std::string metrics_reference() {
  std::string page =
      "# Metrics\n\n"
      "Generated from `src/observe/metrics.cpp`; a test fails when this page is stale. The "
      "administration side serves\nthem at `/metrics` in Prometheus' text format.\n\n"
      "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n";
  for (const Description& metric : table)
    page += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, to_string(metric.type),
                        metric.labels, metric.help);
  page += "\n## Label values\n\n";
  page += fmt::format("- `endpoint`: {}\n", listed(route_count, [](std::size_t i) {
                        return to_string(static_cast<Route>(i));
                      }));
  page += fmt::format("- `failure`: {}\n", listed(failure_class_count, [](std::size_t i) {
                        return to_string(static_cast<FailureClass>(i));
                      }));
  page += fmt::format("- `reason`: {}\n", listed(refusal_count, [](std::size_t i) {
                        return to_string(static_cast<Refusal>(i));
                      }));
  page += fmt::format(
      "- `reason` of `holdfast_requests_shed_total`: {}\n",
      listed(shed_count, [](std::size_t i) { return to_string(static_cast<Shed>(i)); }));
  page += fmt::format("- `reason` of `holdfast_shadows_dropped_total`: {}\n",
                      listed(shadow_drop_count,
                             [](std::size_t i) { return to_string(static_cast<ShadowDrop>(i)); }));
  page += fmt::format("- `class`: {}\n", listed(service_class_count, [](std::size_t i) {
                        return to_string(static_cast<ServiceClass>(i));
                      }));
  page += fmt::format("- `scope`: {}\n", listed(config::limit_scope_count, [](std::size_t i) {
                        return config::to_string(static_cast<config::LimitScope>(i));
                      }));
  page += fmt::format("- `limit`: {}\n", listed(config::limit_kind_count, [](std::size_t i) {
                        return config::to_string(static_cast<config::LimitKind>(i));
                      }));
  page += fmt::format("- `kind`: {}\n", listed(token_kind_count, [](std::size_t i) {
                        return to_string(static_cast<TokenKind>(i));
                      }));
  page += fmt::format("- `result`: {}\n", listed(request_end_count, [](std::size_t i) {
                        return to_string(static_cast<RequestEnd>(i));
                      }));
  page += fmt::format(
      "  Of a cache: {}. Of messages: `delivered`, `given_up`.\n",
      listed(cache_use_count, [](std::size_t i) { return to_string(static_cast<CacheUse>(i)); }));
  page += fmt::format(
      "- `service`: as the configuration's keys say it; empty for the others. Beyond {} pairs with "
      "`logical_model`,\n  `other`.\n",
      limits::services_total);
  page += fmt::format(
      "- `provider`, `model`: a target as the configuration names it. Beyond {} targets over the "
      "life of a process,\n  `other`.\n- `status`: the exact HTTP status.\n\n",
      limits::targets_total);
  page += "Buckets of every histogram, in seconds: ";
  for (const std::int64_t bound : bucket_bounds_us)
    page += fmt::format("{}, ", static_cast<double>(bound) / 1e6);
  page += "+Inf.\n";
  return page;
}

}  // namespace holdfast::observe
