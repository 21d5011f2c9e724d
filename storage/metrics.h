// Counters of a chunk store.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn::storage {

// A reading of the counters, all since the store was opened.
struct StoreMetrics {
  uint64_t puts_count = 0;         // Completed with a new record.
  uint64_t puts_deduplicated = 0;  // Completed by a copy that was there or was being written.
  uint64_t puts_failed = 0;
  uint64_t links_count = 0;  // Answered true.
  uint64_t reads_count = 0;
  uint64_t written_bytes = 0;  // Records, padding included.
  uint64_t read_bytes = 0;     // From disk.
  uint64_t flush_groups = 0;   // fdatasync calls for records.
  uint64_t dropped_chunks = 0;
  uint64_t punched_bytes = 0;
  uint64_t log_files_created = 0;
  uint64_t log_files_removed = 0;
  uint64_t log_files_condemned = 0;  // After a failed write or flush.
  uint64_t quarantined_files = 0;
  uint64_t checksum_failures = 0;  // Records that did not verify, met by any operation.
  // Of a store in a bucket.
  uint64_t upstream_requests = 0;
  uint64_t upstream_failures = 0;       // For which the upstream is to blame.
  uint64_t packs_lost = 0;              // Reads that found a pack gone or replaced.
  uint64_t upstream_reads_merged = 0;   // Ranges that went with a neighbour's request.
  uint64_t upstream_reads_refused = 0;  // Too many were waiting.
  uint64_t hedges_sent = 0;             // Second requests for heads that were late...
  uint64_t hedges_won = 0;              // ...whose answer was used.
  uint64_t hedges_refused = 0;          // Their share of all requests was spent.
  bool upstream_down = false;           // The breaker is open.

  // Adds what another store counted.
  void add(const StoreMetrics& other);
};

// The counters themselves. Thread rule: any thread; relaxed, since nothing is decided by them.
struct StoreCounters {
  std::atomic<uint64_t> puts_count{0};
  std::atomic<uint64_t> puts_deduplicated{0};
  std::atomic<uint64_t> puts_failed{0};
  std::atomic<uint64_t> links_count{0};
  std::atomic<uint64_t> reads_count{0};
  std::atomic<uint64_t> written_bytes{0};
  std::atomic<uint64_t> read_bytes{0};
  std::atomic<uint64_t> flush_groups{0};
  std::atomic<uint64_t> dropped_chunks{0};
  std::atomic<uint64_t> punched_bytes{0};
  std::atomic<uint64_t> log_files_created{0};
  std::atomic<uint64_t> log_files_removed{0};
  std::atomic<uint64_t> log_files_condemned{0};
  std::atomic<uint64_t> quarantined_files{0};
  std::atomic<uint64_t> checksum_failures{0};
  std::atomic<uint64_t> upstream_requests{0};
  std::atomic<uint64_t> upstream_failures{0};
  std::atomic<uint64_t> packs_lost{0};
  std::atomic<uint64_t> upstream_reads_merged{0};
  std::atomic<uint64_t> upstream_reads_refused{0};
  std::atomic<uint64_t> hedges_sent{0};
  std::atomic<uint64_t> hedges_won{0};
  std::atomic<uint64_t> hedges_refused{0};

  static void add(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
    counter.fetch_add(amount, std::memory_order_relaxed);
  }
  StoreMetrics read() const;
};

}  // namespace cairn::storage
