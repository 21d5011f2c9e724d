#include "bench/cachesim/replay.h"

namespace cairn::cachesim {

Outcome replay(const Trace& trace, Simulated& cache, uint64_t hot_below) {
  Outcome outcome;
  outcome.requests = static_cast<double>(trace.requests.size());
  outcome.requested_bytes = static_cast<double>(trace.requested_bytes);
  for (const uint32_t object : trace.requests) {
    const uint64_t size_bytes = trace.size_bytes[object];
    const Answer answer = cache.get(object, size_bytes);
    const bool hot = trace.ids[object] < hot_below;
    if (hot) outcome.hot_requests += 1;
    if (answer == Answer::kMiss) {
      outcome.missed_bytes += static_cast<double>(size_bytes);
      continue;
    }
    if (hot) outcome.hot_hits += 1;
    (answer == Answer::kMemory ? outcome.memory_hits : outcome.disk_hits) += 1;
  }
  outcome.admitted_bytes = static_cast<double>(cache.admitted_bytes());
  outcome.reinserted_bytes = static_cast<double>(cache.reinserted_bytes());
  return outcome;
}

}  // namespace cairn::cachesim
