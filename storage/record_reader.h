// Reads records back: ranges for clients, whole records for scrubbing.
#pragma once

#include "storage/chunk_index.h"
#include "storage/metrics.h"

namespace cairn::storage {

// Reads `range` of the payload, clamped to its end, and the sealed header: the blocks of the range
// only, and from the front of a chunk header and payload in one go. The caller holds a use of the
// log file. kCorruption when the record's header does not verify or names another chunk, kIo.
io::Task<Result<SealedRead>> read_record(ChunkId id, const Location& location, ByteRange range,
                                         ChunkIndex& index, StoreCounters& counters);

// Checks the checksums of header and payload. kCorruption, kIo.
io::Task<Status> verify_record(ChunkId id, const Location& location);

// The whole record, checked the same way; in memory of the heap, so that copying never waits for
// the pool while requests hold it. kCorruption, kIo.
io::Task<Result<SealedChunk>> read_whole_record(ChunkId id, const Location& location);

}  // namespace cairn::storage
