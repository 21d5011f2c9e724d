// Property: the index finds what was put in and nothing else, whatever was erased beside it, in at
// most 25 bytes an entry. Method: random inserts and erases beside an unordered_map.
#include "cache/disk_index.h"

#include <gtest/gtest.h>

#include <unordered_map>

#include "base/random.h"
#include "bench/cachesim/mix.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

DiskEntry entry_of(uint64_t fingerprint, uint16_t region) {
  DiskEntry entry;
  entry.fingerprint = DiskIndex::short_fingerprint(fingerprint);
  entry.region = region;
  return entry;
}

TEST(DiskIndexTest, AgreesWithAMap) {
  constexpr uint64_t kSeed = 5;
  SeededRandom random(kSeed);
  DiskIndex index;
  std::unordered_map<uint64_t, uint16_t> model;
  for (int step = 0; step < 200'000; ++step) {
    const uint64_t fingerprint = hash(random.below(5'000) + 1);
    const uint64_t key = DiskIndex::short_fingerprint(fingerprint);
    if (random.below(3) == 0) {
      ASSERT_EQ(index.erase(fingerprint), model.erase(key) == 1) << "step " << step;
    } else {
      const auto region = static_cast<uint16_t>(random.below(60'000));
      index.insert(entry_of(fingerprint, region));
      model[key] = region;
    }
    ASSERT_EQ(index.entries_count(), model.size());
  }
  for (uint64_t number = 1; number <= 5'000; ++number) {
    const uint64_t fingerprint = hash(number);
    const auto at = model.find(DiskIndex::short_fingerprint(fingerprint));
    const DiskEntry* const found = index.find(fingerprint);
    ASSERT_EQ(found != nullptr, at != model.end());
    if (found != nullptr) EXPECT_EQ(found->region, at->second);
  }
}

TEST(DiskIndexTest, TakesAtMost25BytesAnEntry) {
  DiskIndex index;
  for (uint64_t number = 1; number <= 1'000'000; ++number) {
    index.insert(entry_of(hash(number), 1));
    if (number > 100'000 && number % 1'000 == 0) {
      ASSERT_LE(index.memory_bytes(), 26 * number) << number;
    }
  }
}

TEST(DiskIndexTest, KeepsAllFieldsOfAnEntry) {
  DiskEntry entry;
  entry.fingerprint = (uint64_t{1} << 48) - 1;
  entry.region = kRegionsMax;
  entry.offset_units = DiskEntry::kOffsetUnitsMax - 1;
  entry.size_units_less_one = DiskEntry::kSizeUnitsMax - 1;
  entry.expires_minutes = DiskEntry::kMinutesMax;
  entry.tenant = kTenantSlotsMax - 1;
  DiskIndex index;
  index.insert(entry);
  const DiskEntry& found = *index.find((uint64_t{1} << 48) - 1);
  EXPECT_EQ(found.region, kRegionsMax);
  EXPECT_EQ(found.offset_units, DiskEntry::kOffsetUnitsMax - 1);
  EXPECT_EQ(found.size_units(), DiskEntry::kSizeUnitsMax);
  EXPECT_EQ(found.expires_minutes, DiskEntry::kMinutesMax);
  EXPECT_EQ(found.tenant, kTenantSlotsMax - 1);
}

}  // namespace
}  // namespace cairn::cache
