#include "cli/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cairn::cli {

// Values below 2 * kSubCount have a bucket each; above, the top kSubBits + 1 bits choose.
size_t LatencyHistogram::bucket_of(uint64_t value) {
  if (value < 2 * kSubCount) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - (kSubBits + 1);
  return (static_cast<size_t>(shift) << kSubBits) + (value >> shift);
}

uint64_t LatencyHistogram::highest_of(size_t bucket) {
  if (bucket < size_t{2} * kSubCount) return bucket;
  const size_t shift = (bucket >> kSubBits) - 1;
  const uint64_t top = bucket - (shift << kSubBits);
  return ((top + 1) << shift) - 1;
}

void LatencyHistogram::record(uint64_t latency_ns) {
  const uint64_t value = std::min(latency_ns, kLatencyNsMax);
  ++counts_[bucket_of(value)];
  ++count_;
  min_ns_ = std::min(min_ns_, value);
  max_ns_ = std::max(max_ns_, value);
  sum_ns_ += static_cast<double>(value);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
}

double LatencyHistogram::mean_ns() const {
  return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_);
}

uint64_t LatencyHistogram::percentile_ns(double percent) const {
  if (count_ == 0) return 0;
  if (percent <= 0) return min_ns_;
  const double wanted = std::ceil(static_cast<double>(count_) * std::min(percent, 100.0) / 100.0);
  const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(highest_of(i), min_ns_, max_ns_);
  }
  return max_ns_;
}

}  // namespace cairn::cli
