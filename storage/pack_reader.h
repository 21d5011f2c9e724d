// Reads records of packs back: ranges for clients, whole records for scrubbing and rewriting.
#pragma once

#include "storage/pack_writer.h"

namespace cairn::storage {

// Reads `range` of the payload, clamped to its end, and the sealed header: from the front of a
// chunk in one request, elsewhere in two side by side unless the header is known; neighbours that
// are read at the same time share a request. The caller holds
// a use of the pack. A record that is read whole is checked against its checksums, and a damaged
// answer is asked for once more. kCorruption, kUnavailable.
io::Task<Result<SealedRead>> read_packed(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place, ByteRange range, ReadOptions options);

// The whole record, verified. kCorruption, kUnavailable.
io::Task<Result<SealedChunk>> read_whole(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place);

}  // namespace cairn::storage
