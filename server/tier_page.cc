#include "server/tier_page.h"

#include "server/metrics_text.h"

namespace cairn::server {
namespace {

void append_ram(MetricsOut out, const cache::RamTierCounters& of) {
  metrics_single(out, "cairn_ram_tier_hits_total", "counter", "Blocks served from memory.",
                 of.hits);
  metrics_single(out, "cairn_ram_tier_hit_bytes_total", "counter", "Bytes of those blocks.",
                 of.hit_bytes);
  metrics_single(out, "cairn_ram_tier_misses_total", "counter", "Blocks read from below.",
                 of.misses);
  metrics_single(out, "cairn_ram_tier_shared_total", "counter",
                 "Blocks that another request was already reading.", of.shared);
  metrics_single(out, "cairn_ram_tier_not_kept_total", "counter",
                 "Blocks for which there was no memory.", of.not_kept);
  metrics_single(out, "cairn_ram_tier_evictions_total", "counter", "Blocks that had to go.",
                 of.evictions);
  metrics_single(out, "cairn_ram_tier_blocks", "gauge", "Blocks in memory.", of.blocks_count);
  metrics_single(out, "cairn_ram_tier_used_bytes", "gauge", "Memory taken by them.", of.used_bytes);
  metrics_single(out, "cairn_ram_tier_capacity_bytes", "gauge", "Memory they may take.",
                 of.capacity_bytes);
  metrics_single(out, "cairn_ram_tier_locked", "gauge",
                 "0 when the system refused to keep the memory from being swapped out.",
                 of.is_locked ? 1 : 0);
}

}  // namespace

void append_tier_metrics(std::string& page, const TiersReading& reading) {
  if (reading.ram) append_ram(MetricsOut(page), *reading.ram);
}

}  // namespace cairn::server
