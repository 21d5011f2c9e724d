#include "storage/metrics.h"

namespace cairn::storage {

StoreMetrics StoreCounters::read() const {
  const auto value = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {.puts_count = value(puts_count),
          .puts_deduplicated = value(puts_deduplicated),
          .puts_failed = value(puts_failed),
          .links_count = value(links_count),
          .reads_count = value(reads_count),
          .written_bytes = value(written_bytes),
          .read_bytes = value(read_bytes),
          .flush_groups = value(flush_groups),
          .dropped_chunks = value(dropped_chunks),
          .punched_bytes = value(punched_bytes),
          .log_files_created = value(log_files_created),
          .log_files_removed = value(log_files_removed),
          .log_files_condemned = value(log_files_condemned),
          .quarantined_files = value(quarantined_files),
          .checksum_failures = value(checksum_failures),
          .upstream_requests = value(upstream_requests),
          .upstream_failures = value(upstream_failures),
          .packs_lost = value(packs_lost),
          .upstream_reads_merged = value(upstream_reads_merged),
          .upstream_reads_refused = value(upstream_reads_refused),
          .hedges_sent = value(hedges_sent),
          .hedges_won = value(hedges_won),
          .hedges_refused = value(hedges_refused)};
}

void StoreMetrics::add(const StoreMetrics& other) {
  puts_count += other.puts_count;
  puts_deduplicated += other.puts_deduplicated;
  puts_failed += other.puts_failed;
  links_count += other.links_count;
  reads_count += other.reads_count;
  written_bytes += other.written_bytes;
  read_bytes += other.read_bytes;
  flush_groups += other.flush_groups;
  dropped_chunks += other.dropped_chunks;
  punched_bytes += other.punched_bytes;
  log_files_created += other.log_files_created;
  log_files_removed += other.log_files_removed;
  log_files_condemned += other.log_files_condemned;
  quarantined_files += other.quarantined_files;
  checksum_failures += other.checksum_failures;
  upstream_requests += other.upstream_requests;
  upstream_failures += other.upstream_failures;
  packs_lost += other.packs_lost;
  upstream_reads_merged += other.upstream_reads_merged;
  upstream_reads_refused += other.upstream_reads_refused;
  hedges_sent += other.hedges_sent;
  hedges_won += other.hedges_won;
  hedges_refused += other.hedges_refused;
  upstream_down = upstream_down || other.upstream_down;
}

}  // namespace cairn::storage
