// When a second request is worth sending for one that is slow (hedged requests: Dean and Barroso,
// "The Tail at Scale", CACM 2013): after twice the 95th percentile of recent answers, and as a
// small share of all requests only, so that an upstream which is slow as a whole gets no more load.
//
// Pure: times are passed in. Externally synchronised: one a reactor.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace cairn::storage {

class HedgePolicy {
 public:
  static constexpr size_t kSamples = 128;    // The latest; the percentile is of these.
  static constexpr size_t kSamplesMin = 32;  // Before them nothing is hedged.
  static constexpr size_t kSamplesPerUpdate = 16;
  static constexpr Duration kDelayMin = milliseconds(5);
  static constexpr double kShareMax = 0.05;  // Of requests, as second ones...
  static constexpr double kSavedMax = 8;     // ...and so many at once after a quiet time.

  // A request was sent, and its head came so long after.
  void note_answer(Duration latency) {
    samples_[noted_count_ % kSamples] = latency.nanoseconds;
    ++noted_count_;
    if (noted_count_ < kSamplesMin || noted_count_ % kSamplesPerUpdate != 0) return;
    std::array<int64_t, kSamples> sorted = samples_;
    const size_t count = std::min(noted_count_, kSamples);
    const size_t at = count * 95 / 100;
    std::nth_element(sorted.begin(), sorted.begin() + at, sorted.begin() + count);
    delay_ = Duration{std::max(2 * sorted[at], kDelayMin.nanoseconds)};
  }
  void note_request() { saved_ = std::min(kSavedMax, saved_ + kShareMax); }

  // How long to wait for a head before a second request; none while too little is known.
  std::optional<Duration> delay() const { return delay_; }
  // Leave for one second request.
  bool spend() {
    if (saved_ < 1) return false;
    saved_ -= 1;
    return true;
  }

 private:
  std::array<int64_t, kSamples> samples_{};
  size_t noted_count_ = 0;
  std::optional<Duration> delay_;
  double saved_ = 0;
};

}  // namespace cairn::storage
