// Copying chunks from home to home: what is owed, what is damaged, what is staged.
//
// A copy is made from a copy that was checked against the checksums it was stored with, and counts
// when the home acknowledged it as durable. A chunk that leaves a home is read back in every home
// that shall have it before it is dropped there.
// Thread rule: any reactor; a chunk is copied or dropped by one at a time (copy_turns.h).
#pragma once

#include "storage/replicated_store.h"

namespace cairn::storage {

enum class CopyOutcome : uint8_t {
  kMade,
  kPresent,  // The copy was there.
  kGone,     // No home has the chunk: it was dropped.
  kBusy,     // The chunk is being copied or dropped, or somebody holds the damaged copy.
  kFailed,   // A home failed; what it said is in the log of its breaker.
  kLost,     // Every copy is damaged.
};

// Makes the copy of a chunk of `store` that `to` lacks, or replaces the damaged one.
io::Task<CopyOutcome> copy_chunk(ReplicatedStore& store, HomesContext& context, NamedHome& to,
                                 OwedCopy copy);

// A chunk of `store` that leaves a home.
struct Leaving {
  ReplicatedStore* store = nullptr;
  OwedCopy copy;
};
// Copies chunks to every home that shall have them, in order, reads the copies back, and drops
// those in `from`. What could not be done is returned, to be tried again.
io::Task<std::vector<OwedCopy>> give_away(HomesContext& context, NamedHome& from,
                                          std::vector<Leaving> batch);

}  // namespace cairn::storage
