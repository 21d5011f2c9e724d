// Bounds of the chunk store.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "crypto/sealing.h"

namespace cairn::storage {

inline constexpr size_t kIndexShards = 64;
inline constexpr size_t kHeaderCacheSlotsPerShard = 16;  // Of at most kSealedHeaderBytesMax each.
inline constexpr uint64_t kReadBytesMax = 1 * MiB;       // Of one device read.
inline constexpr uint64_t kUnqueuedReadBytesMax = 32 * KiB;  // Beside a pool that is at its cap.
inline constexpr uint64_t kLogFileBytesMin = 16 * MiB;       // Tried last when space is short.
inline constexpr uint64_t kLogFileBytesMax = 64 * GiB;
// How much of a log file is preallocated at a time: a store takes little more than it holds, and
// the file system's metadata changes once in so many bytes.
inline constexpr uint64_t kPreallocationBytes = 64 * MiB;
inline constexpr size_t kVolumesMax = 64;
inline constexpr size_t kPutAttemptsMax = 8;           // Behind other users of the same id.
inline constexpr unsigned kFailuresUntilReadOnly = 2;  // In a row, per volume.

inline constexpr uint64_t kPayloadBytesMax = crypto::kChunkBytesMax + crypto::kSegmentTableBytesMax;
static_assert(kPayloadBytesMax + 64 * KiB < kLogFileBytesMin);
static_assert(kLogFileBytesMin <= kPreallocationBytes);

}  // namespace cairn::storage
