// Rebuilds index and packs from what is upstream, when a store opens.
#pragma once

#include "storage/pack_snapshot.h"
#include "storage/pack_writer.h"

namespace cairn::storage {

// How a store came to know its packs.
struct PackRecovery {
  uint64_t packs_count = 0;
  uint64_t from_snapshot_count = 0;
};

// Lists the packs, leaves those to the janitor whose removal was begun, takes what the snapshot
// knows of them and reads the footers of the others (a damaged footer: its records one by one).
// Objects that are no packs are left alone. Of two copies of a chunk the newer pack's counts.
// kUnavailable, kUnsupported.
io::Task<Result<PackRecovery>> recover_packs(PackContext& context, Upstream& upstream,
                                             Snapshot snapshot);

// The live records of `packs`, by pack and offset.
io::Task<PackIndex::EntriesByContainer> live_entries(
    PackContext& context, const std::vector<std::shared_ptr<Pack>>& packs);

// What a later start should know.
io::Task<Snapshot> take_snapshot(PackContext& context);

}  // namespace cairn::storage
