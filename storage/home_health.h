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
  UpstreamBreaker breaker_;
  std::atomic<int64_t> estimate_ns_{0};
};

}  // namespace cairn::storage
