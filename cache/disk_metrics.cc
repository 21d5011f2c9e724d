#include "cache/disk_metrics.h"

namespace cairn::cache {

void DiskTierCounters::read_into(DiskTierMetrics& metrics) const {
  const auto value = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  metrics.hits_count = value(hits_count);
  metrics.hit_bytes = value(hit_bytes);
  metrics.queue_hits_count = value(queue_hits_count);
  metrics.queue_hit_bytes = value(queue_hit_bytes);
  metrics.shared_count = value(shared_count);
  metrics.shared_bytes = value(shared_bytes);
  metrics.misses_count = value(misses_count);
  metrics.miss_bytes = value(miss_bytes);
  metrics.fetched_bytes = value(fetched_bytes);
  metrics.fetches_count = value(fetches_count);
  metrics.device_read_bytes = value(device_read_bytes);
  metrics.bypassed_count = value(bypassed_count);
  metrics.admitted_frequent = value(admitted_frequent);
  metrics.admitted_ghost = value(admitted_ghost);
  metrics.admitted_chance = value(admitted_chance);
  metrics.admitted_pinned = value(admitted_pinned);
  metrics.refused_count = value(refused_count);
  metrics.refused_budget = value(refused_budget);
  metrics.refused_queue = value(refused_queue);
  metrics.refused_share = value(refused_share);
  metrics.pins_refused = value(pins_refused);
  metrics.written_entries = value(written_entries);
  metrics.written_bytes = value(written_bytes);
  metrics.payload_bytes = value(payload_bytes);
  metrics.reinserted_entries = value(reinserted_entries);
  metrics.reinserted_bytes = value(reinserted_bytes);
  metrics.evictions_count = value(evictions_count);
  metrics.evicted_bytes = value(evicted_bytes);
  metrics.expired_count = value(expired_count);
  metrics.over_share_count = value(over_share_count);
  metrics.erased_count = value(erased_count);
  metrics.regions_sealed = value(regions_sealed);
  metrics.read_errors = value(read_errors);
  metrics.write_errors = value(write_errors);
  metrics.rotten_entries = value(rotten_entries);
  metrics.mixed_sealings = value(mixed_sealings);
  metrics.distrusted_count = value(distrusted_count);
}

}  // namespace cairn::cache
