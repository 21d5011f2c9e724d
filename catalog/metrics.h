// What a catalog counts about itself, for the metrics page.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn::catalog {

// Monotonic counters unless said otherwise. Written by the catalog, read by anyone on any thread;
// the values of one moment need not fit each other.
struct CatalogMetrics {
  std::atomic<uint64_t> gets_count{0};
  std::atomic<uint64_t> scans_count{0};
  std::atomic<uint64_t> scanned_entries_count{0};
  std::atomic<uint64_t> blocking_reads_count{0};  // Reads that missed the cache: ran in the pool.
  std::atomic<uint64_t> commits_count{0};         // Acknowledged.
  std::atomic<uint64_t> failed_preconditions_count{0};
  std::atomic<uint64_t> rejected_commits_count{0};  // Queue full, stalled, no space, failed.
  std::atomic<uint64_t> groups_count{0};            // Synced writes; commits / groups = group size.
  std::atomic<uint64_t> group_bytes_count{0};
  std::atomic<uint64_t> group_write_ns{0};  // Time spent in synced writes.
  std::atomic<uint64_t> queue_depth{0};     // Gauge: commits that wait for the committer.
  std::atomic<uint64_t> no_space{0};        // Gauge: 1 while puts are refused for lack of space.
  std::atomic<uint64_t> failed{0};          // Gauge: 1 once an I/O error stopped all commits.
};

}  // namespace cairn::catalog
