// How many bytes a second may leave: senders wait for their turn before they send.
//
// What is asked for is booked at once, so that senders side by side share one rate; a pause is made
// up for by a burst of kBandwidthBurst at most. Thread rule: one reactor.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "io/stop.h"
#include "io/task.h"

namespace cairn::transfer {

inline constexpr Duration kBandwidthBurst = milliseconds(250);

class Bandwidth {
 public:
  // 0 = no limit.
  explicit Bandwidth(uint64_t bytes_per_second = 0) : bytes_per_second_(bytes_per_second) {}

  void set(uint64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  // Returns when `size_bytes` may be sent, or when `stop` fires.
  io::Task<void> take(uint64_t size_bytes, io::StopToken stop);

 private:
  uint64_t bytes_per_second_;
  Instant free_at_{};  // When what was booked so far has been sent.
};

}  // namespace cairn::transfer
