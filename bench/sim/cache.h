// What one simulated node keeps: memory by the production policy, a disk by region FIFO's limit,
// plain FIFO. Contents are keys and sizes only.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "cache/ram_policy.h"
#include "cluster/placement.h"

namespace cairn::sim {

using cluster::ChunkKey;

class NodeCache {
 public:
  NodeCache(uint64_t memory_bytes, uint64_t disk_bytes);
  NodeCache(const NodeCache&) = delete;
  NodeCache& operator=(const NodeCache&) = delete;

  // A reference counts, as in the tier.
  bool in_memory(ChunkKey key, const cache::Hints& hints, double now);
  void keep_in_memory(ChunkKey key, uint64_t size_bytes, const cache::Hints& hints, double now);
  bool on_disk(ChunkKey key) const { return disk_.contains(key); }
  void keep_on_disk(ChunkKey key, uint64_t size_bytes);

 private:
  struct Entry : cache::RamNode {
    ChunkKey key = 0;
  };
  void drop(cache::PlaceList& departed);

  cache::RamPolicy policy_;
  std::unordered_map<ChunkKey, Entry> memory_;  // Nodes of the map do not move.
  const uint64_t disk_bytes_;
  uint64_t disk_used_bytes_ = 0;
  std::unordered_map<ChunkKey, uint64_t> disk_;
  std::deque<std::pair<ChunkKey, uint64_t>> disk_order_;
};

}  // namespace cairn::sim
