// What all threads know of each target's health: a breaker, a cooling time, how often it failed of
// late, how long it takes. Relaxed atomics, no lock: a decision may be a moment behind another
// thread's, never inconsistent for long.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/failure.h"
#include "base/limits.h"
#include "provider/health_settings.h"
#include "routing/latency.h"
#include "routing/window.h"

namespace holdfast::limits {
inline constexpr std::size_t credentials_total = 256;  // of providers that have several
}

namespace holdfast::routing {

enum class BreakerState : std::uint8_t {
  closed,       // serves
  open,         // out until its time, after failures
  half_open,    // one request is trying it
  cooling,      // out until the time that the upstream asked for (Retry-After)
  maintenance,  // an operator has taken it out
};

// Why a breaker is open.
enum class OpenedFor : std::uint8_t {
  none,
  failures,    // so many in a row
  verdict,     // one that the next request would meet too: connection, credential, money, model
  error_rate,  // too many of the window
  slow,        // it answers far later than it usually does
  outlier,     // it fails far more often than the others of its pool
};

// Whether a target may be tried now.
enum class Admission : std::uint8_t {
  yes,
  probe,        // yes, as the one request that tries whether it is back
  returning,    // well again, and spared: only while no other is well
  open,         // not while there are others; tried as the last resort
  cooling,      // no
  maintenance,  // no
};

struct HealthView {  // one target's health, to be shown
  BreakerState state = BreakerState::closed;
  OpenedFor opened_for = OpenedFor::none;  // open, half_open
  MonoTime until{};                        // open, cooling, maintenance (max: until restored)
  bool frozen = false;                     // verdicts stand still
  int share_percent = 100;                 // of requests, while it returns
  std::uint32_t consecutive_failures = 0;
  FailureClass last_failure = FailureClass::none;
  std::int64_t last_failure_us = 0;  // wall time; 0: never
  std::uint16_t last_status = 0;     // HTTP, 0: none
  std::uint64_t attempts = 0, failures = 0;
  WindowCounts recent;                  // of health.window
  bool slow = false;                    // the last answers were (SlowAnswers)
  double usual_first_content_us = -1;   // of streams; negative: not known
  double recent_first_content_us = -1;  // a slow answer shows at once
  double usual_token_us = -1;           // of whole answers, per token
};

// Breakers open at once for failures that the next request would meet too (connection, certificate,
// credential, money, model), after so many in a row for others, when too many of a window failed,
// and when judge_pool() (pool_judge.h) finds the target slow or an outlier. They open for a time
// that doubles with each trip (30 s from the start where an operator must act, 10 s by a
// comparison) and forget their trips when they have been closed for the longest such time, so that
// a target that flaps is left alone for longer each time. One request at a time then probes. After
// a success the target's share grows from a tenth to all (health.slow_start).
class HealthTable {
 public:
  // Targets as the registry numbers them (the last stands for all beyond), then credentials.
  static constexpr std::size_t first_credential = limits::targets_total + 1;
  static constexpr std::size_t size = first_credential + limits::credentials_total + 1;

  //   seed   spreads the ends of open times over a fifth more, so that the targets of many
  //          instances do not come back at one moment; 0: exact times
  explicit HealthTable(std::uint64_t seed = 0) : seed_(seed) {}

  Admission admit(std::size_t target, MonoTime now);
  void succeeded(std::size_t target, MonoTime now);
  //   retry_after   what the upstream asked for, if it did
  void failed(std::size_t target, FailureClass failure, std::uint16_t status, MonoTime now,
              std::int64_t wall_us, std::optional<std::chrono::milliseconds> retry_after);
  // Nobody asks it until then.
  void cool(std::size_t target, MonoTime until);
  // A probe that ended without a verdict (the client left) frees its place.
  void undecided(std::size_t target);
  // It was admitted and then not tried, for want of room: no attempt, and its place to probe is
  // free.
  void not_tried(std::size_t target);
  // For whoever probes without a client's request: keeps those from probing until then. False: it
  // is not out by its own failures, or it is not to be touched.
  bool reserve_probe(std::size_t target, MonoTime now, MonoTime until);
  // How long an answer took: to the first content of a stream, or a whole one with its tokens.
  void took_first_content(std::size_t target, MonoTime now, std::int64_t took_us);
  void took_whole(std::size_t target, MonoTime now, std::int64_t took_us, std::int64_t tokens_out);
  // It has a new credential: if it is out for want of a good one, it may be tried at once, but only
  // once until it succeeds, since the fault may be another.
  void credential_changed(std::size_t target, MonoTime now);
  // A comparison with others takes it out; not while it is frozen or out already.
  void eject(std::size_t target, OpenedFor why, MonoTime now);
  HealthView view(std::size_t target, MonoTime now) const;

  // What an operator says: no request until then (MonoTime::max(): until restored); nothing: it
  // serves again.
  void maintain(std::size_t target, std::optional<MonoTime> until);
  // Breaker and cooling stay as they are, whatever happens, until it is thawed.
  void freeze(std::size_t target, bool frozen);
  // The rules of `target` from now on. One thread at a time.
  void configure(std::size_t target, const provider::HealthSettings& settings);
  const provider::HealthSettings& settings_of(std::size_t target) const;

 private:
  // What every request reads and few write, on lines of their own.
  struct alignas(64) Entry {
    std::atomic<std::int64_t> open_until{0};       // ns of monotonic time; 0: closed
    std::atomic<std::int64_t> cooling_until{0};    // likewise
    std::atomic<std::int64_t> probe_until{0};      // a probe is under way; it expires by itself
    std::atomic<std::int64_t> out_until{0};        // an operator's
    std::atomic<std::int64_t> closed_at{0};        // when it last recovered
    std::atomic<std::int64_t> returning_until{0};  // its share grows until then
    std::atomic<const provider::HealthSettings*> settings{nullptr};  // null: the defaults
    std::atomic<OpenedFor> opened_for{OpenedFor::none};
    std::atomic<bool> frozen{false};

    // What every outcome writes.
    alignas(64) std::atomic<std::uint64_t> attempts{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::int64_t> opened_at{0};
    std::atomic<std::int64_t> last_failure_us{0};
    std::atomic<std::uint32_t> consecutive{0};
    std::atomic<std::uint32_t> trips{0};  // of late, for the doubling
    SlowAnswers slow;
    std::atomic<std::uint32_t> credit{0};  // of a thousandth of a request, while it returns
    std::atomic<FailureClass> last_failure{FailureClass::none};
    std::atomic<std::uint16_t> last_status{0};
    std::atomic<bool> credential_retried{false};
    OutcomeWindow window;
    LatencyTrack first_content, per_token;
  };
  void open(std::size_t target, OpenedFor why, Duration first, MonoTime now);
  void close(Entry& entry, MonoTime now);

  std::array<Entry, size> entries_;
  std::uint64_t seed_;
  std::vector<std::unique_ptr<const provider::HealthSettings>> rules_;  // all that were ever set
};

// Whether an attempt that ended so says something about its target.
bool blames_target(FailureClass failure);
// As the interface shows them.
std::string_view to_string(BreakerState state);
std::string_view to_string(OpenedFor why);

}  // namespace holdfast::routing
