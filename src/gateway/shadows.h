// Copies of requests for targets on trial, whose answers nobody gets (docs/adr/0025). A copy has
// all of its own, so that it can neither slow nor fail the request: its bytes, its coroutine, its
// deadline, its connections, and what is known of the health of its target.
#pragma once
#include <list>
#include <memory>

#include "gateway/gateway.h"
#include "net/signal.h"
#include "observe/counters.h"

namespace holdfast::gateway {

class ShadowCopy;
struct RequestState;

// Used by one loop. What the parts refer to outlives it; copies must have ended before it goes:
// stop(), then ended().
class Shadows {
 public:
  Shadows(LoopParts& parts, JournalTurn& turn, WaitingRoom& waiting);
  ~Shadows();
  Shadows(const Shadows&) = delete;
  Shadows& operator=(const Shadows&) = delete;

  // The configuration from now on; copies under way keep theirs.
  void use(const routing::Snapshot& snapshot);
  void use_credential(const std::string& provider,
                      std::shared_ptr<const vault::Credential> credential);
  // The request of `state` is about to be tried: copies it for each of its model's shadows into
  // whose share it falls, or counts why not. Nothing is sent before this returns, and what is
  // thrown is a bug of a copy that is not made: the request never fails by it.
  void offer(const RequestState& state) noexcept;
  // Closes what has been idle for too long.
  void keep_house();
  // Ends the copies under way: their memory is needed.
  void cut_all();
  // The same, and none is made any more; closes all connections.
  void stop();
  // Returns when none is under way. After stop() that is soon, whatever their targets do: each wait
  // of a copy ends when it is cut, or looks for that four times a second. One caller.
  Task<void> ended();
  std::uint64_t bugs() const { return bugs_; }  // exceptions in copies

 private:
  struct UnderWay {
    std::unique_ptr<ShadowCopy> copy;
    std::int64_t bytes;  // that it holds
  };
  using Place = std::list<UnderWay>::iterator;

  void copy(const RequestState& state, const routing::Shadow& shadow);
  void forget(Place place);
  void note_bug();
  std::optional<observe::ShadowDrop> refuses(const RequestState& state,
                                             const routing::Shadow& shadow,
                                             std::int64_t bytes) const;
  std::int64_t bytes_of(const RequestState& state) const;

  LoopParts& loop_parts_;
  JournalTurn& turn_;
  WaitingRoom& waiting_;
  net::ConnectionPool pool_;
  // What copies have met, and nobody else: a target that serves elsewhere is not judged by them.
  std::unique_ptr<routing::HealthTable> health_;
  LoopParts parts_;  // the loop's, with these two in their places
  std::list<UnderWay> copies_;
  net::Signal* last_ended_ = nullptr;  // of ended()
  std::int64_t held_ = 0;              // bytes of the copies under way
  bool stopping_ = false;
  std::uint64_t bugs_ = 0;
  std::vector<std::pair<std::string, std::uint16_t>> targets_;  // their providers and indices
};

}  // namespace holdfast::gateway
