#include "routing/admission_queue.h"

namespace holdfast::routing {

AdmissionQueue::~AdmissionQueue() {
  offer([](Waiter&) { return true; });
}

AdmissionQueue::Waiter* AdmissionQueue::enter(Waiter& waiter, std::size_t most) {
  Waiter* shed = nullptr;
  if (size_ >= most) {
    for (std::size_t below = service_class_count - 1; below > rank(waiter.service_class_); --below)
      if (!by_rank_[below].empty()) {
        shed = by_rank_[below].back();
        break;
      }
    if (shed == nullptr) return &waiter;
    shed->leave();
  }
  std::list<Waiter*>& waiting = by_rank_[rank(waiter.service_class_)];
  waiter.place_ = waiting.insert(waiting.end(), &waiter);
  waiter.queue_ = this;
  ++size_;
  return shed;
}

void AdmissionQueue::Waiter::leave() {
  if (queue_ == nullptr) return;
  queue_->by_rank_[rank(service_class_)].erase(place_);
  --queue_->size_;
  queue_ = nullptr;
}

}  // namespace holdfast::routing
