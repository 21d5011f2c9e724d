// Counters of a disk tier.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn::cache {

// A reading of the counters, all since the tier was opened, and gauges.
struct DiskTierMetrics {
  // Reads, by pieces of at most one block; a piece has one source.
  uint64_t hits_count = 0;        // On the device.
  uint64_t hit_bytes = 0;         // As asked for.
  uint64_t queue_hits_count = 0;  // In the queue of what waits to be written.
  uint64_t queue_hit_bytes = 0;
  uint64_t shared_count = 0;  // By somebody else's fetch.
  uint64_t shared_bytes = 0;
  uint64_t misses_count = 0;   // Fetched from the home.
  uint64_t miss_bytes = 0;     // As asked for...
  uint64_t fetched_bytes = 0;  // ...and as fetched: the quotient is the read amplification.
  uint64_t fetches_count = 0;  // Reads of the home: one may be for several pieces.
  uint64_t device_read_bytes = 0;
  uint64_t bypassed_count = 0;  // Reads that went past the tier.

  // Admissions by reason, and what was turned away.
  uint64_t admitted_frequent = 0;
  uint64_t admitted_ghost = 0;  // Ghost hits.
  uint64_t admitted_chance = 0;
  uint64_t admitted_pinned = 0;
  uint64_t refused_count = 0;   // By the policy.
  uint64_t refused_budget = 0;  // By the write budget.
  uint64_t refused_queue = 0;   // The queue of writes was full.
  uint64_t refused_share = 0;   // The tenant has its share of a full disk.
  uint64_t pins_refused = 0;    // Kept without a pin: pins had no room.

  // Writes, and what left.
  uint64_t written_entries = 0;
  uint64_t written_bytes = 0;  // To the device, all included.
  uint64_t payload_bytes = 0;  // Of runs that were admitted.
  uint64_t reinserted_entries = 0;
  uint64_t reinserted_bytes = 0;
  uint64_t evictions_count = 0;
  uint64_t evicted_bytes = 0;
  uint64_t expired_count = 0;     // Their time had come.
  uint64_t over_share_count = 0;  // Their tenant had more than its share.
  uint64_t erased_count = 0;      // Because their chunk was dropped.
  uint64_t regions_sealed = 0;

  // Faults.
  uint64_t read_errors = 0;
  uint64_t write_errors = 0;
  uint64_t rotten_entries = 0;    // Torn, stale or damaged ones, found when they were read.
  uint64_t mixed_sealings = 0;    // Reads that met runs of two sealings of a chunk.
  uint64_t distrusted_count = 0;  // Reads whose reader had found the bytes wrong before.

  // Gauges.
  uint64_t entries_count = 0;
  uint64_t live_bytes = 0;
  uint64_t pinned_bytes = 0;
  uint64_t capacity_bytes = 0;
  uint64_t index_bytes = 0;  // Of memory.
  uint64_t queued_bytes = 0;
  uint64_t restored_regions = 0;  // At start.
  bool bypassed = false;
};

// The counters themselves. Thread rule: any thread; relaxed, since nothing is decided by them.
struct DiskTierCounters {
  using Counter = std::atomic<uint64_t>;
  Counter hits_count{0};
  Counter hit_bytes{0};
  Counter queue_hits_count{0};
  Counter queue_hit_bytes{0};
  Counter shared_count{0};
  Counter shared_bytes{0};
  Counter misses_count{0};
  Counter miss_bytes{0};
  Counter fetched_bytes{0};
  Counter fetches_count{0};
  Counter device_read_bytes{0};
  Counter bypassed_count{0};
  Counter admitted_frequent{0};
  Counter admitted_ghost{0};
  Counter admitted_chance{0};
  Counter admitted_pinned{0};
  Counter refused_count{0};
  Counter refused_budget{0};
  Counter refused_queue{0};
  Counter refused_share{0};
  Counter pins_refused{0};
  Counter written_entries{0};
  Counter written_bytes{0};
  Counter payload_bytes{0};
  Counter reinserted_entries{0};
  Counter reinserted_bytes{0};
  Counter evictions_count{0};
  Counter evicted_bytes{0};
  Counter expired_count{0};
  Counter over_share_count{0};
  Counter erased_count{0};
  Counter regions_sealed{0};
  Counter read_errors{0};
  Counter write_errors{0};
  Counter rotten_entries{0};
  Counter mixed_sealings{0};
  Counter distrusted_count{0};

  static void add(Counter& counter, uint64_t amount = 1) {
    counter.fetch_add(amount, std::memory_order_relaxed);
  }
  // The gauges are left as they are.
  void read_into(DiskTierMetrics& metrics) const;
};

}  // namespace cairn::cache
