#include "server/node_inventory.h"

#include <algorithm>

namespace cairn::server {

peer::Holding NodeInventory::holding(const storage::ChunkId& id) const {
  const ByteRange all{0, peer::kPayloadBytesMax};
  const cache::CachedBytes kept = tier_.keeper().held(id);
  peer::Holding holding{.kept_bytes = kept.cached, .pinned_bytes = kept.pinned};
  if (ram_ != nullptr) {
    const cache::CachedBytes ram = ram_->cached_bytes(id, all);
    holding.ram_bytes = ram.cached;
    holding.pinned_bytes = std::max(holding.pinned_bytes, ram.pinned);
  }
  for (const cache::DiskTier* const disk : disks_.all()) {
    const cache::CachedBytes here = disk->cached_bytes(id, all);
    holding.disk_bytes = std::max(holding.disk_bytes, here.cached);
    holding.pinned_bytes = std::max(holding.pinned_bytes, here.pinned);
  }
  return holding;
}

bool NodeInventory::forget(const storage::ChunkId& id) {
  const bool on_disk = std::ranges::any_of(disks_.all(), [&id](const cache::DiskTier* disk) {
    return disk->cached_bytes(id, {0, peer::kPayloadBytesMax}).cached > 0;
  });
  for (cache::DiskTier* const disk : disks_.all()) disk->evict_chunk(id);
  const bool in_memory = ram_ != nullptr && ram_->erase_chunk(id) > 0;
  const bool kept = tier_.keeper().forget(id);
  return on_disk || in_memory || kept;
}

peer::NodeStats NodeInventory::stats() const {
  const peer::Counters& of = tier_.counters();
  const peer::KeptReading kept = tier_.keeper().reading();
  peer::NodeStats stats{.asked = of.asked.load(),
                        .answered = of.answered.load(),
                        .home_reads = of.home_reads.load() + of.kept_misses.load(),
                        .hedged = of.hedged.load(),
                        .served = of.served.load(),
                        .served_bytes = of.served_bytes.load(),
                        .kept_bytes = kept.used_bytes,
                        .kept_capacity_bytes = kept.capacity_bytes,
                        .kept_pinned_bytes = kept.pinned_bytes};
  if (ram_ != nullptr) {
    const cache::RamTierCounters ram = ram_->counters();
    stats.hits = ram.hits;
    stats.misses = ram.misses;
    stats.ram_bytes = ram.used_bytes;
    stats.ram_capacity_bytes = ram.capacity_bytes;
  }
  for (const cache::DiskTier* const disk : disks_.all()) {
    const cache::DiskTierMetrics metrics = disk->metrics();
    stats.disk_bytes += metrics.live_bytes;
    stats.disk_capacity_bytes += metrics.capacity_bytes;
    stats.disk_hit_bytes += metrics.hit_bytes;
    stats.disk_miss_bytes += metrics.miss_bytes;
  }
  return stats;
}

}  // namespace cairn::server
