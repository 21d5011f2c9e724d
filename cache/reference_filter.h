// The correlated-reference filter (the ancestor is LRU-K's correlated reference period, O'Neil et
// al. 1993): a reference counts when the last counted one is at least a gap away. An uncounted
// reference does not restart the clock, or the hottest entries would never count.
#pragma once

#include "base/clock.h"
#include "cache/hints.h"
#include "cache/limits.h"

namespace cairn::cache {

struct ReferenceFilter {
  Duration gap = kReferenceGap;
  Duration load_gap = kLoadGap;

  bool counts(Instant last_counted, Instant now, const Hints& hints) const {
    return now - last_counted >= (hints.declared_load ? load_gap : gap);
  }
};

}  // namespace cairn::cache
