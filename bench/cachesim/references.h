// The policies that others' simulators are compared by: LRU, SIEVE, S3-FIFO, GDSF, with the
// semantics of CACHE_DEDUP.md section 2 (those of libCacheSim at aa0fc409). Yardsticks only.
#pragma once

#include <memory>
#include <string_view>

#include "bench/cachesim/replay.h"

namespace cairn::cachesim {

// Null for a name other than lru, sieve, s3fifo, gdsf.
std::unique_ptr<Simulated> make_reference(std::string_view name, uint64_t capacity_bytes,
                                          size_t objects_count);

}  // namespace cairn::cachesim
