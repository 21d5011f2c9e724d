// Property: what is written to a disk tier has a reason, and never exceeds the budget. Method: a
// fake clock; simulated days of more demand than the budget allows.
#include "cache/admission.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/units.h"
#include "bench/cachesim/mix.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

constexpr uint64_t kDay = 86'400;

AdmissionOptions without_chance() {
  return {.capacity_bytes = 1 * GiB, .expected_entries = 1'000, .chance = 0};
}

TEST(AdmissionTest, ASecondMissIsAdmittedAFirstIsNot) {
  AdmissionControl admission(without_chance(), {});
  EXPECT_EQ(admission.decide(1, 1 * MiB, 1, {}, {}), Admission::kNo);
  EXPECT_EQ(admission.decide(1, 1 * MiB, 1, {}, Instant{} + seconds(30)), Admission::kGhost);
}

TEST(AdmissionTest, CountedReferencesInMemoryAdmit) {
  AdmissionControl admission(without_chance(), {});
  EXPECT_EQ(admission.decide(1, 1 * MiB, 2, {}, {}), Admission::kFrequent);
}

TEST(AdmissionTest, StreamsAndNoCacheAreNeverAdmittedByThemselves) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .chance = 0.3}, {});
  for (uint64_t id = 0; id < 1'000; ++id) {
    const Instant now = Instant{} + seconds(static_cast<int64_t>(id));
    EXPECT_EQ(admission.decide(id % 10, 1 * MiB, 5, {.stream = true}, now), Admission::kNo);
    EXPECT_EQ(admission.decide(id % 10, 1 * MiB, 5, {.no_cache = true}, now), Admission::kNo);
  }
}

TEST(AdmissionTest, WhatOthersAwaitIsAdmittedLikeFirstMissesWithinTheBudget) {
  AdmissionControl admission(without_chance(), {});
  EXPECT_EQ(admission.decide(1, 1 * MiB, 0, {.stream = true}, {}), Admission::kNo);
  EXPECT_EQ(admission.decide(2, 1 * MiB, 0, {.stream = true, .awaited = true}, {}),
            Admission::kChance);
  AdmissionOptions limited = without_chance();
  limited.write_bytes_per_second = 1;
  AdmissionControl poor(limited, {});
  for (uint64_t id = 0; id < 100; ++id) poor.wrote(1 * GiB, {});
  EXPECT_EQ(poor.decide(1, 1 * MiB, 0, {.awaited = true}, {}), Admission::kNoBudget);
}

TEST(AdmissionTest, FirstMissesAreDrawnWithTheChance) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .chance = 0.15}, {});
  int drawn = 0;
  for (uint64_t id = 0; id < 20'000; ++id) {
    drawn += admission.decide(hash(id), 1 * MiB, 1, {}, {}) == Admission::kChance ? 1 : 0;
  }
  EXPECT_NEAR(drawn, 3'000, 200);
}

// Bytes written on each of `days`, 100 first misses of 1 MiB a second in even hours, 300 in odd
// ones.
std::vector<uint64_t> write_days(AdmissionControl& admission, uint64_t days) {
  std::vector<uint64_t> written(days);
  uint64_t id = 0;
  for (uint64_t second = 0; second < days * kDay; second += 10) {
    const Instant now = Instant{} + seconds(static_cast<int64_t>(second));
    const uint64_t misses = second / 3'600 % 2 == 0 ? 10 : 30;
    for (uint64_t miss = 0; miss < misses; ++miss) {
      if (!admitted(admission.decide(hash(++id), 10 * MiB, 1, {}, now))) continue;
      admission.wrote(10 * MiB, now);
      written[second / kDay] += 10 * MiB;
    }
  }
  return written;
}

TEST(AdmissionTest, TheBudgetIsUsedAndKeptOnEveryDay) {
  constexpr uint64_t kBytesPerSecond = 2 * MiB;
  AdmissionControl admission({.capacity_bytes = 1 * TiB,
                              .expected_entries = 1'000'000,
                              .write_bytes_per_second = kBytesPerSecond},
                             {});
  for (const uint64_t bytes : write_days(admission, 4)) {
    EXPECT_NEAR(static_cast<double>(bytes) / (kBytesPerSecond * kDay), 1, 0.05);
  }
  EXPECT_LT(admission.chance({}, Instant{} + seconds(4 * kDay)), kFirstMissChanceMax);
}

TEST(AdmissionTest, ABudgetThatIsNotReachedRaisesTheChanceToItsMaximum) {
  AdmissionControl admission({.capacity_bytes = 1 * TiB, .write_bytes_per_second = 1 * GiB}, {});
  const uint64_t bytes = write_days(admission, 1)[0];
  EXPECT_NEAR(static_cast<double>(bytes) / (20 * MiB * kDay), kFirstMissChanceMax, 0.01);
}

TEST(AdmissionTest, ADiskWithRoomTakesFirstMissesButNoStreams) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .chance = 0}, {});
  const DiskState empty{.has_room = true};
  EXPECT_EQ(admission.decide(1, 1 * MiB, 1, {}, {}, empty), Admission::kChance);
  EXPECT_EQ(admission.decide(2, 1 * MiB, 1, {.stream = true}, {}, empty), Admission::kNo);
  EXPECT_EQ(admission.decide(3, 1 * MiB, 1, {}, {}), Admission::kNo) << "it is full";
  AdmissionControl poor({.capacity_bytes = 1 * GiB, .write_bytes_per_second = 1 * MiB}, {});
  poor.wrote(2 * GiB, {});
  EXPECT_NE(poor.decide(1, 1 * MiB, 1, {}, {}, empty), Admission::kChance) << "no tokens";
}

TEST(AdmissionTest, UselessFirstMissesLowerTheChance) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .chance = 0.2}, {});
  EXPECT_DOUBLE_EQ(admission.chance({.chance_usefulness = 1}, {}), 0.2);
  EXPECT_DOUBLE_EQ(admission.chance({.chance_usefulness = kChanceUsefulnessWanted / 4}, {}), 0.05);
}

TEST(AdmissionTest, ReadersOfOneLoadDrawOnce) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .chance = 0.3}, {});
  int written = 0;
  for (uint64_t id = 0; id < 1'000; ++id) {
    for (int reader = 0; reader < 8; ++reader) {
      const Instant now = Instant{} + milliseconds(reader);
      if (!admitted(admission.decide(hash(id), 1 * MiB, 1, {}, now))) continue;
      ++written;
      break;  // The others find it on the disk.
    }
  }
  EXPECT_NEAR(written, 300, 60);
}

TEST(AdmissionTest, LessOfARegionIsWrittenAgainWhenTokensRunDry) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .write_bytes_per_second = 1 * MiB}, {});
  admission.wrote(2 * GiB, {});
  EXPECT_DOUBLE_EQ(admission.reinserted_share({}), kReinsertedShareMin);
  EXPECT_DOUBLE_EQ(admission.reinserted_share(Instant{} + seconds(7'200)), kReinsertedShareMax);
}

TEST(AdmissionTest, WithoutTokensEvenGoodReasonsWait) {
  AdmissionControl admission({.capacity_bytes = 1 * GiB, .write_bytes_per_second = 1 * MiB}, {});
  admission.wrote(4 * GiB, {});
  EXPECT_EQ(admission.decide(1, 1 * MiB, 9, {}, {}), Admission::kNoBudget);
  EXPECT_EQ(admission.decide(1, 1 * MiB, 9, {}, Instant{} + seconds(3'600)), Admission::kFrequent);
}

}  // namespace
}  // namespace cairn::cache
