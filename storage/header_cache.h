// Sealed headers of chunks that were read lately, so that a range in the middle of a chunk is one
// request. By generation: a chunk that was dropped and written anew has another header.
// Thread rule: any thread; shards under locks held for one look-up.
#pragma once

#include <array>
#include <mutex>
#include <optional>

#include "base/bytes.h"
#include "storage/limits.h"
#include "storage/log_format.h"

namespace cairn::storage {

class HeaderCache {
 public:
  std::optional<Bytes> find(const RandomId& generation) {
    Shard& shard = shard_of(generation);
    const std::lock_guard guard(shard.mutex);
    for (const Slot& slot : shard.slots) {
      if (!slot.header.empty() && slot.generation == generation) return slot.header;
    }
    return std::nullopt;
  }
  void keep(const RandomId& generation, const Bytes& header) {
    Shard& shard = shard_of(generation);
    const std::lock_guard guard(shard.mutex);
    shard.slots[shard.next] = {generation, header};
    shard.next = (shard.next + 1) % shard.slots.size();
  }

 private:
  struct Slot {
    RandomId generation{};
    Bytes header;
  };
  struct Shard {
    std::mutex mutex;
    std::array<Slot, kHeaderCacheSlotsPerShard> slots;
    size_t next = 0;
  };
  Shard& shard_of(const RandomId& generation) { return shards_[generation[0] % kIndexShards]; }

  std::array<Shard, kIndexShards> shards_;
};

}  // namespace cairn::storage
