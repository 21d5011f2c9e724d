// Bounds of the object layer. Every queue, cache, retry and page of object/ names its maximum here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"
#include "crypto/sealing.h"
#include "object/types.h"

namespace cairn::object {

// Bodies. A chunk and its segment table fill one 8 MiB buffer of the pool, not the next class.
inline constexpr uint64_t kChunkRoomBytes = 32 * KiB;  // For the segment table, behind the data.
inline constexpr uint64_t kBodyChunkBytesMax = crypto::kChunkBytesMax - kChunkRoomBytes;
inline constexpr uint64_t kSegmentBytesMin = 16 * KiB;
inline constexpr uint64_t kSegmentsPerChunkMax = crypto::kChunkBytesMax / kSegmentBytesMin + 1;
inline constexpr size_t kSegmentEntryBytes = 36;   // Length (4, little-endian), SHA-256.
inline constexpr size_t kSpaceBytesMax = 1 * MiB;  // One next_space().
inline constexpr size_t kChunksInFlightMax = 2;    // Per writer, besides the one being filled.
inline constexpr size_t kPieceBytes = 1 * MiB;     // One read of the store.
// Per reader at least so many bytes, or one piece more, in pieces of this size or fewer. Behind a
// slow home a window grows (read_window.h), and all windows together to the second; behind the
// least, pieces are asked for so many bytes at a time, for stores that can read neighbours in one
// request.
inline constexpr size_t kPiecesInFlightMax = 32;
inline constexpr uint64_t kInFlightBytesMax = 4 * MiB;
inline constexpr uint64_t kReadAheadBytesMax = 512 * MiB;
inline constexpr uint64_t kRefillBytesMax = 4 * MiB;
inline constexpr size_t kWarmsWaitingMax = 1024;  // Objects to be warmed behind the scenes,
inline constexpr size_t kWarmsRunningMax = 4;     // and how many are at a time.
// Reads of a store that take longer on average are worth being made before they are asked for.
inline constexpr Duration kSlowStoreRead = milliseconds(3);
// A range this long is read once and in order more often than not: parts of parallel downloads, and
// whole models. Two chunks of the size that is aimed at.
inline constexpr uint64_t kStreamBytesMin = 8 * MiB;
// A range this long of a large body is a part of a load; shorter ones look something up in it.
inline constexpr uint64_t kLoadRangeBytesMin = 1 * MiB;

// Hashing: blocks of so many streams are worth one run; more bytes than this never wait.
inline constexpr size_t kHashLanes = 8;
inline constexpr uint64_t kHashBacklogBytesMax = 32 * MiB;

// Records.
inline constexpr size_t kManifestInlineBytesMax = 64 * KiB;
inline constexpr uint64_t kManifestBytesMax = 1 * GiB;  // Encoded; a larger one does not parse.
inline constexpr size_t kRowBytesMax = 8 * MiB;
inline constexpr size_t kSseRecordBytesMax = 16 * KiB;  // Of it the encryption context is most.

inline constexpr size_t kBucketConfigBytesMax = 2 * MiB;  // All documents of a bucket together.

// Whole bodies by digest: so many holders are tried for one that the caller may read.
inline constexpr size_t kBodyHintsMax = 16;

// A full store is asked for room again after so long; bodies in between are refused unread.
inline constexpr Duration kFullFor = seconds(1);

// Commits.
inline constexpr int kCommitAttemptsMax = 64;  // Lost races against other processes.
inline constexpr int kLoadAttemptsMax = 64;    // A body row that an overwrite replaced meanwhile.
inline constexpr size_t kRemovesPerCommitMax = 1000;
inline constexpr size_t kRenameTokenBytesMax = 1024;

// Native uploads. Chunks have 1 MiB at least, so that every body within the bound can be committed.
inline constexpr size_t kNativeChunksMax = 262'144;
inline constexpr uint64_t kNativeBytesMax = 256 * GiB;
inline constexpr size_t kNativeOfferNamesMax = 4096;  // One offer, chunks or segments.
inline constexpr size_t kNativeRowsPerCommitMax = 4096;
inline constexpr size_t kNativeLinksInFlightMax = 16;
// Fills of a core that read stored segments into the buffer they hold: so few that they cannot have
// all of the pool and wait for more of it.
inline constexpr size_t kNativeFillsReadingMax = 4;
inline constexpr size_t kNativeHoldersMax = 64;  // Of a chunk, whose rights are asked.
// Bodies up to here are read back when they are committed: MD5 and SHA-256 of the whole.
inline constexpr uint64_t kNativeVerifyBytesMax = 64 * MiB;
inline constexpr size_t kNativeMissingNamedMax = 16;  // In the error of a commit.

// Listing.
inline constexpr size_t kListLimitMax = 10000;
inline constexpr size_t kScanEntriesMin = 16;
inline constexpr size_t kScanEntriesMax = 1024;

// Caches, per reactor.
inline constexpr uint64_t kHotCacheBytesMax = 64 * MiB;
inline constexpr uint64_t kHotObjectBytesMax = 256 * KiB;
inline constexpr size_t kGenerationsCount = 1 << 16;
inline constexpr size_t kCoresMax = 1024;

// Segment index. A hook for one segment in so many, besides the least hash of every chunk.
inline constexpr uint16_t kHookEvery = 4;
inline constexpr size_t kSegmentsPerLookup = 64;  // About a chunk; each has a least hash.
// Of all reactors together; about 100 bytes a segment, so 64 GiB of segments of 64 KiB.
inline constexpr uint64_t kSegmentCacheBytesMax = 100 * MiB;
// Sharing: bytes of a run of a body on average, and one part in so many of a chunk that has to be
// known already for any of it to be shared.
inline constexpr uint64_t kRunBytesMean = 128 * KiB;
inline constexpr uint64_t kKnownShareMin = 16;
inline constexpr uint64_t kGatheredChunkBytes = 4 * MiB;  // New segments gathered are a chunk then.
inline constexpr size_t kOwnSegmentsMax = 16384;     // Of a body, remembered while it is written.
inline constexpr size_t kHooksPerBodyMax = 1 << 16;  // Of one commit; later chunks go without.
inline constexpr size_t kHooksSweptPerPass = 4096;
// Every dropped chunk has the sweep look at so many hooks; a chunk has about twenty.
inline constexpr size_t kHooksSweptPerDrop = 64;

// Collector and scrub.
inline constexpr size_t kGarbageRowsPerPass = 1024;
inline constexpr size_t kEdgesPerCommitMax = 4096;
inline constexpr size_t kUnlinksInFlightMax = 16;
inline constexpr size_t kSweepChunksPerPass = 4096;
inline constexpr size_t kExpiredUploadsPerPass = 1000;
inline constexpr size_t kExpiredTokensPerPass = 1000;
inline constexpr size_t kScrubKnownChunksMax = 1 << 20;  // Remembered as checked; more are re-read.
inline constexpr size_t kScrubDamagedMax = 10000;
inline constexpr Duration kReaderAgeMax = seconds(3600);

// Rewriting of partly dead chunks: begins when the dead bytes of known chunks come to more than one
// in kRewriteDeadStart of the live ones, and ends at one in kRewriteDeadEnd, so that the store
// stays below 1.05 of what is live. A chunk with less that is dead than one byte in kRewriteDeadMin
// is left alone: every byte that is won would cost so many copied.
inline constexpr uint64_t kRewriteDeadStart = 25;
inline constexpr uint64_t kRewriteDeadEnd = 50;
inline constexpr uint64_t kRewriteDeadMin = 64;
inline constexpr uint64_t kRewriteBytesPerPass = 64 * MiB;  // Live bytes of chunks taken together.
inline constexpr size_t kRewriteChunksPerPass = 256;        // Their tables are in memory.
inline constexpr uint64_t kRewriteBytesPerSecond = 64 * MiB;  // Written; as many are read.
inline constexpr size_t kRewriteVictimsMax = 16384;           // Chosen by one survey.
inline constexpr size_t kRewriteSparedMax = 16384;            // Not tried again until a start.
inline constexpr size_t kSurveyRowsPerPass = 4096;
// A survey of more rows than one pass looks at waits so long for each of them before the next one.
inline constexpr Duration kSurveyRestPerRow = microseconds(50);
inline constexpr Duration kSurveyEvery = seconds(600);  // For edges whose versions came since.
inline constexpr size_t kUseOwnersMax = 4096;           // Looked up together.
inline constexpr size_t kUseChunkOwnersMax = 1024;      // A chunk with more counts as unknown.
inline constexpr uint64_t kUseManifestBytesMax = 64 * MiB;

static_assert(kSegmentsPerChunkMax * kSegmentEntryBytes <= kChunkRoomBytes);
static_assert(kChunkRoomBytes <= crypto::kSegmentTableBytesMax);
static_assert(kPieceBytes % crypto::kFrameBytes == 0);
static_assert(kInlineBytesMax < kSpaceBytesMax);
static_assert(kBodyChunkBytesMax > kSpaceBytesMax);

}  // namespace cairn::object
