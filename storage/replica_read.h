// One read of a chunk that several homes may have: which is asked first, which next, and which
// beside one that is slow.
//
// Asking a second one before the first has failed: Dean, Barroso, "The Tail at Scale" (2013).
// Thread rule: one reactor.
#pragma once

#include "storage/replicated_store.h"

namespace cairn::storage {

io::Task<Result<SealedRead>> read_replica(ReplicatedStore& store, HomesContext& context, ChunkId id,
                                          ByteRange range, ReadOptions options);

// The homes in the order in which a read asks them; those that are not worth asking stand last.
// With `distrust` (read_options.h) each number has another home first.
HomeList reading_order(const PlacementRoute& route, const HomesContext& context, const ChunkId& id,
                       Instant now, uint8_t distrust = 0);

}  // namespace cairn::storage
