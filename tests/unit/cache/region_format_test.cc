// The bytes of the cache file: what is encoded is decoded, and anything else is refused. Golden
// places of the fields, as docs/format.md tells them, so that a second reader could be written.
#include "cache/region_format.h"

#include <gtest/gtest.h>

#include "tests/support/chunk_samples.h"

namespace cairn::cache {
namespace {

using testing_support::sample_bytes;
using testing_support::sample_id;

constexpr TierId kTier{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

EntryHeader sample_entry() {
  const Bytes data = sample_bytes(3, 100'000);
  return {.tier_id = kTier,
          .sequence = 77,
          .key = {sample_id(5), 18},
          .chunk_payload_bytes = 18 * crypto::kFrameBytes + 100'000,
          .data_bytes = 100'000,
          .frame_xxh3 = checksums_of_frames(data),
          .sealed_header = sample_bytes(9, 300)};
}

RegionFooter sample_footer(size_t rows) {
  RegionFooter footer{
      .tier_id = kTier, .sequence = 9, .region = 2, .written = {1'700'000'000'123}, .rows = {}};
  for (uint32_t i = 0; i < rows; ++i) {
    footer.rows.push_back({i * 7ULL, i * 2, 2, static_cast<uint16_t>(i)});
  }
  return footer;
}

TEST(CacheGeometry, AFileIsNeverLargerThanItsTierAndWastesLittle) {
  for (const uint64_t size :
       {kDiskTierBytesMin, 100 * MiB, 1 * GiB, 10 * GiB + 5, 1 * TiB, 8 * TiB}) {
    const Result<CacheGeometry> geometry = CacheGeometry::of_size(size);
    ASSERT_TRUE(geometry) << size;
    EXPECT_LE(geometry->file_bytes(), size);
    EXPECT_GT(geometry->file_bytes(), size - geometry->region_bytes - 4 * MiB);
    EXPECT_GE(geometry->regions_count, 7U);
    EXPECT_EQ(geometry->data_offset() % MiB, 0U);
    EXPECT_GE(geometry->data_offset(), geometry->footer_offset(geometry->regions_count));
  }
  EXPECT_EQ(CacheGeometry::of_size(1 * TiB)->region_bytes, 128 * MiB);
  for (uint64_t size = 256 * MiB; size < 4 * GiB; size += 77 * MiB) {
    const CacheGeometry geometry = CacheGeometry::of_size(size).value();
    EXPECT_EQ(geometry.region_bytes % (1 * MiB + kDiskBlockBytes), 0U) << "whole entries";
    EXPECT_GE(geometry.regions_count, 24U);
    EXPECT_GT(geometry.region_bytes * geometry.regions_count, size - size / 50 - 2 * MiB);
  }
  EXPECT_FALSE(CacheGeometry::of_size(kDiskTierBytesMin - 1));
  EXPECT_FALSE(CacheGeometry::of_size(8 * TiB + 1));
}

TEST(RegionFormat, FieldsAreWhereTheDocumentSays) {
  Bytes block(kDiskBlockBytes);
  encode(sample_entry(), block);
  EXPECT_EQ(as_text(BytesView(block).first(8)), "CAIRNENT");
  EXPECT_EQ(load_le<uint64_t>(block.data() + 8), frame_checksum(BytesView(block).subspan(16)));
  EXPECT_EQ(block[16], 1);
  EXPECT_EQ(load_le<uint64_t>(block.data() + 32), 77U);
  EXPECT_EQ(block[40], sample_id(5).bytes[0]);
  EXPECT_EQ(load_le<uint64_t>(block.data() + 72), 18 * crypto::kFrameBytes + 100'000);
  EXPECT_EQ(load_le<uint32_t>(block.data() + 80), 18U);
  EXPECT_EQ(load_le<uint32_t>(block.data() + 84), 100'000U);
  EXPECT_EQ(load_le<uint32_t>(block.data() + 88), 300U);
  EXPECT_EQ(load_le<uint64_t>(block.data() + 96), sample_entry().frame_xxh3[0]);
  EXPECT_EQ(block[512], sample_bytes(9, 300)[0]);

  encode(CacheSuperblock{kTier, {16 * MiB, 60}}, block);
  EXPECT_EQ(as_text(BytesView(block).first(8)), "CAIRNCSH");
  EXPECT_EQ(load_le<uint32_t>(block.data() + 16), 1U);
  EXPECT_EQ(load_le<uint32_t>(block.data() + 20), 60U);
  EXPECT_EQ(load_le<uint64_t>(block.data() + 24), 16 * MiB);
  EXPECT_EQ(block[32], 1);
}

TEST(RegionFormat, WhatIsEncodedIsDecoded) {
  Bytes block(kDiskBlockBytes);
  encode(sample_entry(), block);
  EXPECT_EQ(decode_entry_header(block).value(), sample_entry());
  const CacheSuperblock superblock{kTier, CacheGeometry::of_size(1 * GiB).value()};
  encode(superblock, block);
  EXPECT_EQ(decode_superblock(block).value(), superblock);
  const CacheGeometry geometry = superblock.geometry;
  for (const size_t rows : {size_t{0}, size_t{1}, size_t{252}, geometry.footer_rows_max()}) {
    Bytes bytes(geometry.footer_bytes());
    encode(sample_footer(rows), bytes);
    EXPECT_EQ(footer_bytes_used(geometry, BytesView(bytes).first(kDiskBlockBytes)),
              kFooterHeadBytes + rows * kFooterRowBytes);
    EXPECT_EQ(decode_footer(geometry, bytes).value(), sample_footer(rows));
  }
}

TEST(RegionFormat, WhatExpiresIsServedNoLongerWhicheverWayTheWallClockJumps) {
  const Instant now = Instant{} + seconds(1000);
  const WallTime written{1'700'000'000'000};
  const auto after = [&](int64_t wall_seconds, uint16_t minutes_left) {
    const WallTime wall{written.unix_ms + wall_seconds * 1000};
    return expires_again(minutes_left, written, wall, now) - now;
  };
  EXPECT_EQ(minutes_left_until(storage::kNever, now), 0);
  EXPECT_EQ(expires_again(0, written, written, now), storage::kNever);
  const uint16_t ten = minutes_left_until(now + seconds(659), now);
  EXPECT_EQ(after(0, ten), seconds(600)) << "rounded down";
  EXPECT_EQ(after(240, ten), seconds(360));
  EXPECT_EQ(after(600, ten), Duration{});
  constexpr int64_t kDays = 5 * 24 * 3600;
  EXPECT_EQ(after(kDays, ten), Duration{});
  EXPECT_EQ(after(-kDays, ten), seconds(600)) << "no more than was left";
  EXPECT_EQ(after(0, minutes_left_until(now + seconds(59), now)), Duration{});
  EXPECT_EQ(after(0, minutes_left_until(now, now)), Duration{});
  EXPECT_EQ(after(0, minutes_left_until(now + seconds(100 * kDays), now)), seconds(65534 * 60));
  // A damaged time is a time.
  EXPECT_EQ(expires_again(ten, {INT64_MAX}, written, now) - now, seconds(600));
  EXPECT_EQ(expires_again(ten, {INT64_MIN}, {INT64_MAX}, now), now);
}

TEST(RegionFormat, EveryFlippedBitIsNoticed) {
  const CacheGeometry geometry = CacheGeometry::of_size(1 * GiB).value();
  Bytes entry(kDiskBlockBytes);
  encode(sample_entry(), entry);
  Bytes superblock(kDiskBlockBytes);
  encode(CacheSuperblock{kTier, geometry}, superblock);
  Bytes footer(kDiskBlockBytes);
  encode(sample_footer(100), footer);
  const size_t footer_used = kFooterHeadBytes + 100 * kFooterRowBytes;
  for (size_t at = 0; at < kDiskBlockBytes; ++at) {
    for (const uint8_t bit : {uint8_t{1}, uint8_t{16}, uint8_t{128}}) {
      entry[at] ^= bit;
      superblock[at] ^= bit;
      footer[at] ^= bit;
      EXPECT_FALSE(decode_entry_header(entry)) << at;
      EXPECT_FALSE(decode_superblock(superblock)) << at;
      EXPECT_EQ(decode_footer(geometry, footer).has_value(), at >= footer_used) << at;
      entry[at] ^= bit;
      superblock[at] ^= bit;
      footer[at] ^= bit;
    }
  }
}

TEST(RegionFormat, ImpossibleNumbersAreRefusedThoughTheirChecksumIsRight) {
  const auto refused = [](size_t offset, auto value) {
    Bytes block(kDiskBlockBytes);
    encode(sample_entry(), block);
    store_le(block.data() + offset, value);
    store_le(block.data() + 8, frame_checksum(BytesView(block).subspan(16)));
    return !decode_entry_header(block);
  };
  EXPECT_FALSE(refused(80, uint32_t{18}));
  EXPECT_TRUE(refused(80, uint32_t{19})) << "ends behind the payload";
  EXPECT_TRUE(refused(80, UINT32_MAX));
  EXPECT_TRUE(refused(84, uint32_t{0}));
  EXPECT_TRUE(refused(84, static_cast<uint32_t>(kBlockBytes + 1)));
  EXPECT_TRUE(refused(88, uint32_t{3585}));
  EXPECT_TRUE(refused(72, UINT64_MAX));

  const CacheGeometry geometry = CacheGeometry::of_size(kDiskTierBytesMin).value();
  const auto footer_refused = [&](RegionFooter footer) {
    Bytes bytes(geometry.footer_bytes());
    encode(footer, bytes);
    return !decode_footer(geometry, bytes);
  };
  RegionFooter footer = sample_footer(10);
  EXPECT_FALSE(footer_refused(footer));
  footer.rows[4].offset_blocks = 7;
  EXPECT_TRUE(footer_refused(footer)) << "rows that overlap";
  footer = sample_footer(10);
  footer.rows[9].offset_blocks = static_cast<uint32_t>(geometry.region_bytes / kDiskBlockBytes - 1);
  EXPECT_TRUE(footer_refused(footer)) << "ends behind the region";
  footer = sample_footer(10);
  footer.rows[9].size_blocks = 258;
  EXPECT_TRUE(footer_refused(footer));
  footer = sample_footer(10);
  footer.region = geometry.regions_count;
  EXPECT_TRUE(footer_refused(footer));
}

TEST(RegionFormat, ANewerVersionIsNotTouched) {
  Bytes block(kDiskBlockBytes);
  encode(CacheSuperblock{kTier, CacheGeometry::of_size(1 * GiB).value()}, block);
  store_le(block.data() + 16, kCacheFormatVersion + 1);
  store_le(block.data() + 8, frame_checksum(BytesView(block).subspan(16)));
  EXPECT_EQ(decode_superblock(block).error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace cairn::cache
