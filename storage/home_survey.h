// A survey compares what the homes list and notes what is owed: the ledger of copies is the homes'
// own durable indexes, and this is how it is read.
//
// A chunk that a home lacks is first offered for dropping, for it may be one that was dropped while
// another home was away. What nobody needs vanishes; what somebody needs is copied.
// Thread rule: one reactor.
#pragma once

#include <functional>

#include "io/stop.h"
#include "storage/replicated_store.h"

namespace cairn::storage {

struct SurveyReport {
  uint64_t chunks_count = 0;   // Seen, each once.
  uint64_t owed_count = 0;     // Copies noted.
  uint64_t leaving_count = 0;  // Chunks noted that leave a home.
  uint64_t dropped_count = 0;  // Chunks that nobody needed.
};

using StoreOfChunk = std::function<ReplicatedStore&(const ChunkId&)>;

// Looks at every chunk of every home that is there. Waits while the queues are half full, which
// others empty; kCancelled when `stop` was requested.
io::Task<Result<SurveyReport>> survey_homes(HomesContext& context, StoreOfChunk store_of,
                                            io::StopToken stop);

}  // namespace cairn::storage
