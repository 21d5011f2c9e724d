// How a home fares: whether it is worth asking, and how long its reads take.
//
// Thread rule: any thread.
#pragma once

#include <atomic>

#include "base/result.h"
#include "base/units.h"
#include "storage/upstream_breaker.h"

namespace cairn::storage {

// Of failures, those that say something about the home rather than about the chunk or the caller.
inline bool is_home_failure(Code code) {
  return code == Code::kUnavailable || code == Code::kIo || code == Code::kDeadlineExceeded;
}

class HomeHealth {
 public:
  // Leave for one call; whoever has it reports.
  bool admit(Instant now) { return breaker_.admit(now); }
  bool refuses(Instant now) const { return breaker_.refuses(now); }
  bool is_open() const { return breaker_.is_open(); }

  void on_success() { breaker_.on_success(); }
  // True when this failure opened the breaker.
  bool on_failure(Instant now) { return breaker_.on_failure(now); }

  // A read of so many bytes took so long: moves the estimate by an eighth (the gain of TCP's
  // smoothed round trip, RFC 6298). Racing updates lose one of each other, which does no harm.
  void on_read(Duration took, uint64_t size_bytes) {
    breaker_.on_success();
    const int64_t scaled_ns = took.nanoseconds / weight(size_bytes);
    const int64_t known_ns = estimate_ns_.load(std::memory_order_relaxed);
    estimate_ns_.store(known_ns == 0 ? scaled_ns : known_ns + (scaled_ns - known_ns) / 8,
                       std::memory_order_relaxed);
    answers_count_.fetch_add(1, std::memory_order_relaxed);
    if (overtakes_saved_.load(std::memory_order_relaxed) < kOvertakesSavedMax * kOvertakeOneIn) {
      overtakes_saved_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  // Reads that it answered in all.
  uint64_t answers_count() const { return answers_count_.load(std::memory_order_relaxed); }
  // Leave to ask another home beside this one while it answers others: a small share of its reads,
  // so that a line which is full is not filled twice.
  bool spend_overtake() {
    int64_t saved = overtakes_saved_.load(std::memory_order_relaxed);
    while (saved >= kOvertakeOneIn) {
      if (overtakes_saved_.compare_exchange_weak(saved, saved - kOvertakeOneIn)) return true;
    }
    return false;
  }

  // What a small read takes; 0 when none was seen.
  Duration estimate() const { return {estimate_ns_.load(std::memory_order_relaxed)}; }
  Duration estimate(uint64_t size_bytes) const {
    return {estimate().nanoseconds * weight(size_bytes)};
  }

 private:
  // A megabyte is taken to cost about as much as five small reads: right within a factor of two for
  // disks and for buckets, which is all that choosing between homes needs.
  static int64_t weight(uint64_t size_bytes) {
    return 1 + static_cast<int64_t>(size_bytes / (256 * KiB));
  }
  // As for second requests to one home (hedge_policy.h).
  static constexpr int64_t kOvertakeOneIn = 20;
  static constexpr int64_t kOvertakesSavedMax = 8;

  UpstreamBreaker breaker_;
  std::atomic<int64_t> estimate_ns_{0};
  std::atomic<uint64_t> answers_count_{0};
  std::atomic<int64_t> overtakes_saved_{kOvertakesSavedMax * kOvertakeOneIn};
};

}  // namespace cairn::storage
