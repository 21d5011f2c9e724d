// ChunkStore: where sealed chunks live. Implementations: local volumes (volume_store.h), memory
// (for tests and as reference model), a bucket of any S3 (s3_store.h); cache tiers decorate one.
//
// Contract (tests/contract/chunk_store_suite.h runs it on every implementation):
// - put() completes only when the chunk is durable; a put that failed leaves nothing visible.
// - An id names one content for ever, so a second put of an id that is present keeps the first
// copy.
// - A chunk that an owner holds (put or link, until release or unlink) is never dropped.
// - link() of an absent or condemned chunk answers false: the caller must then put it.
// - Thread rule: any reactor.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/units.h"
#include "crypto/sealing.h"
#include "io/task.h"
#include "storage/read_options.h"

namespace cairn::storage {

using crypto::ChunkId;

// Who refers to a chunk: a manifest (object version or part), random 16 bytes.
struct OwnerId {
  std::array<uint8_t, 16> bytes{};
  friend auto operator<=>(const OwnerId&, const OwnerId&) = default;
};

// Bytes as they go to disk. `payload` has kIoAlignment-aligned memory; its size is exact (the store
// pads the tail block on disk).
struct SealedChunk {
  Bytes header;    // <= crypto::kSealedHeaderBytesMax
  Buffer payload;  // <= kChunkBytesMax + kSegmentTableBytesMax
};

// A part of a stored chunk.
struct SealedRead {
  Bytes header;
  Buffer payload;              // The bytes of the asked range, at payload.data().
  uint64_t payload_bytes = 0;  // Of the whole chunk's payload.
};

struct ChunkStat {
  ChunkId id;
  uint64_t header_bytes = 0;
  uint64_t payload_bytes = 0;
};

// What the chunks of one placement (the last byte of their ids, placement.h) take.
struct PlacementUsage {
  uint8_t placement = 0;
  uint64_t live_bytes = 0;
  uint64_t chunks_count = 0;
};

struct StoreUsage {
  uint64_t live_bytes = 0;       // Of records that are live, padding included.
  uint64_t allocated_bytes = 0;  // Disk in use by data.
  uint64_t capacity_bytes = 0;
  uint64_t available_bytes = 0;
  uint64_t chunks_count = 0;
  // The same, ascending; none where the store does not know. Several homes of one placement have
  // copies of the same chunks: this is how they are counted once.
  std::vector<PlacementUsage> by_placement = {};
};

// Who still needs a chunk, durably: object/ answers from the catalog's reference edges.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  virtual io::Task<Result<bool>> is_referenced(ChunkId id) = 0;
};

class ChunkStore {
 public:
  virtual ~ChunkStore() = default;

  // Stores a chunk durably and holds it for `owner`. kNoSpace when full, kIo on device errors.
  virtual io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) = 0;
  // Holds a chunk that is present for `owner`; false when it is absent or being dropped.
  virtual io::Task<Result<bool>> link(ChunkId id, OwnerId owner) = 0;
  // Ends `owner`'s holds after its catalog commit (the durable edges protect from here on) or when
  // it gave up. `ids` are the chunks that it held.
  virtual io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) = 0;
  // Called after the edge's removal is durable: drops the chunk and gives its space back unless a
  // holder or a reference (re-checked here) remains. True when it was dropped.
  virtual io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) = 0;
  // Reads `range` of the payload (clamped to its end) and the header. Frames are not verified here.
  // kNotFound when absent, kCorruption when the record is damaged.
  virtual io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) = 0;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range) { return read(id, range, {}); }
  // Checks everything that can be checked without keys: record header and payload checksums.
  virtual io::Task<Status> verify(ChunkId id) = 0;
  // Up to `limit` chunks with id > `after`, ascending.
  virtual io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                        size_t limit) = 0;
  virtual io::Task<Result<StoreUsage>> usage() = 0;
  // Flushes, stops background work. Awaited once, before destruction.
  virtual io::Task<Status> close() = 0;
};

}  // namespace cairn::storage
