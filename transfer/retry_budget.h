// How often a transfer may repeat what broke in the middle: each success earns a part of a repeat,
// so that a server in trouble is not hammered (Finagle's RetryBudget), and pauses are drawn with
// full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). Thread rule: any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "base/random.h"

namespace cairn::transfer {

class RetryBudget {
 public:
  static constexpr double kSaved = 20;    // At the start, and the most that is saved up.
  static constexpr double kEarned = 0.2;  // Per success.

  void earn() {
    const std::lock_guard<std::mutex> lock(mutex_);
    tokens_ = std::min(tokens_ + kEarned, kSaved);
  }
  bool spend() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // Before repeat number `repeat` (from 1).
  static Duration pause(unsigned repeat, Random& random) {
    constexpr int64_t kBaseNs = 100'000'000;
    constexpr int64_t kMaxNs = 10'000'000'000;
    const int64_t ceiling_ns = std::min(kBaseNs << std::min(repeat, 10U), kMaxNs);
    return Duration{static_cast<int64_t>(random.below(static_cast<uint64_t>(ceiling_ns) + 1))};
  }

 private:
  std::mutex mutex_;
  double tokens_ = kSaved;
};

}  // namespace cairn::transfer
