// The limits of whoever asks and of what is asked, as one request meets them: taken before it waits
// for anything, corrected when it ends, given back whatever happens.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "gateway/answers.h"
#include "net/http_server.h"
#include "observe/counters.h"
#include "routing/published_keys.h"
#include "routing/snapshot.h"

namespace holdfast::gateway {

// Who asks.
struct Asker {
  const identity::KeySettings* key = nullptr;        // null: no keys are configured
  const identity::UsableKey* virtual_key = nullptr;  // null: it is one of the configuration
  const routing::PublishedKeys* keys = nullptr;      // that it is of, where it is virtual
};

// Used by one loop. The snapshot and the published keys outlive it.
class RequestLimits {
 public:
  // Takes the request from every limit that it counts against, or from none.
  //   asker    a virtual key counts against the limits of its parents too
  //   tokens   as estimated; 0 when it makes none
  //   returns  what the client is told when it does not fit
  std::optional<Refusal> take(const routing::Snapshot& snapshot, const Asker& asker,
                              const routing::Model& model, std::int64_t tokens, MonoTime now,
                              observe::ThreadCounters& counters);
  // An attempt has ended.
  //   committed   the client has content of it; then an untold usage is as estimated
  void note(const dialect::Usage& usage, bool committed);
  // The request has ended: its tokens are what its attempts came to.
  void settle(MonoTime now);
  std::int64_t estimate() const { return estimate_; }  // tokens, as it was taken
  // How the tightest of the key's and the team's limits stand, as SDKs of `dialect` read it.
  void add_headers(dialect::Dialect dialect, const Clock& clock, net::AnswerHeaders& headers) const;

 private:
  static constexpr std::size_t of_keys = limits::key_generations;
  std::array<routing::LimitPermit, of_keys + 2> permits_;   // key and its parents, team, model
  std::array<const routing::Limit*, of_keys + 1> shown_{};  // key and its parents, team; null: none
  std::int64_t estimate_ = 0;                               // tokens
  std::int64_t used_ = 0;                                   // by the attempts that have ended
};

// The tokens that a limit counts; `untold` when nobody told.
std::int64_t tokens_of(const dialect::Usage& usage, std::int64_t untold);

// What a client is told that does not fit into `limit`.
//   tokens   of the request, as estimated
Refusal limit_refusal(const routing::Limit& limit, const routing::LimitRefusal& refusal,
                      std::int64_t tokens);

// "6m0s", "1.2s", "22ms": how OpenAI writes the time to a reset; rounded up to the millisecond.
std::string reset_text(Duration time);

}  // namespace holdfast::gateway
