// When an operation has to give up: a deadline, a stop request, or both.
#pragma once

#include <cstdint>
#include <limits>

#include "base/clock.h"
#include "io/stop.h"

namespace cairn::io {

inline constexpr Instant kNever{std::numeric_limits<int64_t>::max()};

// Passed by value to every operation that can wait. An operation that gives up completes with
// kDeadlineExceeded or kCancelled; the kernel no longer touches its buffers once it has completed.
// Deadlines are checked with a granularity of kDeadlineGranularity and never fire early.
struct Until {
  Instant deadline = kNever;
  StopToken stop = {};
};

inline constexpr Duration kDeadlineGranularity = milliseconds(50);

}  // namespace cairn::io
