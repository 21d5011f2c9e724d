#include "bench/sim/cache.h"

namespace cairn::sim {
namespace {

Instant instant(double now) {
  return Instant{static_cast<int64_t>(now * 1e9)};
}

}  // namespace

NodeCache::NodeCache(uint64_t memory_bytes, uint64_t disk_bytes)
    : policy_(
          {.capacity_bytes = memory_bytes, .window_share = cache::window_share_of(memory_bytes)}),
      disk_bytes_(disk_bytes) {}

bool NodeCache::in_memory(ChunkKey key, const cache::Hints& hints, double now) {
  const auto at = memory_.find(key);
  if (at == memory_.end()) return false;
  cache::PlaceList departed;
  const bool found = policy_.touch(at->second, instant(now), hints, departed);
  drop(departed);
  return found;
}

void NodeCache::keep_in_memory(ChunkKey key, uint64_t size_bytes, const cache::Hints& hints,
                               double now) {
  const auto [at, is_new] = memory_.try_emplace(key);
  if (!is_new) return;
  at->second.key = key;
  at->second.size_bytes = size_bytes;
  cache::PlaceList departed;
  policy_.insert(at->second, instant(now), hints, departed);
  drop(departed);
}

void NodeCache::drop(cache::PlaceList& departed) {
  while (cache::RamNode* node = departed.pop_front()) {
    memory_.erase(static_cast<Entry*>(node)->key);
  }
}

void NodeCache::keep_on_disk(ChunkKey key, uint64_t size_bytes) {
  if (size_bytes > disk_bytes_ || !disk_.try_emplace(key, size_bytes).second) return;
  disk_order_.emplace_back(key, size_bytes);
  disk_used_bytes_ += size_bytes;
  while (disk_used_bytes_ > disk_bytes_) {
    const auto [oldest, bytes] = disk_order_.front();
    disk_order_.pop_front();
    disk_.erase(oldest);
    disk_used_bytes_ -= bytes;
  }
}

}  // namespace cairn::sim
