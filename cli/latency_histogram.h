// Counts of latencies in log-linear buckets, as HdrHistogram keeps them (G. Tene, 2012): 128
// buckets per power of two, so a percentile is told at most 1/128 (0.8 %) too high, in 30 KiB
// whatever was measured. Values are nanoseconds; everything above kLatencyNsMax is counted as that.
// Thread rule: one thread; merge() those of several.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cairn::cli {

inline constexpr uint64_t kLatencyNsMax = (1ULL << 36) - 1;  // 68 s.

class LatencyHistogram {
 public:
  void record(uint64_t latency_ns);
  void merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  uint64_t min_ns() const { return count_ == 0 ? 0 : min_ns_; }
  uint64_t max_ns() const { return max_ns_; }
  double mean_ns() const;
  // The least value that at least `percent` of the records do not exceed; exact at 0 and 100.
  uint64_t percentile_ns(double percent) const;

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr unsigned kSubCount = 1U << kSubBits;
  static constexpr size_t kBuckets = (36 - kSubBits + 1) * kSubCount;

  static size_t bucket_of(uint64_t value);
  static uint64_t highest_of(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t min_ns_ = UINT64_MAX;
  uint64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace cairn::cli
