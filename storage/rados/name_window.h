// NameWindow: chunks of a pool in ascending order of ids. A pool lists its objects in an order of
// its own, so a pass over all names gathers the smallest ids beyond a point, as many as memory is
// given for, and pages are served from those.
//
// A page may name chunks that were dropped since, and miss those put since. Thread rule: one
// reactor at a time; the store takes turns.
#pragma once

#include <optional>
#include <vector>

#include "io/stop.h"
#include "storage/rados/format.h"
#include "storage/rados/pool.h"

namespace cairn::storage {

class NameWindow {
 public:
  // 32 MiB of ids: a pool of ten million chunks (40 TB) is gone over ten times for a whole listing.
  static constexpr size_t kIdsMax = 1'000'000;

  // Up to `limit` ids > `after`, ascending; none at the end. A listing from the beginning always
  // looks at the pool again.
  io::Task<Result<std::vector<ChunkId>>> page(RadosPool& pool, std::optional<ChunkId> after,
                                              size_t limit);
  void set_ids_max(size_t count) { ids_max_ = count; }

 private:
  io::Task<Status> fill(RadosPool& pool, std::optional<ChunkId> after);
  bool covers(const std::optional<ChunkId>& after) const;

  size_t ids_max_ = kIdsMax;
  bool is_filled_ = false;
  std::optional<ChunkId> begin_;  // The ids are those > it,
  bool is_last_ = false;          // all of them, or as many as there was room for.
  std::vector<ChunkId> ids_;      // Ascending.
};

// How many chunks there are, by a pass over all names. kCancelled when `stop` was requested.
io::Task<Result<uint64_t>> count_chunks(RadosPool& pool, io::StopToken stop);

}  // namespace cairn::storage
