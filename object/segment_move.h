// Copies the live segments of chunks into new chunks, and tells where each of them lies then.
//
// Segments follow each other as the versions that refer to them have them, so that reading such a
// version stays sequential; one that several of the chunks hold is copied once. Every segment is
// compared with the hash in its chunk's sealed table on the way. The new chunks have random ids: no
// version can ever have had an edge for one of them, so that nothing that the collector still has
// in its queue names it.
// Thread rule: any reactor.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "object/chunk_use.h"
#include "object/context.h"
#include "object/segment_cache.h"

namespace cairn::object {

// A chunk that holds copies.
struct NewChunk {
  ChunkId id;
  uint32_t size_bytes = 0;
  std::vector<SegmentName> segments;
};

// Where the segments of rewritten chunks lie now.
class MoveTable {
 public:
  struct Segment {
    uint32_t offset_bytes = 0;  // In the old chunk.
    uint32_t size_bytes = 0;
    uint32_t new_chunk = 0;  // In new_chunks.
    uint32_t new_offset_bytes = 0;
  };
  std::vector<NewChunk> new_chunks;
  std::map<ChunkId, std::vector<Segment>> old_chunks;  // The live ones, by offset.

  bool is_old(const ChunkId& chunk) const { return old_chunks.contains(chunk); }
  // Extents with the same bytes in new chunks; nullopt when some of the bytes were not copied.
  // REQUIRES: is_old(extent.chunk).
  std::optional<std::vector<Extent>> moved(const Extent& extent) const;
};

// Copies what `versions` refer to of `chunks`, which are all of the tenant and of one placement,
// where the copies go. Every new chunk is
// durable and held for `holder` when it completes; after a failure `table` tells which ones are.
// kCorruption when a chunk does not open or has no table of segments.
io::Task<Status> move_segments(Context& context, TenantId tenant, OwnerId holder,
                               const std::map<ChunkId, ChunkUse>& chunks,
                               const std::vector<VersionUse>& versions, MoveTable& table);

}  // namespace cairn::object
