// Property: a ghost remembers for its horizon in bytes, counts no recall within a gap, and stays
// within its memory. Method: numbers as fingerprints, spread by mix_bits.
#include "cache/ghost.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "bench/cachesim/mix.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

constexpr Instant kLater = Instant{} + seconds(100);

TEST(GhostTest, RemembersForTheHorizonAndNoLonger) {
  Ghost ghost(100 * MiB, 100, 1 * MiB, seconds(10));
  for (uint64_t id = 0; id < 200; ++id) ghost.remember(hash(id), 1 * MiB, {});
  int old_known = 0;
  for (uint64_t id = 0; id < 98; ++id) old_known += ghost.recall(hash(id), kLater) ? 1 : 0;
  EXPECT_EQ(old_known, 0);
  for (uint64_t id = 101; id < 200; ++id) EXPECT_TRUE(ghost.recall(hash(id), kLater)) << id;
  EXPECT_FALSE(ghost.recall(hash(199), kLater)) << "a recall forgets";
}

TEST(GhostTest, RecallsWithinTheGapDoNotCountAndDoNotRestartTheClock) {
  Ghost ghost(1 * GiB, 100, 1 * MiB, seconds(10));
  ghost.remember(7, 1 * MiB, {});
  EXPECT_FALSE(ghost.recall(7, Instant{} + seconds(4)));
  ghost.remember(7, 1 * MiB, Instant{} + seconds(9));
  EXPECT_TRUE(ghost.recall(7, Instant{} + seconds(11)));
}

TEST(GhostTest, GrowsWhenBlocksAreSmallerThanExpected) {
  Ghost ghost(1 * GiB, 16, 1 * MiB, seconds(10));
  for (uint64_t id = 0; id < 16'000; ++id) ghost.remember(hash(id), 64 * KiB, {});
  int known = 0;
  for (uint64_t id = 0; id < 16'000; ++id) known += ghost.contains(hash(id)) ? 1 : 0;
  EXPECT_GT(known, 14'000);  // What was given up before it grew is lost.
  EXPECT_LE(ghost.memory_bytes(), 1 * MiB);
  for (uint64_t id = 0; id < 16'000; ++id) ghost.remember(hash(id), 64 * KiB, {});
  known = 0;
  for (uint64_t id = 0; id < 16'000; ++id) known += ghost.contains(hash(id)) ? 1 : 0;
  EXPECT_GT(known, 15'800);
}

TEST(GhostTest, WhatWasNeverRememberedIsHardlyEverFound) {
  Ghost ghost(1 * GiB, 10'000, 1 * MiB, seconds(10));
  for (uint64_t id = 0; id < 10'000; ++id) ghost.remember(hash(id), 100 * KiB, {});
  int found = 0;
  for (uint64_t id = 0; id < 1'000'000; ++id) {
    found += ghost.contains(hash(id + (uint64_t{1} << 40))) ? 1 : 0;
  }
  EXPECT_LT(found, 20);
}

TEST(GhostTest, TurnsThatComeRoundBringNothingBack) {
  Ghost ghost(1 * MiB, 16, 1 * MiB, seconds(10));
  ghost.remember(hash(1), 1 * KiB, {});
  for (int i = 0; i < 100'000; ++i) {
    ghost.remember(hash(2), 1 * KiB, {});
    if (i > 1'025) ASSERT_FALSE(ghost.contains(hash(1))) << i;
  }
}

}  // namespace
}  // namespace cairn::cache
