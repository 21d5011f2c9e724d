// Bytes of a disk tier's cache file: superblock, entry header, footer (docs/format.md). Numbers are
// little-endian. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "cache/disk_limits.h"
#include "cache/run.h"

namespace cairn::cache {

inline constexpr uint32_t kCacheFormatVersion = 1;

using TierId = std::array<uint8_t, 16>;

// Where things are in the file. Everything follows from two numbers.
struct CacheGeometry {
  uint64_t region_bytes = 0;
  uint32_t regions_count = 0;

  // The geometry of a tier that takes at most `size_bytes` of disk. kInvalidArgument when that is
  // too small or too large.
  static Result<CacheGeometry> of_size(uint64_t size_bytes);

  uint64_t footer_bytes() const { return round_down(region_bytes / kFooterShare, kDiskBlockBytes); }
  uint64_t footer_offset(uint32_t region) const {
    return kDiskBlockBytes + region * footer_bytes();
  }
  uint64_t data_offset() const {
    return round_up(kDiskBlockBytes + regions_count * footer_bytes(), MiB);
  }
  uint64_t region_offset(uint32_t region) const { return data_offset() + region * region_bytes; }
  uint64_t file_bytes() const { return region_offset(regions_count); }
  size_t footer_rows_max() const;
  friend bool operator==(const CacheGeometry&, const CacheGeometry&) = default;
};

// The first block of the file.
struct CacheSuperblock {
  TierId tier_id{};  // New whenever the file is laid out anew: older entries are then nobody's.
  CacheGeometry geometry;
  friend bool operator==(const CacheSuperblock&, const CacheSuperblock&) = default;
};

// The block before a run's data. It says everything that a reader has to compare: an entry that
// does not is torn, stale or rotten, which is the same thing to it.
struct EntryHeader {
  TierId tier_id{};
  uint64_t sequence = 0;  // Of the region's filling.
  BlockKey key;
  uint64_t chunk_payload_bytes = 0;
  uint32_t data_bytes = 0;
  std::array<uint64_t, kBlockFrames> frame_xxh3{};  // Of each frame; 0 behind the last.
  Bytes sealed_header;
  friend bool operator==(const EntryHeader&, const EntryHeader&) = default;
};

// A row of a footer: an entry of the region, header block and data.
struct FooterRow {
  uint64_t fingerprint = 0;
  uint32_t offset_blocks = 0;  // In the region.
  uint16_t size_blocks = 0;
  // Whole minutes that it might still be served when the footer was written, and 1; 0: for ever.
  uint16_t minutes_left = 0;
  friend bool operator==(const FooterRow&, const FooterRow&) = default;
};

struct RegionFooter {
  TierId tier_id{};
  uint64_t sequence = 0;  // Ascending over all fillings of a tier's regions.
  uint32_t region = 0;
  WallTime written;  // For what expires: no other clock lasts beyond a restart.
  std::vector<FooterRow> rows;
  friend bool operator==(const RegionFooter&, const RegionFooter&) = default;
};

inline constexpr size_t kFooterHeadBytes = 64;
inline constexpr size_t kFooterRowBytes = 16;

// Blocks that an entry with so much data takes.
constexpr uint16_t entry_blocks(uint64_t data_bytes) {
  return static_cast<uint16_t>(1 + (data_bytes + kDiskBlockBytes - 1) / kDiskBlockBytes);
}
// Frames that an entry of so many blocks holds.
constexpr uint32_t entry_frames(uint16_t size_blocks) {
  return frames_of((size_blocks - 1) * kDiskBlockBytes);
}

// Encoders fill one block. REQUIRES: block.size() == kDiskBlockBytes, lengths within limits.
void encode(const CacheSuperblock& superblock, MutableBytes block);
void encode(const EntryHeader& header, MutableBytes block);
// REQUIRES: the rows fit `bytes`, which is filled up with zeros.
void encode(const RegionFooter& footer, MutableBytes bytes);

// Decoders check magic, version, checksum, and that lengths and places are possible; kCorruption
// otherwise, kUnsupported for a newer version. Input of any size is safe.
Result<CacheSuperblock> decode_superblock(BytesView block);
Result<EntryHeader> decode_entry_header(BytesView block);
// `geometry` is the file's. The rows are ascending and do not overlap.
Result<RegionFooter> decode_footer(const CacheGeometry& geometry, BytesView bytes);
// How many bytes of a footer have to be read, told by its first block; 0 when there is no footer.
size_t footer_bytes_used(const CacheGeometry& geometry, BytesView first_block);

// FooterRow::minutes_left of what expires then, and back: when it does, told by the wall clock of
// two moments. Never later than it was, and no more time from now on than was left then, whichever
// way that clock was set meanwhile.
uint16_t minutes_left_until(Instant expires, Instant now);
Instant expires_again(uint16_t minutes_left, WallTime written, WallTime wall_now, Instant now);

// XXH3 of each frame of a run's data.
std::array<uint64_t, kBlockFrames> checksums_of_frames(BytesView data);
uint64_t frame_checksum(BytesView frame);

}  // namespace cairn::cache
