// A token bucket over bytes written to a device: endurance in daily writes becomes bytes a second
// (RELIABILITY of flash: budget = 0.8 * drive writes per day * capacity / 86,400 s). It holds at
// most an hour's worth, so any day's writes are within 1/24 of the budget. Externally synchronised.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace cairn::cache {

class WriteBudget {
 public:
  static constexpr Duration kDepth = seconds(3600);

  // 0 bytes a second: no limit.
  WriteBudget(uint64_t bytes_per_second, Instant now)
      : bytes_per_second_(static_cast<double>(bytes_per_second)),
        depth_bytes_(bytes_per_second_ * to_seconds(kDepth)),
        tokens_bytes_(depth_bytes_ / 2),
        filled_(now) {}

  bool limited() const { return bytes_per_second_ > 0; }
  // True when `size_bytes` may be written now.
  bool allows(uint64_t size_bytes, Instant now) {
    if (!limited()) return true;
    fill(now);
    return tokens_bytes_ >= static_cast<double>(size_bytes);
  }
  // Also for what has to be written whether there are tokens or not (reinsertions): the debt is
  // paid by later admissions.
  void spend(uint64_t size_bytes, Instant now) {
    if (!limited()) return;
    fill(now);
    tokens_bytes_ -= static_cast<double>(size_bytes);
  }
  // How full the bucket is, 0 to 1.
  double level(Instant now) {
    if (!limited()) return 1;
    fill(now);
    return std::clamp(tokens_bytes_ / depth_bytes_, 0.0, 1.0);
  }

 private:
  static double to_seconds(Duration length) {
    return static_cast<double>(length.nanoseconds) / 1e9;
  }
  void fill(Instant now) {
    if (now <= filled_) return;
    tokens_bytes_ =
        std::min(depth_bytes_, tokens_bytes_ + bytes_per_second_ * to_seconds(now - filled_));
    filled_ = now;
  }

  const double bytes_per_second_;
  const double depth_bytes_;
  double tokens_bytes_;
  Instant filled_;
};

}  // namespace cairn::cache
