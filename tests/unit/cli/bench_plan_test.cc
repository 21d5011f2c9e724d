// Sizes are picked by their weights and open-loop requests are due at even distances.
#include "cli/bench_plan.h"

#include <gtest/gtest.h>

#include <map>

namespace cairn::cli {
namespace {

TEST(BenchPlan, SizesFollowTheirWeights) {
  const SizeChoice choice = SizeChoice::parse("4KiB:70,1MiB:25,16MiB:5").value();
  EXPECT_EQ(choice.largest(), 16 * MiB);
  SeededRandom random(1);
  std::map<uint64_t, int> picked;
  for (int i = 0; i < 10'000; ++i) ++picked[choice.pick(random)];
  EXPECT_NEAR(picked[4 * KiB], 7000, 200);
  EXPECT_NEAR(picked[1 * MiB], 2500, 200);
  EXPECT_NEAR(picked[16 * MiB], 500, 100);
}

TEST(BenchPlan, BadSizesAreRefused) {
  for (const char* bad : {"", "x", "1KiB:0", "1KiB:x", "65MiB", ":5"}) {
    EXPECT_FALSE(SizeChoice::parse(bad)) << bad;
  }
  EXPECT_EQ(SizeChoice::parse("0").value().largest(), 0U);
}

TEST(BenchPlan, RequestsAreDueAtEvenDistances) {
  EXPECT_EQ(due_ns(0, 1000), 0U);
  EXPECT_EQ(due_ns(1, 1000), 1'000'000U);
  EXPECT_EQ(due_count(1000, 1'000'000'000), 1000U);
  EXPECT_EQ(due_count(3, 1'000'000'000), 3U);
  EXPECT_EQ(due_count(0.5, 1'000'000'000), 1U);
  EXPECT_EQ(due_ns(3'600'000, 1000), 3'600'000'000'000U);
}

}  // namespace
}  // namespace cairn::cli
