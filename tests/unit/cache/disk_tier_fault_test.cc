// Whatever the disk of a tier does, reads are right and none fails for it. Damage is made in the
// file itself, errors below the tier.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "cache/device_health.h"
#include "cache/region_format.h"
#include "tests/support/tier_fixture.h"

namespace cairn::cache {
namespace {

using namespace testing_support;

class DiskTierFault : public TierFixture {
 protected:
  // Flips a bit of the cache file.
  void flip(uint64_t offset, uint8_t bit) {
    const int fd = ::open(file_path().c_str(), O_RDWR);
    ASSERT_GE(fd, 0);
    uint8_t byte = 0;
    ASSERT_EQ(::pread(fd, &byte, 1, static_cast<off_t>(offset)), 1);
    byte ^= bit;
    ASSERT_EQ(::pwrite(fd, &byte, 1, static_cast<off_t>(offset)), 1);
    ::fsync(fd);
    ::close(fd);
  }
  static Error device_error() { return {Code::kIo, "the device is gone"}; }
  static bool is_transfer(const CallRecord& call) {
    return call.call == FileCall::kRead || call.call == FileCall::kWrite;
  }
};

TEST_F(DiskTierFault, ABitFlipInAnyKindOfCachedByteIsAMissAndFetchedAgain) {
  open();
  put_home(1, 1, MiB);
  const CacheGeometry geometry = CacheGeometry::of_size(64 * MiB).value();
  const uint64_t data = kDiskBlockBytes;
  const uint64_t places[] = {0,
                             8,
                             16,
                             33,
                             40,
                             71,
                             72,
                             80,
                             84,
                             88,
                             96,
                             96 + 127,
                             400,
                             512,
                             700,
                             511,
                             4095,
                             512 + 99,
                             data,
                             data + 1,
                             data + 65535,
                             data + 65536,
                             data + 500'000,
                             data + MiB - 1};
  uint64_t region = 0;
  for (const uint64_t place : places) {
    SCOPED_TRACE(testing::Message() << "byte " << place);
    expect_read(1, {0, MiB}, MiB);
    close();  // Seals the region, so that each round has the entry at the front of another one.
    flip(geometry.region_offset(static_cast<uint32_t>(region)) + place, 4);
    open();
    home_.reads.clear();
    expect_read(1, {0, MiB}, MiB);
    EXPECT_EQ(home_.reads.size(), 1U);
    EXPECT_EQ(tier_->metrics().rotten_entries, 1U);
    close();
    open();
    home_.reads.clear();
    expect_read(1, {0, MiB}, MiB);
    EXPECT_TRUE(home_.reads.empty()) << "it was fetched again and kept";
    region = (region + 1) % geometry.regions_count;
  }
}

TEST_F(DiskTierFault, ARottenFrameDoesNotHarmItsNeighbours) {
  open();
  put_home(1, 1, MiB);
  expect_read(1, {0, MiB}, MiB);
  settle();
  const CacheGeometry geometry = CacheGeometry::of_size(64 * MiB).value();
  flip(geometry.region_offset(0) + kDiskBlockBytes + 3 * 65536 + 7, 1);
  home_.reads.clear();
  expect_read(1, {0, 2 * 65536}, MiB);
  EXPECT_TRUE(home_.reads.empty());
  expect_read(1, {3 * 65536, 10}, MiB);
  EXPECT_EQ(home_.reads.size(), 1U);
}

TEST_F(DiskTierFault, FootersAndTheSuperblockThatRotLoseTheirRegionAndTheTier) {
  open();
  put_home(1, 5);
  for (uint64_t number = 1; number <= 5; ++number) expect_read(number, {0, kWhole});
  close();
  open();
  const uint64_t restored_before = tier_->metrics().restored_regions;
  close();
  const CacheGeometry geometry = CacheGeometry::of_size(64 * MiB).value();
  flip(geometry.footer_offset(0) + 70, 1);
  open();
  EXPECT_EQ(tier_->metrics().restored_regions, restored_before - 1);
  for (uint64_t number = 1; number <= 5; ++number) expect_read(number, {0, kWhole});
  close();
  flip(100, 1);
  flip(24, 1);
  open();
  EXPECT_TRUE(tier_->metrics().bypassed);
  for (uint64_t number = 1; number <= 5; ++number) expect_read(number, {0, kWhole});
  close();
  flip(100, 1);
  flip(24, 1);
  open();
  EXPECT_FALSE(tier_->metrics().bypassed) << "the file was not touched";
  EXPECT_GT(tier_->metrics().restored_regions, 0U);
}

TEST_F(DiskTierFault, AFileOfSomebodyElseIsLeftAlone) {
  std::filesystem::create_directories(directory_.sub("cache"));
  std::ofstream(file_path()) << std::string(10'000, 'x');
  open();
  EXPECT_TRUE(tier_->metrics().bypassed);
  put_home(1, 1);
  expect_read(1, {0, kWhole});
  close();
  EXPECT_EQ(std::filesystem::file_size(file_path()), 10'000U);
}

TEST_F(DiskTierFault, TwoServersOnOneDirectory) {
  open();
  const Result<std::unique_ptr<DiskTier>> second = wait(DiskTier::open(options()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_NE(second.error().message.find("another server"), std::string::npos);
  EXPECT_NE(second.error().message.find(directory_.sub("cache")), std::string::npos);
  close();
  open();
}

TEST_F(DiskTierFault, ANewerFormatIsRefused) {
  open();
  close();
  Bytes block(kDiskBlockBytes);
  encode(CacheSuperblock{{}, CacheGeometry::of_size(64 * MiB).value()}, block);
  store_le(block.data() + 16, kCacheFormatVersion + 1);
  store_le(block.data() + 8, frame_checksum(BytesView(block).subspan(16)));
  std::fstream file(file_path(), std::ios::in | std::ios::out | std::ios::binary);
  file.write(reinterpret_cast<const char*>(block.data()), static_cast<int64_t>(block.size()));
  file.close();
  const Result<std::unique_ptr<DiskTier>> opened = wait(DiskTier::open(options()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnsupported);
}

TEST_F(DiskTierFault, ADiskThatIsFullOrDeadAtStartIsDoneWithout) {
  put_home(1, 2);
  for (const FileCall call : {FileCall::kAllocate, FileCall::kOpen, FileCall::kWrite,
                              FileCall::kSync, FileCall::kCreateDirectories}) {
    files_.fail_nth(
        1, {Code::kNoSpace, "no space left"},
        [call](const CallRecord& record) { return record.call == call; }, true);
    open();
    EXPECT_TRUE(tier_->metrics().bypassed) << static_cast<int>(call);
    expect_read(1, {0, kWhole});
    expect_read(1, {0, kWhole});
    close();
    files_.set_rule({});
  }
}

TEST_F(DiskTierFault, EveryReadThatFailsIsAMiss) {
  open();
  put_home(1, 3);
  for (uint64_t number = 1; number <= 3; ++number) expect_read(number, {0, kWhole});
  settle();
  files_.fail_nth(1, device_error(),
                  [](const CallRecord& call) { return call.call == FileCall::kRead; });
  for (uint64_t number = 1; number <= 3; ++number) expect_read(number, {0, kWhole});
  EXPECT_EQ(tier_->metrics().read_errors, 1U);
  EXPECT_FALSE(tier_->metrics().bypassed) << "one error is not yet a dead disk";
}

TEST_F(DiskTierFault, AnyCallThatFailsLeavesReadsRight) {
  // Each of the tier's calls in turn fails, once: writes, flushes, footers, the reads of footers.
  for (const uint64_t nth : {1, 2, 3, 4, 5, 6, 8, 11, 15, 20, 27, 35, 50, 75}) {
    SCOPED_TRACE(testing::Message() << "call " << nth);
    home_.inner.~MemoryStore();
    new (&home_.inner) storage::MemoryStore();
    std::filesystem::remove_all(directory_.sub("cache"));
    open();
    put_home(1, 24);
    files_.fail_nth(nth, device_error(), is_transfer);
    for (uint64_t number = 1; number <= 24; ++number) {
      expect_read(number, {0, kWhole});
      if (number % 3 == 0) settle();
    }
    for (uint64_t number = 1; number <= 24; ++number) expect_read(number, {MiB, MiB});
    close();
    files_.set_rule({});
    open();
    for (uint64_t number = 1; number <= 24; ++number) expect_read(number, {0, kWhole});
    close();
  }
}

TEST_F(DiskTierFault, ADeadDiskIsLeftAloneAfterAFewErrors) {
  open();
  put_home(1, 20);
  for (uint64_t number = 1; number <= 10; ++number) expect_read(number, {0, kWhole});
  settle();
  files_.fail_nth(1, device_error(), is_transfer, true);
  for (uint64_t number = 1; number <= 20; ++number) expect_read(number, {0, kWhole});
  settle();
  EXPECT_TRUE(tier_->metrics().bypassed);
  const uint64_t calls_before = files_.calls().size();
  for (uint64_t number = 1; number <= 20; ++number) expect_read(number, {0, kWhole});
  EXPECT_LE(files_.calls().size(), calls_before + 2);
  EXPECT_GE(tier_->metrics().bypassed_count, 20U);
}

TEST_F(DiskTierFault, AFileThatIsRemovedWhileItIsUsed) {
  open();
  put_home(1, 20);
  for (uint64_t number = 1; number <= 5; ++number) expect_read(number, {0, kWhole});
  std::filesystem::remove_all(directory_.sub("cache"));
  for (uint64_t number = 1; number <= 20; ++number) expect_read(number, {0, kWhole});
  close();
  open();
  EXPECT_EQ(tier_->metrics().entries_count, 0U);
  for (uint64_t number = 1; number <= 20; ++number) expect_read(number, {0, kWhole});
}

TEST(DeviceHealth, GoesAfterErrorsInARowAndComesBackWithASuccess) {
  DeviceHealth health("test");
  Instant now{1'000'000'000};
  const Error error{Code::kIo, "gone"};
  for (unsigned i = 0; i + 1 < kErrorsUntilBypass; ++i) health.note_error(error, now);
  EXPECT_TRUE(health.usable(now));
  health.note_success();
  for (unsigned i = 0; i + 1 < kErrorsUntilBypass; ++i) health.note_error(error, now);
  EXPECT_TRUE(health.usable(now)) << "a success ends the row";
  health.note_error(error, now);
  EXPECT_FALSE(health.usable(now));
  now = now + kBypassFor;
  EXPECT_TRUE(health.usable(now)) << "one tries";
  EXPECT_FALSE(health.usable(now)) << "and only one";
  health.note_error(error, now);
  EXPECT_FALSE(health.usable(now));
  now = now + kBypassFor;
  EXPECT_TRUE(health.usable(now));
  health.note_success();
  EXPECT_TRUE(health.usable(now));
  EXPECT_FALSE(health.bypassed());
}

}  // namespace
}  // namespace cairn::cache
