// One cache under a trace: what a policy has to answer, and what a replay counts.
#pragma once

#include <cstdint>

#include "bench/cachesim/trace.h"

namespace cairn::cachesim {

enum class Answer : uint8_t { kMiss, kMemory, kDisk };

class Simulated {
 public:
  virtual ~Simulated() = default;
  // One request; cold misses and objects larger than the cache count like others.
  virtual Answer get(uint32_t object, uint64_t size_bytes) = 0;
  virtual uint64_t admitted_bytes() const { return 0; }    // Written to the disk as new.
  virtual uint64_t reinserted_bytes() const { return 0; }  // Written again.
};

struct Outcome {
  double requests = 0;
  double memory_hits = 0;
  double disk_hits = 0;
  double requested_bytes = 0;
  double missed_bytes = 0;
  double hot_requests = 0;  // Of objects that the caller calls hot.
  double hot_hits = 0;
  double admitted_bytes = 0;
  double reinserted_bytes = 0;

  double miss_ratio() const { return 1 - (memory_hits + disk_hits) / requests; }
  double byte_miss_ratio() const { return missed_bytes / requested_bytes; }
  double written() const { return (admitted_bytes + reinserted_bytes) / requested_bytes; }
};

// Objects with ids below `hot_below` are counted as hot as well.
Outcome replay(const Trace& trace, Simulated& cache, uint64_t hot_below = 0);

}  // namespace cairn::cachesim
