// Percentiles of the histogram against those of the sorted values: never below, at most 1/128
// above. Method: random values over the whole range, several seeds; merging equals recording in
// one.
#include "cli/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace cairn::cli {
namespace {

TEST(LatencyHistogram, PercentilesAreWithinOnePartIn128) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    LatencyHistogram whole;
    LatencyHistogram parts[2];
    std::vector<uint64_t> values;
    for (int i = 0; i < 5000; ++i) {
      const uint64_t value = random.next_u64() >> (28 + random.below(36));
      values.push_back(value);
      whole.record(value);
      parts[i % 2].record(value);
    }
    parts[0].merge(parts[1]);
    std::ranges::sort(values);
    for (const double percent : {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const double rank = std::ceil(static_cast<double>(values.size()) * percent / 100);
      const uint64_t exact = values[rank < 1 ? 0 : static_cast<size_t>(rank) - 1];
      const uint64_t told = whole.percentile_ns(percent);
      EXPECT_GE(told, exact) << percent;
      EXPECT_LE(told, exact + exact / 128 + 1) << percent;
      EXPECT_EQ(told, parts[0].percentile_ns(percent));
    }
    EXPECT_EQ(whole.max_ns(), values.back());
    EXPECT_EQ(whole.min_ns(), values.front());
  }
}

TEST(LatencyHistogram, AnEmptyOneSaysZeroAndALongWaitIsCapped) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile_ns(99), 0U);
  EXPECT_EQ(histogram.min_ns(), 0U);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.max_ns(), kLatencyNsMax);
  EXPECT_EQ(histogram.percentile_ns(50), kLatencyNsMax);
}

}  // namespace
}  // namespace cairn::cli
