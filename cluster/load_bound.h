// Which owner of a chunk to ask: the first one that does not have more to do than its share
// (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018), so that
// one hot chunk, or one slow node, spills to the chunk's own next owners and not to everybody.
// Pure; the caller's own view of the loads is enough: all callers together keep the bound when each
// does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "cluster/placement.h"

namespace cairn::cluster {

inline constexpr double kLoadBound = 1.25;

// Position in `owners` (a chunk's order of preference) of the one to ask; the least loaded of them
// when all are above the bound. `loads_bytes`, by node: what is in flight there. `mean_bytes`: of
// all nodes, for equal weights. `size_bytes`: of what is asked for. REQUIRES: owners not empty.
inline size_t choose_owner(std::span<const NodeIndex> owners, std::span<const double> loads_bytes,
                           double mean_bytes, double size_bytes) {
  // One request always fits: a node without load is never above its bound.
  const double bound_bytes = std::max(kLoadBound * mean_bytes, size_bytes);
  size_t least = 0;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (loads_bytes[owners[i]] + size_bytes <= bound_bytes) return i;
    if (loads_bytes[owners[i]] < loads_bytes[owners[least]]) least = i;
  }
  return least;
}

}  // namespace cairn::cluster
