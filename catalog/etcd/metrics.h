// What the catalog on etcd counts, beside CatalogMetrics. Written and read on any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn::catalog {

struct EtcdMetrics {
  std::atomic<uint64_t> strong_reads_count{0};  // Reads and scans that needed the present state.
  std::atomic<uint64_t> questions_count{0};     // For the present revision; one serves many reads.
  std::atomic<uint64_t> detours_count{0};       // Of them: asked through gRPC's library.
  std::atomic<uint64_t> failovers_count{0};     // Turns from one member to the next.
  std::atomic<uint64_t> resolved_count{0};      // Commits whose outcome had to be asked for.
  std::atomic<uint64_t> unknown_count{0};       // Commits that ended without a known outcome.
  std::atomic<uint64_t> bootstraps_count{0};    // Mirrors read anew from the start.
  std::atomic<uint64_t> watches_count{0};       // Watch streams opened.
  std::atomic<uint64_t> pulses_count{0};        // Writes made to learn how far the watch is.
  std::atomic<uint64_t> applied_revision{0};    // Gauge: of the mirror.
  // Gauge: a moment of system_clock(); the mirror has all that was committed before it.
  std::atomic<int64_t> confirmed_at_ns{0};
  std::atomic<uint64_t> mirror_bytes{0};  // Gauge: keys and values of the last bootstrap.
};

}  // namespace cairn::catalog
