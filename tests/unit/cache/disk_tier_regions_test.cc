// How a disk tier uses its regions: each is written in sequence, reused in order, and what lies in
// one is found until something is written over it.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "cache/region_format.h"
#include "tests/support/tier_fixture.h"

namespace cairn::cache {
namespace {

using namespace testing_support;

class DiskTierRegions : public TierFixture {};

// What this process had written to devices, as the kernel counts it.
std::optional<uint64_t> device_bytes_written() {
  std::ifstream io("/proc/self/io");
  std::string name;
  uint64_t value = 0;
  while (io >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  return std::nullopt;
}

TEST_F(DiskTierRegions, OldRegionsMakeRoomAndReferencedRunsStay) {
  open();
  const std::optional<uint64_t> device_bytes_before = device_bytes_written();
  constexpr uint64_t kChunks = 120;
  put_home(1, kChunks);
  for (uint64_t number = 1; number <= kChunks; ++number) {
    expect_read(number, {0, kWhole});
    settle();
  }
  const DiskTierMetrics metrics = tier_->metrics();
  EXPECT_GT(metrics.evictions_count, 200U) << "the tier was written several times over";
  EXPECT_GT(metrics.regions_sealed, 3 * 7U);
  EXPECT_LE(metrics.live_bytes, metrics.capacity_bytes);
  EXPECT_EQ(metrics.rotten_entries, 0U);
  EXPECT_EQ(metrics.refused_queue, 0U);
  // A7: headers, padding and footers are all that is written besides payload.
  const double kept_bytes = static_cast<double>(metrics.payload_bytes + metrics.reinserted_bytes);
  EXPECT_LE(static_cast<double>(metrics.written_bytes), 1.10 * kept_bytes);
  const std::optional<uint64_t> device_bytes = device_bytes_written();
  if (device_bytes_before && device_bytes) {
    const double measured = static_cast<double>(*device_bytes - *device_bytes_before);
    std::printf("device bytes by bytes kept, as the kernel counts them: %.4f\n",
                measured / kept_bytes);
    EXPECT_LE(measured, 1.10 * kept_bytes);
  }
  home_.reads.clear();
  expect_read(kChunks, {0, kWhole});
  EXPECT_TRUE(home_.reads.empty()) << "the newest is there";
  expect_read(1, {0, kWhole});
  EXPECT_FALSE(home_.reads.empty()) << "the oldest is not";
}

TEST_F(DiskTierRegions, WritesAreOneSequencePerRegion) {
  open();
  put_home(1, 30);
  for (uint64_t number = 1; number <= 30; ++number) {
    expect_read(number, {0, kWhole});
    settle();
  }
  close();
  const CacheGeometry geometry = CacheGeometry::of_size(64 * MiB).value();
  std::map<uint64_t, uint64_t> ends;  // Of what was written of each region.
  for (const CallRecord& call : files_.calls()) {
    if (call.call != FileCall::kWrite || call.offset_bytes < geometry.data_offset()) continue;
    EXPECT_EQ(call.size_bytes % kDiskBlockBytes, 0U);
    const uint64_t offset = call.offset_bytes - geometry.data_offset();
    uint64_t& end = ends[offset / geometry.region_bytes];
    EXPECT_TRUE(offset % geometry.region_bytes == 0 || offset == end)
        << "a write that is neither next in its region nor the first";
    end = offset + call.size_bytes;
  }
  EXPECT_GE(ends.size(), 6U);
}

TEST_F(DiskTierRegions, ARestartFindsWhatIsLeftOfARegionThatIsWrittenAnew) {
  open();
  constexpr uint64_t kChunks = 40;
  put_home(1, kChunks);
  for (uint64_t number = 1; number <= kChunks; ++number) {
    expect_read(number, {0, kWhole});
    settle();
  }
  const DiskTierMetrics before = tier_->metrics();
  ASSERT_GT(before.evictions_count, 0U) << "regions were used again";
  close();
  open();
  EXPECT_GE(tier_->metrics().entries_count, before.entries_count);
  for (uint64_t number = 1; number <= kChunks; ++number) expect_read(number, {0, kWhole});
  EXPECT_EQ(tier_->metrics().rotten_entries, 0U);
}

}  // namespace
}  // namespace cairn::cache
