// Whether a request is answered from memory, and whether its answer is kept.
#pragma once
#include <memory>
#include <optional>

#include "gateway/answer_cache.h"
#include "gateway/request_state.h"

namespace holdfast::gateway {

// Lives as long as its request. Comes after whatever may refuse the request, and before the first
// attempt.
class CacheStep {
 public:
  explicit CacheStep(RequestState& state) : state_(state) {}

  // Looks for an answer; when there is none that may be given, has the coming one copied.
  //   refuses   504: the client wants only what is kept, and nothing is
  std::optional<Refusal> look();
  bool found() const { return kept_ != nullptr; }
  Task<void> answer();
  // Keeps the answer that has been given, if it is one to be kept.
  void remember();

 private:
  void count(observe::CacheUse use);

  RequestState& state_;
  std::optional<CacheKey> key_;
  std::shared_ptr<const CachedAnswer> kept_;
};

}  // namespace holdfast::gateway
