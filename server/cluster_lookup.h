// `cluster-lookup`: how much of some objects' chunks each node of the cluster has, in which tier.
// Thread rule: the main reactor.
#pragma once

#include <set>
#include <string>

#include "io/task.h"
#include "object/objects.h"
#include "server/cluster.h"

namespace cairn::server {

// A terabyte of chunks of 4 MiB; each is remembered, so that it counts once: some 20 MB.
inline constexpr size_t kLookupChunksMax = 1 << 18;

// The chunks that a look-up has met.
class ChunksMet {
 public:
  explicit ChunksMet(size_t chunks_max = kLookupChunksMax) : chunks_max_(chunks_max) {}
  // True for one that is new. kInvalidArgument beyond the limit; the message says what to do.
  Result<bool> add(const storage::ChunkId& id);
  size_t size() const { return chunks_.size(); }

 private:
  const size_t chunks_max_;
  std::set<storage::ChunkId> chunks_;
};

// JSON: {"objects":N,"chunks":N,"bytes":N,"nodes":{NAME:{"chunks":N,"kept":BYTES,"ram":BYTES,
// "disk":BYTES,"pinned":BYTES} or {"error":TEXT}}}; "chunks" of a node are those of which it has
// something. kFailedPrecondition without peers, kNotFound when no object is meant, kInvalidArgument
// when they have more chunks than kLookupChunksMax.
io::Task<Result<std::string>> look_up(Cluster& cluster, object::Objects& objects,
                                      std::string bucket, std::string prefix);

}  // namespace cairn::server
