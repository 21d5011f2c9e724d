// Whether an upstream is worth asking: after several failures in a row it is left alone for a
// while, and then one call at a time tries it (circuit breaker: Nygard, "Release It!", 2007).
//
// Without it every request to a dead upstream would wait for its timeouts. Pure: the time is passed
// in. Thread rule: any thread; one lock for a few instructions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace cairn::storage {

class UpstreamBreaker {
 public:
  static constexpr unsigned kFailuresUntilOpen = 5;  // In a row.
  static constexpr Duration kPauseFirst = seconds(1);
  static constexpr Duration kPauseMax = seconds(30);
  // A trial that never reports (its task was destroyed) gives way to the next after this.
  static constexpr Duration kTrialMax = seconds(60);

  // Whether a call may go out now; whoever is admitted reports how it went.
  bool admit(Instant now) {
    const std::lock_guard guard(mutex_);
    if (failures_in_a_row_ < kFailuresUntilOpen) return true;
    if (now < closed_until_) return false;
    closed_until_ = now + kTrialMax;
    return true;
  }
  // Whether admit() would refuse: for work that leads to a call later.
  bool refuses(Instant now) const {
    const std::lock_guard guard(mutex_);
    return failures_in_a_row_ >= kFailuresUntilOpen && now < closed_until_;
  }
  // How long admit() refuses from now on; while a call tries it, the pause that would follow.
  Duration pause_left(Instant now) const {
    const std::lock_guard guard(mutex_);
    const bool is_closed = failures_in_a_row_ >= kFailuresUntilOpen && now < closed_until_;
    if (!is_closed) return Duration{};
    return Duration{std::min((closed_until_ - now).nanoseconds, pause_.nanoseconds)};
  }
  bool is_open() const {
    const std::lock_guard guard(mutex_);
    return failures_in_a_row_ >= kFailuresUntilOpen;
  }
  void on_success() {
    const std::lock_guard guard(mutex_);
    failures_in_a_row_ = 0;
    pause_ = kPauseFirst;
  }
  // True when this failure opened the breaker: worth an alarm.
  bool on_failure(Instant now) {
    const std::lock_guard guard(mutex_);
    ++failures_in_a_row_;
    if (failures_in_a_row_ < kFailuresUntilOpen) return false;
    closed_until_ = now + pause_;
    pause_ = Duration{std::min(pause_.nanoseconds * 2, kPauseMax.nanoseconds)};
    return failures_in_a_row_ == kFailuresUntilOpen;
  }

 private:
  mutable std::mutex mutex_;
  uint64_t failures_in_a_row_ = 0;
  Instant closed_until_;  // No call goes out before; meaningful while open.
  Duration pause_ = kPauseFirst;
};

}  // namespace cairn::storage
