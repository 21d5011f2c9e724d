// How many requests of one transfer are in flight: grows while the throughput grows, halves when
// the server refuses or stalls. A hill climb over windows of half a second: no model of the
// network, which is an unknown mix of cores, disks and links.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace cairn::transfer {

struct PaceLimits {
  size_t in_flight_min = 1;
  size_t in_flight_start = 6;
  size_t in_flight_max = 32;
};

// Thread rule: any thread.
class Pace {
 public:
  Pace(PaceLimits limits, Instant now);

  // Workers with a number below this one may take work.
  size_t in_flight_max() const { return limit_.load(std::memory_order_relaxed); }
  void on_bytes(uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  // A 503, a stall, a broken connection.
  void on_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  // To be called now and then; does something once per window.
  void on_tick(Instant now);

 private:
  void decide(double bytes_per_second, bool was_refused, Instant now);

  const PaceLimits limits_;
  std::atomic<size_t> limit_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> refusals_{0};

  std::mutex mutex_;  // Guards what follows.
  Instant window_start_;
  Instant hold_until_;          // After a refusal: no growth before.
  size_t base_limit_;           // The best known.
  double base_rate_ = 0;        // What it brings; 0 = not measured yet.
  bool is_trying_ = false;      // The limit is a step above the base.
  unsigned quiet_windows_ = 0;  // Since the last try.
};

}  // namespace cairn::transfer
