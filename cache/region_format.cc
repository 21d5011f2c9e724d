#include "cache/region_format.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "storage/block_bytes.h"
#include "storage/log_format.h"
#include "storage/read_options.h"

namespace cairn::cache {
namespace {

using storage::put_bytes;
using storage::take_bytes;

// Eight characters each, as they read in a hex dump.
constexpr std::string_view kSuperblockMagic = "CAIRNCSH";
constexpr std::string_view kEntryMagic = "CAIRNENT";
constexpr std::string_view kFooterMagic = "CAIRNRGN";

// Every structure: magic, then the XXH3 of all its bytes behind it.
constexpr size_t kChecksumOffset = 8;
constexpr size_t kBodyOffset = 16;

constexpr Duration kMinute = seconds(60);

constexpr size_t kFrameChecksumsOffset = 96;
constexpr size_t kSealedHeaderOffset = 512;
static_assert(kFrameChecksumsOffset + kBlockFrames * 8 <= kSealedHeaderOffset);
static_assert(kSealedHeaderOffset + crypto::kSealedHeaderBytesMax == kDiskBlockBytes);

void begin(MutableBytes bytes, std::string_view magic) {
  std::fill(bytes.begin(), bytes.end(), uint8_t{0});
  std::copy(magic.begin(), magic.end(), bytes.begin());
}
// `used_bytes` are covered by the checksum.
void finish(MutableBytes bytes, size_t used_bytes) {
  store_le(bytes.data() + kChecksumOffset,
           frame_checksum(bytes.subspan(kBodyOffset, used_bytes - kBodyOffset)));
}

bool has_magic(BytesView bytes, std::string_view magic) {
  return bytes.size() >= kBodyOffset && as_text(bytes.first(magic.size())) == magic;
}
Status check(BytesView bytes, std::string_view magic, std::string_view what) {
  if (!has_magic(bytes, magic)) return fail(Code::kCorruption, std::string(what) + " has no magic");
  if (load_le<uint64_t>(bytes.data() + kChecksumOffset) !=
      frame_checksum(bytes.subspan(kBodyOffset))) {
    return fail(Code::kCorruption, std::string(what) + " does not match its checksum");
  }
  return {};
}

constexpr uint64_t kWholeEntryBytes = kBlockBytes + kDiskBlockBytes;
// What is lost to the superblock and to the alignment of the regions.
constexpr uint64_t kFileHeadBytes = 2 * MiB;

bool possible(const CacheGeometry& geometry) {
  return geometry.region_bytes % kDiskBlockBytes == 0 && geometry.region_bytes >= kRegionBytesMin &&
         geometry.region_bytes <= kRegionBytesMax && geometry.regions_count >= 2 &&
         geometry.regions_count <= kRegionsMax;
}

// So many regions of whole entries, as large as `size_bytes` allows and a region may be.
CacheGeometry divide(uint64_t size_bytes, uint32_t regions_count) {
  const uint64_t most = std::min(size_bytes / regions_count, kRegionBytesMax);
  CacheGeometry geometry{.region_bytes = most / kWholeEntryBytes * kWholeEntryBytes,
                         .regions_count = regions_count};
  if (regions_count * (geometry.region_bytes + geometry.footer_bytes()) > size_bytes) {
    geometry.region_bytes -= kWholeEntryBytes;
  }
  return geometry;
}

}  // namespace

Result<CacheGeometry> CacheGeometry::of_size(uint64_t size_bytes) {
  if (size_bytes < kDiskTierBytesMin || size_bytes > kDiskTierBytesMax) {
    return fail(Code::kInvalidArgument, "a disk tier has 64MiB to 8TiB: use several for more");
  }
  const uint64_t usable_bytes = size_bytes - kFileHeadBytes;
  if (size_bytes >= kRegionsWantedMax * kRegionBytesMax) {
    CacheGeometry geometry{.region_bytes = kRegionBytesMax, .regions_count = 0};
    const uint64_t each = geometry.region_bytes + geometry.footer_bytes();
    geometry.regions_count = static_cast<uint32_t>(std::min(usable_bytes / each, kRegionsMax));
    return geometry;
  }
  // The division that leaves least unused.
  const uint64_t region_bytes_min = kRegionBytesMin / kBlockBytes * kWholeEntryBytes;
  const auto most = static_cast<uint32_t>(usable_bytes / (region_bytes_min + kDiskBlockBytes));
  const uint32_t last = std::min(kRegionsWantedMax, most);
  CacheGeometry geometry;
  for (uint32_t count = std::min(kRegionsWantedMin, last); count <= last; ++count) {
    const CacheGeometry next = divide(usable_bytes, count);
    if (next.region_bytes * count >= geometry.region_bytes * geometry.regions_count) {
      geometry = next;
    }
  }
  return geometry;
}

size_t CacheGeometry::footer_rows_max() const {
  return (footer_bytes() - kFooterHeadBytes) / kFooterRowBytes;
}

uint16_t minutes_left_until(Instant expires, Instant now) {
  if (expires == storage::kNever) return 0;
  const int64_t minutes = expires > now ? (expires - now).nanoseconds / kMinute.nanoseconds : 0;
  return static_cast<uint16_t>(1 + std::min<int64_t>(minutes, UINT16_MAX - 1));
}

Instant expires_again(uint16_t minutes_left, WallTime written, WallTime wall_now, Instant now) {
  if (minutes_left == 0) return storage::kNever;
  const int64_t left_ms = (minutes_left - 1) * int64_t{60'000};
  // A footer of any bytes may be of any time.
  if (wall_now.unix_ms <= written.unix_ms) return now + milliseconds(left_ms);
  const uint64_t passed_ms =
      static_cast<uint64_t>(wall_now.unix_ms) - static_cast<uint64_t>(written.unix_ms);
  if (passed_ms >= static_cast<uint64_t>(left_ms)) return now;
  return now + milliseconds(left_ms - static_cast<int64_t>(passed_ms));
}

uint64_t frame_checksum(BytesView frame) {
  return storage::checksum_of(frame);
}

std::array<uint64_t, kBlockFrames> checksums_of_frames(BytesView data) {
  std::array<uint64_t, kBlockFrames> sums{};
  ASSERT(data.size() <= kBlockBytes);
  for (size_t i = 0; i < frames_of(data.size()); ++i) {
    const size_t from = i * crypto::kFrameBytes;
    sums[i] = frame_checksum(data.subspan(from, std::min(data.size() - from, crypto::kFrameBytes)));
  }
  return sums;
}

void encode(const CacheSuperblock& superblock, MutableBytes block) {
  ASSERT(block.size() == kDiskBlockBytes);
  begin(block, kSuperblockMagic);
  store_le(block.data() + 16, kCacheFormatVersion);
  store_le(block.data() + 20, superblock.geometry.regions_count);
  store_le(block.data() + 24, superblock.geometry.region_bytes);
  put_bytes(block, 32, superblock.tier_id);
  finish(block, block.size());
}

Result<CacheSuperblock> decode_superblock(BytesView block) {
  if (block.size() != kDiskBlockBytes) {
    return fail(Code::kCorruption, "the cache file's superblock is cut off");
  }
  if (Status good = check(block, kSuperblockMagic, "the cache file's superblock"); !good) {
    return std::unexpected(good.error());
  }
  const auto version = load_le<uint32_t>(block.data() + 16);
  if (version > kCacheFormatVersion) {
    return fail(Code::kUnsupported, "the cache file has format version " + std::to_string(version) +
                                        ", newer than this program");
  }
  const CacheSuperblock superblock{
      .tier_id = take_bytes<16>(block, 32),
      .geometry = {.region_bytes = load_le<uint64_t>(block.data() + 24),
                   .regions_count = load_le<uint32_t>(block.data() + 20)}};
  if (version == 0 || !possible(superblock.geometry)) {
    return fail(Code::kCorruption, "the cache file's superblock names impossible numbers");
  }
  return superblock;
}

void encode(const EntryHeader& header, MutableBytes block) {
  ASSERT(block.size() == kDiskBlockBytes);
  ASSERT(header.sealed_header.size() <= crypto::kSealedHeaderBytesMax);
  begin(block, kEntryMagic);
  put_bytes(block, 16, header.tier_id);
  store_le(block.data() + 32, header.sequence);
  put_bytes(block, 40, header.key.chunk.bytes);
  store_le(block.data() + 72, header.chunk_payload_bytes);
  store_le(block.data() + 80, header.key.first_frame);
  store_le(block.data() + 84, header.data_bytes);
  store_le(block.data() + 88, static_cast<uint32_t>(header.sealed_header.size()));
  for (size_t i = 0; i < kBlockFrames; ++i) {
    store_le(block.data() + kFrameChecksumsOffset + i * 8, header.frame_xxh3[i]);
  }
  std::copy(header.sealed_header.begin(), header.sealed_header.end(),
            block.begin() + kSealedHeaderOffset);
  finish(block, block.size());
}

Result<EntryHeader> decode_entry_header(BytesView block) {
  if (block.size() != kDiskBlockBytes) return fail(Code::kCorruption, "the entry is cut off");
  if (Status good = check(block, kEntryMagic, "the entry's header"); !good) {
    return std::unexpected(good.error());
  }
  EntryHeader header{.tier_id = take_bytes<16>(block, 16),
                     .sequence = load_le<uint64_t>(block.data() + 32),
                     .key = {.chunk = {take_bytes<32>(block, 40)},
                             .first_frame = load_le<uint32_t>(block.data() + 80)},
                     .chunk_payload_bytes = load_le<uint64_t>(block.data() + 72),
                     .data_bytes = load_le<uint32_t>(block.data() + 84),
                     .frame_xxh3 = {},
                     .sealed_header = {}};
  const auto sealed_bytes = load_le<uint32_t>(block.data() + 88);
  if (sealed_bytes > crypto::kSealedHeaderBytesMax || header.data_bytes == 0 ||
      header.data_bytes > kBlockBytes || header.chunk_payload_bytes > kPayloadBytesMax ||
      header.key.first_frame >= kChunkFramesMax ||
      header.key.first_frame * crypto::kFrameBytes + header.data_bytes >
          header.chunk_payload_bytes) {
    return fail(Code::kCorruption, "the entry's header names impossible lengths");
  }
  for (size_t i = 0; i < kBlockFrames; ++i) {
    header.frame_xxh3[i] = load_le<uint64_t>(block.data() + kFrameChecksumsOffset + i * 8);
  }
  const BytesView sealed = block.subspan(kSealedHeaderOffset, sealed_bytes);
  header.sealed_header.assign(sealed.begin(), sealed.end());
  return header;
}

void encode(const RegionFooter& footer, MutableBytes bytes) {
  const size_t used_bytes = kFooterHeadBytes + footer.rows.size() * kFooterRowBytes;
  ASSERT(used_bytes <= bytes.size());
  begin(bytes, kFooterMagic);
  put_bytes(bytes, 16, footer.tier_id);
  store_le(bytes.data() + 32, footer.sequence);
  store_le(bytes.data() + 40, footer.region);
  store_le(bytes.data() + 44, static_cast<uint32_t>(footer.rows.size()));
  store_le(bytes.data() + 48, static_cast<uint64_t>(footer.written.unix_ms));
  for (size_t i = 0; i < footer.rows.size(); ++i) {
    uint8_t* const row = bytes.data() + kFooterHeadBytes + i * kFooterRowBytes;
    store_le(row, footer.rows[i].fingerprint);
    store_le(row + 8, footer.rows[i].offset_blocks);
    store_le(row + 12, footer.rows[i].size_blocks);
    store_le(row + 14, footer.rows[i].minutes_left);
  }
  finish(bytes, used_bytes);
}

size_t footer_bytes_used(const CacheGeometry& geometry, BytesView first_block) {
  if (first_block.size() < kFooterHeadBytes || !has_magic(first_block, kFooterMagic)) return 0;
  const uint64_t rows = load_le<uint32_t>(first_block.data() + 44);
  if (rows > geometry.footer_rows_max()) return 0;
  return kFooterHeadBytes + rows * kFooterRowBytes;
}

Result<RegionFooter> decode_footer(const CacheGeometry& geometry, BytesView bytes) {
  const size_t used_bytes = footer_bytes_used(geometry, bytes);
  if (used_bytes == 0 || used_bytes > bytes.size()) {
    return fail(Code::kCorruption, "the region has no footer");
  }
  if (Status good = check(bytes.first(used_bytes), kFooterMagic, "the region's footer"); !good) {
    return std::unexpected(good.error());
  }
  RegionFooter footer{.tier_id = take_bytes<16>(bytes, 16),
                      .sequence = load_le<uint64_t>(bytes.data() + 32),
                      .region = load_le<uint32_t>(bytes.data() + 40),
                      .written = {static_cast<int64_t>(load_le<uint64_t>(bytes.data() + 48))},
                      .rows = {}};
  const size_t rows_count = (used_bytes - kFooterHeadBytes) / kFooterRowBytes;
  const uint64_t region_blocks = geometry.region_bytes / kDiskBlockBytes;
  uint64_t end_blocks = 0;
  footer.rows.reserve(rows_count);
  for (size_t i = 0; i < rows_count; ++i) {
    const uint8_t* const at = bytes.data() + kFooterHeadBytes + i * kFooterRowBytes;
    const FooterRow row{.fingerprint = load_le<uint64_t>(at),
                        .offset_blocks = load_le<uint32_t>(at + 8),
                        .size_blocks = load_le<uint16_t>(at + 12),
                        .minutes_left = load_le<uint16_t>(at + 14)};
    if (row.offset_blocks < end_blocks || row.size_blocks < 2 ||
        row.size_blocks > entry_blocks(kBlockBytes) ||
        uint64_t{row.offset_blocks} + row.size_blocks > region_blocks) {
      return fail(Code::kCorruption, "the region's footer names an impossible entry");
    }
    end_blocks = uint64_t{row.offset_blocks} + row.size_blocks;
    footer.rows.push_back(row);
  }
  if (footer.region >= geometry.regions_count) {
    return fail(Code::kCorruption, "the region's footer names an impossible region");
  }
  return footer;
}

}  // namespace cairn::cache
