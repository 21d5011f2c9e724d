// PackWriter: gathers the puts of one reactor into packs (group commit).
//
// The first chunk of a pack waits kGatherDelay for others, and longer while kPacksInFlight PUTs are
// under way; a full pack goes out as soon as one of those ends. A put completes when the upstream
// has acknowledged the whole pack. Thread rule: one reactor.
#pragma once

#include <memory>

#include "base/random.h"
#include "io/sync.h"
#include "storage/metrics.h"
#include "storage/pack_draft.h"
#include "storage/pack_set.h"
#include "storage/upstream.h"

namespace cairn::storage {

// What the parts of a store share; outlives them.
struct PackContext {
  PackIndex& index;
  PackSet& packs;
  StoreCounters& counters;
  Random& random;
  RandomId store_id;
  uint64_t pack_bytes_max;
  Duration gather_delay;
};

// A header for the next pack.
LogHeader new_pack_header(PackContext& context);
// Seals and stores a draft, on the reactor of `upstream`. The caller publishes the draft's entries
// and then settles the pack.
io::Task<Result<std::shared_ptr<Pack>>> store_pack(PackContext& context, Upstream& upstream,
                                                   PackDraft& draft);

class PackWriter {
 public:
  PackWriter(PackContext& context, Upstream& upstream) : context_(context), upstream_(upstream) {}
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  // Stores the chunk durably and publishes it in the index. kNoSpace, kUnavailable.
  io::Task<Status> append(ChunkId id, SealedChunk chunk);

 private:
  struct Group {
    Group(LogHeader header, uint64_t size_max_bytes, bool with_sha256)
        : draft(header, size_max_bytes, with_sha256) {}
    PackDraft draft;
    io::StopSource hurry;  // Ends the wait for others.
    io::Event done;
    Status result;
  };

  void close_group();
  io::Task<void> lead(std::shared_ptr<Group> group);

  PackContext& context_;
  Upstream& upstream_;
  io::Semaphore slots_{kPacksInFlight};
  std::shared_ptr<Group> collecting_;
};

}  // namespace cairn::storage
