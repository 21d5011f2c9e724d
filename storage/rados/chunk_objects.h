// The operations on the object of one chunk, as RadosStore puts them together.
//
// Codes are 0 or a negative errno, as the pool answers. Thread rule: any reactor.
#pragma once

#include "base/random.h"
#include "storage/rados/format.h"
#include "storage/rados/pool.h"

namespace cairn::storage {

// Makes the object with a hold: -EEXIST when it is there.
io::Task<int> create_chunk(RadosPool& pool, ChunkDescription description, BytesView payload,
                           HoldName hold, OwnerId owner);
// Puts a hold to the object: -ENOENT when it is not there.
io::Task<int> set_hold(RadosPool& pool, ChunkId id, HoldName hold, OwnerId owner);
io::Task<int> clear_hold(RadosPool& pool, ChunkId id, HoldName hold);

// An object at one moment.
struct ChunkState {
  int code = 0;
  uint64_t version = 0;
  uint64_t size_bytes = 0;
  Bytes description;  // Not decoded.
  std::vector<HoldName> holds;
};
io::Task<ChunkState> look_at_chunk(RadosPool& pool, ChunkId id);
// Removes the object if it is still what was seen: -ERANGE, -EOVERFLOW or -ECANCELED when not.
io::Task<int> remove_chunk(RadosPool& pool, ChunkId id, ChunkState seen);

// Reads `range` of the payload; the errors of ChunkStore::read().
struct ChunkPart {
  ChunkDescription description;
  Buffer payload;
};
io::Task<Result<ChunkPart>> read_chunk(RadosPool& pool, ChunkId id, ByteRange range);
// Of a chunk that is there; nullopt when it is not.
io::Task<Result<std::optional<ChunkStat>>> stat_chunk(RadosPool& pool, ChunkId id);

}  // namespace cairn::storage
