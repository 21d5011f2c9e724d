// Bounds of the chunk store.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
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

// Of one upstream object. A pack is flushed when it is this large; the footer may come on top.
inline constexpr uint64_t kPackBytesMax = 64 * MiB;
inline constexpr uint64_t kPackBytesMin = 16 * MiB;
inline constexpr uint64_t kPackObjectBytesMax = 80 * MiB;  // Accepted when reading.
// How long the first chunk of a pack waits for others: little beside a request to a remote store.
inline constexpr Duration kGatherDelay = milliseconds(20);
inline constexpr size_t kPacksInFlight = 4;  // PUTs of one reactor.
// An answer without a body must be there by then; bodies get time at the rate below besides.
inline constexpr Duration kUpstreamPatience = seconds(30);
inline constexpr uint64_t kUpstreamBytesPerSecondMin = 256 * KiB;
inline constexpr unsigned kUpstreamReadAttemptsMax = 4;
// Requests of one reactor for ranges, and how many of them may be for what nobody waits for yet.
inline constexpr size_t kUpstreamReadsMax = 32;
inline constexpr size_t kUpstreamReadsAheadMax = 24;
inline constexpr size_t kUpstreamReadsBackgroundMax = 8;
inline constexpr size_t kUpstreamReadsQueuedMax = 4096;
inline constexpr size_t kHedgedBesideMax = 4;  // Requests under way when one is worth a second.
// Ranges side by side go in one request of so many bytes; what lies between two of them is worth
// less than a request (a record's header block, a segment table).
inline constexpr uint64_t kUpstreamReadBytesMax = 4 * MiB;
inline constexpr uint64_t kUpstreamGapBytesMax = 64 * KiB;
inline constexpr size_t kFootersInFlight = 16;           // While the store opens.
inline constexpr uint64_t kFooterReadBytes = 16 * KiB;   // The first guess: 192 records.
inline constexpr size_t kDoubtfulPacksMax = 1000;        // PUTs without an answer.
inline constexpr Duration kDoubtfulPause = seconds(60);  // Before such a name is removed.
inline constexpr uint64_t kSnapshotBytesMax = 4 * GiB;   // About 60 million chunks.
inline constexpr Duration kSnapshotInterval = seconds(300);
// A pack with a smaller share of live bytes is rewritten; small packs are joined.
inline constexpr double kPackLiveShareMin = 0.5;
inline constexpr size_t kPacksJoinedMin = 16;

// Several homes.
inline constexpr size_t kHomesMax = 16;
inline constexpr size_t kHomesPerPlacementMax = 8;
// Copies that wait in memory, per home: about 100 MB. A survey finds what does not fit.
inline constexpr size_t kOwedCopiesMax = size_t{1} << 20;
inline constexpr size_t kCopiesInFlight = 4;  // Of up to 8 MiB each.
inline constexpr size_t kSurveyPageChunks = 1000;
// When another home is asked beside one that does not answer: several times what it takes else.
inline constexpr int64_t kOvertakeFactor = 4;
inline constexpr Duration kOvertakeAfterMin = milliseconds(50);
inline constexpr Duration kOvertakeAfterMax = seconds(2);
// Reads stay with the primary unless another home is so many times as fast.
inline constexpr int64_t kPrimaryAdvantage = 2;
// One read in so many asks the second choice, so that its figures do not grow old.
inline constexpr uint64_t kSecondChoiceOneIn = 128;

inline constexpr uint64_t kPayloadBytesMax = crypto::kChunkBytesMax + crypto::kSegmentTableBytesMax;
static_assert(kPayloadBytesMax + 64 * KiB < kLogFileBytesMin);
static_assert(kLogFileBytesMin <= kPreallocationBytes);
static_assert(kPayloadBytesMax + 64 * KiB < kPackBytesMin);

}  // namespace cairn::storage
