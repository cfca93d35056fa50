#include "server/failure_log.h"

#include <boost/asio/post.hpp>

#include "base/log.h"

namespace holdfast::server {
namespace {
constexpr int most_waiting = 1024;
constexpr std::size_t most_recent = 100;
constexpr std::int64_t silence_us = 10'000'000;  // between two lines of one provider and class
}  // namespace

void FailureLog::notice(gateway::FailureNotice notice) {
  if (waiting_.fetch_add(1, std::memory_order_relaxed) >= most_waiting) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  boost::asio::post(home_, [this, notice = std::move(notice)]() mutable {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    keep(std::move(notice));
  });
}

void FailureLog::keep(gateway::FailureNotice notice) {
  if (notice.unfit_copy) return keep_unfit(std::move(notice));
  if (listener_) listener_(notice);
  Told& told = told_[{notice.provider, notice.failure}];
  if (notice.at_us - told.at_us >= silence_us) {
    log::warning("provider {} failed: {} ({}){}; model {}, request {}", notice.provider,
                 to_string(notice.failure), notice.detail,
                 told.silent > 0 ? fmt::format(", {} more since the last line", told.silent) : "",
                 notice.model, notice.request_id);
    told = {notice.at_us, 0};
  } else {
    ++told.silent;
  }
  last_.insert_or_assign({notice.provider, notice.target_model}, notice);
  recent_.push_front(std::move(notice));
  if (recent_.size() > most_recent) recent_.pop_back();
}

void FailureLog::keep_unfit(gateway::FailureNotice notice) {
  Unfit& unfit = unfit_[{notice.model, notice.provider, notice.target_model}];
  if (notice.at_us - unfit.told.at_us >= silence_us) {
    log::warning(
        "a copy of a request for {} was not sent to {}/{}, which is on trial: {}{}; request {}",
        notice.model, notice.provider, notice.target_model, notice.detail,
        unfit.told.silent > 0 ? fmt::format(" ({} more since the last line)", unfit.told.silent)
                              : "",
        notice.request_id);
    unfit.told = {notice.at_us, 0};
  } else {
    ++unfit.told.silent;
  }
  unfit.last = std::move(notice);
}

const gateway::FailureNotice* FailureLog::last_unfit(const std::string& logical_model,
                                                     const std::string& provider,
                                                     const std::string& model) const {
  const auto found = unfit_.find({logical_model, provider, model});
  return found == unfit_.end() ? nullptr : &found->second.last;
}

const gateway::FailureNotice* FailureLog::last(const std::string& provider,
                                               const std::string& model) const {
  const auto found = last_.find({provider, model});
  return found == last_.end() ? nullptr : &found->second;
}

}  // namespace holdfast::server
