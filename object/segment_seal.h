// A chunk as it was cut, sealed with the table of its segments.
#pragma once

#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "object/context.h"
#include "object/segment_cache.h"
#include "storage/chunk_store.h"

namespace cairn::object {

// A chunk as it was cut: its bytes, with room for the segment table behind them, and its segments.
struct CutChunk {
  Buffer buffer;
  std::vector<SegmentName> segments;  // Of buffer [0, sum of their sizes).
};

uint64_t total_bytes(const std::vector<SegmentName>& segments);
// Takes the chunk's buffer. REQUIRES: the buffer has room for the table.
Result<storage::SealedChunk> seal_cut_chunk(Context& context, const crypto::TenantKeys& keys,
                                            const ChunkId& id, CutChunk& chunk);
// The segments of a stored chunk, from its sealed table: bytes `where` of its payload, clamped to
// its end. kCorruption when it has none, or they are not its bytes'.
io::Task<Result<std::vector<SegmentName>>> read_segment_table(Context& context, TenantId tenant,
                                                              ChunkId chunk, ByteRange where);
// The segments of an opened table; kCorruption unless they add up to `chunk_bytes`.
Result<std::vector<SegmentName>> parse_segment_table(BytesView table, uint64_t chunk_bytes);

}  // namespace cairn::object
