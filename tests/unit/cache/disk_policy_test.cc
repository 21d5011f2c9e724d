// Property: the log of regions finds what it holds, writes again what was referenced, within its
// share, and never gives up pins. Method: regions of 8 units of 10 bytes; the test keeps the
// footers, as a tier would.
#include "cache/disk_policy.h"

#include <gtest/gtest.h>

#include <vector>

#include "bench/cachesim/mix.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

class DiskPolicyTest : public testing::Test {
 protected:
  static constexpr uint32_t kRegions = 4;

  void write(uint64_t id, Hints hints = {}) { write_to(DiskLog::kKept, id, hints); }
  void write_new(uint64_t id) { write_to(DiskLog::kNew, id, {}); }
  void write_to(DiskLog log, uint64_t id, const Hints& hints) {
    const DiskPlace place = place_in(log);
    footers_[place.region].push_back({hash(id), place});
    policy_.commit(hash(id), place, hints, log == DiskLog::kNew, now_);
  }
  DiskPlace place_in(DiskLog log) {
    while (true) {
      const auto place = policy_.place(10, log);
      for (const DiskDeparture& each : policy_.take_departed()) departed_.push_back(each);
      if (place) return *place;
      turn(log);
    }
  }
  void turn(DiskLog log) {
    const RegionId region = policy_.next_region(log);
    const std::vector<DiskItem> items = std::move(footers_[region]);
    footers_[region].clear();
    std::vector<DiskItem> survivors;
    policy_.reclaim(region, items, now_, survivors);
    policy_.open_region(region, log);
    for (const DiskItem& survivor : survivors) {
      const DiskPlace place = place_in(DiskLog::kKept);
      ASSERT_TRUE(policy_.move(survivor, place));
      footers_[place.region].push_back({survivor.fingerprint, place});
    }
    rewritten_count_ += survivors.size();
  }
  bool hit(uint64_t id) {
    now_ = now_ + seconds(20);
    return policy_.look_up(hash(id), now_, {}).has_value();
  }

  DiskPolicy policy_{{.regions_count = kRegions, .region_units = 8, .unit_bytes = 10}, Instant{}};
  std::vector<std::vector<DiskItem>> footers_{kRegions};
  std::vector<DiskDeparture> departed_;
  size_t rewritten_count_ = 0;
  Instant now_{};
};

TEST_F(DiskPolicyTest, OldestRegionsGoFirstAndAreReportedOnce) {
  for (uint64_t id = 0; id < 40; ++id) write(id);
  ASSERT_EQ(departed_.size(), 8U);
  for (uint64_t id = 0; id < 8; ++id) EXPECT_EQ(departed_[id].item.fingerprint, hash(id));
  EXPECT_FALSE(hit(3));
  EXPECT_TRUE(hit(8));
  EXPECT_EQ(policy_.entries_count(), 32U);
  EXPECT_EQ(policy_.live_bytes(), 320U);
}

TEST_F(DiskPolicyTest, AnEntryOfAReusedRegionStaysUntilItIsOverwritten) {
  for (uint64_t id = 0; id < 32; ++id) write(id);
  EXPECT_TRUE(hit(6));
  for (uint64_t id = 32; id < 35; ++id) {
    write(id);  // Behind entry 6, which was referenced and so written again.
    EXPECT_EQ(policy_.entries_count(), 31U) << "one goes for one that comes";
  }
  for (const uint64_t gone : {0, 1, 2, 3}) EXPECT_FALSE(policy_.contains(hash(gone))) << gone;
  for (const uint64_t there : {4, 5, 6, 7}) EXPECT_TRUE(policy_.contains(hash(there))) << there;
  const std::vector<DiskItem> left = policy_.left_in(DiskLog::kKept);
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].fingerprint, hash(4));
  EXPECT_EQ(left[2].fingerprint, hash(7));
  policy_.erase(hash(4));
  EXPECT_EQ(policy_.left_in(DiskLog::kKept).size(), 2U);
  static_cast<void>(policy_.next_region());
  EXPECT_FALSE(policy_.contains(hash(5))) << "it goes with the region that is closed";
}

TEST_F(DiskPolicyTest, ReferencedEntriesAreWrittenAgainUpToAQuarter) {
  for (uint64_t id = 0; id < 32; ++id) write(id);
  for (const uint64_t id : {1, 3, 5, 5, 7, 7}) EXPECT_TRUE(hit(id));
  for (uint64_t id = 32; id < 34; ++id) write(id);
  EXPECT_TRUE(hit(5));
  EXPECT_TRUE(hit(7));
  EXPECT_FALSE(hit(1)) << "the share of a quarter is two of eight, for the most referenced";
  EXPECT_FALSE(hit(3));
}

TEST_F(DiskPolicyTest, ARegionThatWasMostlyReferencedIsPassedOverOnce) {
  for (uint64_t id = 0; id < 32; ++id) write(id);
  for (const uint64_t id : {0, 1, 2, 3, 4}) EXPECT_TRUE(hit(id));
  write(32);
  for (uint64_t id = 0; id < 8; ++id) EXPECT_TRUE(policy_.contains(hash(id))) << id;
  EXPECT_EQ(rewritten_count_, 0U) << "it was not written again";
  for (uint64_t id = 33; id < 33 + 24; ++id) write(id);
  EXPECT_EQ(rewritten_count_, 2U) << "the next time it is reused";
  for (uint64_t id = 57; id < 57 + 4; ++id) write(id);
  EXPECT_TRUE(policy_.contains(hash(7))) << "nothing lies over it";
  write(61);
  EXPECT_FALSE(policy_.contains(hash(7)));
}

TEST_F(DiskPolicyTest, FirstMissesDoNotAgeWhatIsAskedForAgain) {
  for (uint64_t id = 0; id < 16; ++id) write(id);
  for (uint64_t id = 100; id < 400; ++id) write_new(id);
  for (uint64_t id = 0; id < 16; ++id) EXPECT_TRUE(policy_.contains(hash(id))) << id;
  EXPECT_FALSE(policy_.contains(hash(300)));
}

TEST_F(DiskPolicyTest, AFirstMissThatIsAskedForAgainMovesToTheSecondLog) {
  for (uint64_t id = 0; id < 8; ++id) write(id);
  for (uint64_t id = 100; id < 116; ++id) write_new(id);
  EXPECT_TRUE(hit(100));
  for (uint64_t id = 116; id < 216; ++id) write_new(id);
  EXPECT_TRUE(policy_.contains(hash(100)));
  EXPECT_FALSE(policy_.contains(hash(101)));
}

TEST_F(DiskPolicyTest, FirstMissesThatNobodyAsksForAgainAreCalledUseless) {
  const double at_first = policy_.state().chance_usefulness;
  EXPECT_GE(at_first, kChanceUsefulnessWanted);
  EXPECT_TRUE(policy_.state().has_room);
  for (uint64_t id = 0; id < 100; ++id) write_new(id);
  EXPECT_FALSE(policy_.state().has_room);
  EXPECT_LT(policy_.state().chance_usefulness, kChanceUsefulnessWanted / 4);
  for (uint64_t id = 100; id < 200; ++id) {
    write_new(id);
    EXPECT_TRUE(hit(id));
  }
  EXPECT_GT(policy_.state().chance_usefulness, 0.8);
}

TEST_F(DiskPolicyTest, ReferencesWithinTheGapDoNotCount) {
  for (uint64_t id = 0; id < 32; ++id) write(id);
  EXPECT_TRUE(policy_.look_up(hash(1), now_ + seconds(3), {}));
  write(32);
  write(33);
  EXPECT_FALSE(hit(1));
}

TEST_F(DiskPolicyTest, PinsSurviveManyTurnsAndFillHalfAtMost) {
  for (uint64_t id = 0; id < 24; ++id) write(id, {.pin = true});
  EXPECT_EQ(policy_.pinned_bytes(), 160U);
  for (uint64_t id = 100; id < 400; ++id) write(id);
  EXPECT_EQ(rewritten_count_, 0U) << "regions of pins stay as they are";
  for (uint64_t id = 0; id < 16; ++id) EXPECT_TRUE(hit(id)) << id;
  EXPECT_FALSE(hit(16));
  for (uint64_t id = 0; id < 16; ++id) EXPECT_TRUE(policy_.unpin(hash(id)));
  now_ = now_ + seconds(100);
  for (uint64_t id = 400; id < 600; ++id) write(id);
  EXPECT_FALSE(hit(0));
}

TEST_F(DiskPolicyTest, ATenantAboveItsShareIsNotWrittenAgain) {
  policy_.shares().set_share(3, 20);
  for (uint64_t id = 0; id < 32; ++id) write(id, {.tenant = static_cast<uint16_t>(id < 4 ? 3 : 0)});
  EXPECT_TRUE(policy_.tenant_may_add(3)) << "while the disk has room";
  for (const uint64_t id : {0, 5}) EXPECT_TRUE(hit(id));
  write(32);
  EXPECT_FALSE(hit(0));
  EXPECT_TRUE(hit(5));
  EXPECT_EQ(departed_[0].reason, Departure::kShare);
}

TEST_F(DiskPolicyTest, ExpiredEntriesAreMisses) {
  write(1, {.expires = Instant{} + seconds(120)});
  EXPECT_TRUE(hit(1));
  now_ = Instant{} + seconds(120);
  EXPECT_FALSE(hit(1));
  EXPECT_EQ(policy_.entries_count(), 0U);
}

TEST_F(DiskPolicyTest, NothingIsServedAfterItExpired) {
  for (const int64_t left : {1, 30, 59, 60, 61, 119, 120, 3600}) {
    for (const int64_t begun : {0, 1, 30, 59, 3601}) {
      DiskPolicy policy({.regions_count = kRegions, .region_units = 8, .unit_bytes = 10},
                        Instant{});
      const Instant expires = Instant{} + seconds(begun + left);
      policy.open_region(policy.next_region());
      policy.commit(hash(1), *policy.place(10), {.expires = expires}, false,
                    Instant{} + seconds(begun));
      EXPECT_LE(policy.expires_of(hash(1)), expires) << left << " from " << begun;
      EXPECT_LT(expires - policy.expires_of(hash(1)), seconds(60));
      EXPECT_FALSE(policy.look_up(hash(1), expires, {})) << left << " from " << begun;
    }
  }
}

TEST_F(DiskPolicyTest, ARestartFindsWhatTheFootersName) {
  for (uint64_t id = 0; id < 30; ++id) write(id);
  DiskPolicy again({.regions_count = kRegions, .region_units = 8, .unit_bytes = 10}, Instant{});
  for (RegionId region = 0; region < 3; ++region) again.restore(region, footers_[region], {});
  for (uint64_t id = 0; id < 24; ++id) EXPECT_TRUE(again.contains(hash(id)));
  EXPECT_EQ(again.entries_count(), 24U);
  EXPECT_EQ(again.next_region(), 3) << "the region whose footer was never written";
}

TEST_F(DiskPolicyTest, OnlyTheLastOfTwoPlacesInARegionSurvives) {
  write(0);
  write(0);
  for (uint64_t id = 2; id < 32; ++id) write(id);
  EXPECT_TRUE(hit(0));
  const RegionId region = policy_.next_region();
  std::vector<DiskItem> survivors;
  policy_.reclaim(region, footers_[region], now_, survivors);
  ASSERT_EQ(survivors.size(), 1U);
  EXPECT_EQ(survivors[0].place.offset_units, 1U);
}

TEST_F(DiskPolicyTest, AnErasedEntryIsNotMoved) {
  for (uint64_t id = 0; id < 32; ++id) write(id);
  EXPECT_TRUE(hit(2));
  const RegionId region = policy_.next_region();
  std::vector<DiskItem> survivors;
  policy_.reclaim(region, footers_[region], now_, survivors);
  ASSERT_EQ(survivors.size(), 1U);
  policy_.erase(hash(2));
  policy_.open_region(region);
  EXPECT_FALSE(policy_.move(survivors[0], *policy_.place(10)));
  EXPECT_FALSE(hit(2));
}

// Pins within their half of the disk, spread so that no filled region is free of them.
TEST_F(DiskPolicyTest, ARegionIsFoundWhenAllArePinnedForTheLargerPart) {
  write_new(1000);  // Has a region to itself, without a pin.
  for (uint64_t id = 0; id < 24; ++id) write(id);
  for (uint64_t id = 0; id < 24; ++id) {
    if (id % 8 < 5) ASSERT_TRUE(policy_.pin(hash(id))) << id;
  }
  for (uint64_t id = 24; id < 60; ++id) write(id);
  EXPECT_TRUE(policy_.contains(hash(59)));
  EXPECT_EQ(policy_.pinned_bytes(), 150U);
  for (uint64_t id = 0; id < 24; ++id) {
    if (id % 8 < 5) EXPECT_TRUE(policy_.pinned(hash(id))) << id;
  }
}

}  // namespace
}  // namespace cairn::cache
