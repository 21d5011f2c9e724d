// Bounds of the disk tier.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"
#include "cache/block.h"
#include "cache/limits.h"
#include "crypto/sealing.h"

namespace cairn::cache {

// Geometry of the cache file (docs/format.md).
// O_DIRECT's alignment on every device.
inline constexpr uint64_t kDiskBlockBytes = kDiskUnitBytes;
inline constexpr uint64_t kRegionBytesMax = 128 * MiB;
inline constexpr uint64_t kRegionBytesMin = 8 * MiB;
// Of a small tier: each log fills one, and what does not fit into the end of one is lost.
inline constexpr uint32_t kRegionsWantedMin = 24;
inline constexpr uint32_t kRegionsWantedMax = 40;
inline constexpr uint64_t kFooterShare =
    2048;  // Of a region's bytes: one footer of 64 KiB or less.
inline constexpr uint64_t kDiskTierBytesMin = 64 * MiB;
inline constexpr uint64_t kDiskTierBytesMax = 8 * TiB;

// Runs.
// A reader who needs so many frames of a block gets the whole block: what it saves is one run
// instead of two, what it costs is a third more bytes at most.
inline constexpr uint32_t kWholeBlockFrames = 12;
inline constexpr uint64_t kPayloadBytesMax = crypto::kChunkBytesMax + crypto::kSegmentTableBytesMax;
inline constexpr uint32_t kChunkFramesMax =
    static_cast<uint32_t>(kPayloadBytesMax / crypto::kFrameBytes);

// Memory besides the index. Runs that wait to be written, and runs that several readers share.
inline constexpr uint64_t kWriteQueueBytesMax = 128 * MiB;
inline constexpr uint64_t kSharedRunsBytesMax = 256 * MiB;
// Beyond so much that waits, who reads for the tier's sake waits too, for a read so long: less than
// another node waits for its owner (peer/limits.h).
inline constexpr uint64_t kWarmingQueueBytesMax = kWriteQueueBytesMax / 2;
inline constexpr Duration kWarmingWaitMax = seconds(1);
inline constexpr Duration kWarmingWaitStep = milliseconds(5);
// What one write gathers, if so much waits: each one costs a turn of a reactor that may be busy.
inline constexpr uint64_t kWriteBytes = 8 * MiB;
inline constexpr size_t kFootersInFlightMax = 64;  // At start.

// Regions that are turned over for one entry, when what survives fills them.
inline constexpr int kTurnOversMax = 4;
inline constexpr int kReadAttemptsMax = 3;           // Of one read that keeps meeting rotten runs.
inline constexpr int kFlightAttemptsMax = 2;         // The first leader and one more.
inline constexpr unsigned kErrorsUntilBypass = 4;    // In a row, of the device.
inline constexpr Duration kBypassFor = seconds(30);  // Then one operation tries again.

static_assert(kRegionBytesMax / kFooterShare <= 64 * KiB);
static_assert(kRegionBytesMin / kFooterShare == kDiskBlockBytes);
static_assert(kRegionBytesMin >= 4 * (kBlockBytes + kDiskBlockBytes));
static_assert(kRegionsMax * kRegionBytesMax < kDiskTierBytesMax);
static_assert(kDiskTierBytesMin / kRegionBytesMin >= 8);

}  // namespace cairn::cache
