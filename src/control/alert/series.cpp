#include "control/alert/series.h"

namespace holdfast::control::alert {

void Series::Ring::push(const Point& point, std::size_t most) {
  if (points.size() < most) {
    points.push_back(point);
    return;
  }
  points[next] = point;
  next = (next + 1) % most;
}

void Series::note(MonoTime now, const Totals& totals) {
  if (coarse_.points.empty() || now - coarse_at_ >= coarse_step) {
    coarse_.push({now, totals}, coarse_points);
    coarse_at_ = now;
  }
  fine_.push({now, totals}, fine_points);
}

Series::Change Series::change(Duration window) const {
  if (fine_.points.empty()) return {};
  const std::size_t last = fine_.points.size() < fine_points
                               ? fine_.points.size() - 1
                               : (fine_.next + fine_points - 1) % fine_points;
  const Point& now = fine_.points[last];
  const MonoTime begin = now.at - window;
  // The latest note that is not younger than the window; else the oldest there is.
  const Point* base = nullptr;
  const Point* oldest = nullptr;
  for (const Ring* ring : {&fine_, &coarse_})
    for (const Point& point : ring->points) {
      if (oldest == nullptr || point.at < oldest->at) oldest = &point;
      if (point.at <= begin && (base == nullptr || point.at > base->at)) base = &point;
    }
  if (base == nullptr) base = oldest;
  return {now.totals.events - base->totals.events, now.totals.bad - base->totals.bad,
          now.totals.nano_usd - base->totals.nano_usd, now.at - base->at};
}

}  // namespace holdfast::control::alert
