// How many requests each target of a provider may have under way: `providers.NAME.concurrency`.
#pragma once

namespace holdfast::provider {

struct ConcurrencyBounds {
  int most = 0;        // 0: no limit, nothing waits
  int least = 1;       // an adapted limit never falls below; <= most
  bool adapts = true;  // the limit follows the time to first content; else it is `most`
};

}  // namespace holdfast::provider
