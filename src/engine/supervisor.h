// Keeps one local server alive: starts it, knows when it is ready, notices when it dies or hangs,
// starts it again with back-off, stops it. What is started comes in as a plan.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "engine/engine.h"
#include "engine/health_probe.h"
#include "engine/output_log.h"
#include "engine/process.h"

namespace holdfast::engine {

struct SupervisorLimits {
  std::chrono::milliseconds probe_while_starting{50};
  std::chrono::milliseconds probe_every{2'000};
  std::chrono::milliseconds probe_timeout{5'000};
  // Health checks without an answer in a row, with hardly any processor time used meanwhile: then
  // it hangs, and is killed. One that computes and does not answer is busy with more clients than
  // it has threads: killing it would make an outage of an overload.
  int missed_probes = 3;
  int idle_permille = 10;                        // of one core: less is "hardly any"
  std::chrono::milliseconds first_backoff{500};  // doubled up to:
  std::chrono::milliseconds longest_backoff{30'000};
  std::chrono::milliseconds well_after{60'000};  // ready for so long: back-off begins anew
  std::chrono::milliseconds stop_grace{5'000};   // from SIGTERM to SIGKILL
  std::chrono::milliseconds look_again{10'000};  // at what `prepare` refused
  int hopeless_starts = 3;  // failed in a row: who asks then is refused at once
};

struct Plan {
  std::string name;  // for the log
  // Checks what is needed and says what to run. Called before each start, on the supervisor's
  // thread.   errors   the state is `failed` until a later call succeeds
  std::function<Result<Command>()> prepare;
  bool warm = true;  // false: started by the first wait_ready(), stopped when idle
  std::chrono::milliseconds start_timeout{120'000};
  std::chrono::milliseconds idle_stop{600'000};
  std::string log_path;
  SupervisorLimits limits;
  // Told every change of state, on the supervisor's thread. May be empty.
  std::function<void(const EngineStatus&)> on_change;
};

class Supervisor final : public Engine {
 public:
  Supervisor(Plan plan, Endpoint endpoint, const Clock& clock);
  ~Supervisor() override;

  void start() override;
  bool ready() const override { return ready_.load(); }
  Task<Result<void>> wait_ready(net::Deadline deadline) override;
  std::shared_ptr<const Endpoint> endpoint() const override { return endpoint_; }
  void note_use() override { last_use_.store(clock_.now()); }
  EngineStatus status() const override;

 private:
  struct Waiter;
  class Waiting;

  // What wait_ready() can say without waiting.
  std::optional<Result<void>> known_outcome() const;  // under mutex_
  void enlist(const std::shared_ptr<Waiter>& waiter);
  void wake() const;

  // The rest runs on the supervisor's own thread.
  void run();
  void obey(MonoTime now);
  void launch(MonoTime now);
  void begin_stop(MonoTime now);
  void stop_when_idle(MonoTime now);
  void watch(MonoTime now);
  void probe(MonoTime now);
  void on_probe(ProbeResult result, MonoTime now);
  bool seems_stuck(MonoTime now) const;
  void give_up_on(std::string why);
  void on_exit(MonoTime now);
  void back_off(MonoTime now, const std::string& why);
  void enter(EngineState state, std::string error);
  void settle_waiters(const Result<void>& outcome);
  MonoTime next_event(MonoTime now) const;

  const Plan plan_;
  const std::shared_ptr<const Endpoint> endpoint_;
  const Clock& clock_;
  Descriptor wake_;  // an eventfd
  std::atomic<bool> ready_ = false;
  std::atomic<MonoTime> last_use_{MonoTime{}};

  mutable std::mutex mutex_;
  EngineStatus status_;
  bool wanted_ = false, quit_ = false;
  int failed_starts_ = 0;  // in a row
  std::set<std::shared_ptr<Waiter>> waiters_;

  std::optional<Process> process_;
  OutputLog log_;
  HealthProbe health_;
  Random random_;
  MonoTime started_at_{}, ready_at_{}, retry_at_{}, probe_at_{}, probe_deadline_{}, kill_at_{};
  Duration probe_cpu_{};  // used by the server when the probe began
  MonoTime probe_began_{};
  int missed_ = 0, backoffs_ = 0;
  bool output_open_ = false;
  std::string kill_reason_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace holdfast::engine
