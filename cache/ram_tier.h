// RamTier: verified plaintext of hot blocks, and one read of the store for all who want a block at
// the same time.
//
// A reader asks begin(): the block is there; or somebody reads it and the outcome can be awaited;
// or the caller reads it, and must publish() or abandon() it. Blocks leave by the policy
// (ram_policy.h) and when their chunk is dropped. What a slow client still sends stays in memory
// until it is sent, within the tier's capacity: then new blocks find no room and are not kept.
//
// Not kept: bodies under SSE-C and SSE-KMS (their plaintext lives for one request), which the
// caller does not ask for here. Thread rule: any reactor; shards under short locks.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cache/block.h"
#include "cache/hints.h"
#include "cache/limits.h"
#include "cache/ram_block.h"
#include "cache/ram_node.h"
#include "io/sync.h"

namespace cairn::cache {

struct RamTierOptions {
  uint64_t capacity_bytes = 0;             // Rounded up to 16 MiB in every shard.
  Duration reference_gap = kReferenceGap;  // References closer together count as one.
};

struct RamTierCounters {
  uint64_t hits = 0;
  uint64_t hit_bytes = 0;
  uint64_t misses = 0;  // Reads of the store.
  uint64_t missed_bytes = 0;
  uint64_t shared = 0;  // Waited for somebody else's read.
  uint64_t shared_bytes = 0;
  uint64_t not_kept = 0;  // Read, but there was no room.
  uint64_t evictions = 0;
  std::array<uint64_t, kDeparturesCount> departures{};  // The same by why they went.
  uint64_t ahead_bytes = 0;                             // Read before they were asked for,
  uint64_t ahead_used_bytes = 0;                        // and then asked for,
  uint64_t ahead_wasted_bytes = 0;                      // or gone before.
  uint64_t pinned_bytes = 0;
  uint64_t pins_refused = 0;  // Kept without a pin: pins had no room.
  uint64_t used_bytes = 0;    // By blocks that can be found.
  uint64_t blocks_count = 0;
  uint64_t capacity_bytes = 0;
  bool is_locked = true;  // No block may be swapped out.
};

class RamTier {
 public:
  using Outcome = io::Completion<Result<RamBlockPointer>>;
  struct Turn {
    RamBlockPointer block;           // A hit.
    std::optional<Outcome> outcome;  // Else await this when set; else read the block.
    uint64_t flight = 0;             // Not 0: others may wait, publish() or abandon() is due.
  };

  explicit RamTier(RamTierOptions options);
  ~RamTier();
  RamTier(const RamTier&) = delete;
  RamTier& operator=(const RamTier&) = delete;

  // `size_bytes`: of the plaintext that is needed from the first frame on; a longer block does.
  Turn begin(const BlockKey& key, size_t size_bytes, const Hints& hints, Instant now);
  // A hit or null, counted as a hit only.
  RamBlockPointer find(const BlockKey& key, size_t size_bytes, const Hints& hints, Instant now);

  // Memory for a block that the caller reads; from the heap, and not kept afterwards, when the tier
  // has no room.
  RamBlockPointer allocate(const BlockKey& key, size_t size_bytes);
  // The block is whole and verified: those who wait for as much get it, and it is kept if it is of
  // the tier, and pinned if what it replaces was. Also for a block that nobody waits for.
  void publish(const BlockKey& key, const RamBlockPointer& block, const Hints& hints, Instant now);
  // The read that others may wait for failed: they get `error`. `flight`: of its Turn.
  void abandon(const BlockKey& key, uint64_t flight, const Error& error);

  // The chunk was dropped, or shall be forgotten. The number of blocks.
  size_t erase_chunk(const ChunkId& chunk);
  // Its blocks are like others again. How many of them were pinned.
  size_t unpin_chunk(const ChunkId& chunk);
  // How much of the range is here, and pinned.
  CachedBytes cached_bytes(const ChunkId& chunk, ByteRange range) const;

  // What a tenant's blocks may take when others want room; slots are the owner's to hand out.
  void set_share(uint16_t tenant, uint64_t share_bytes);

  RamTierCounters counters() const;
  uint64_t capacity_bytes() const { return capacity_bytes_; }
  // What new blocks pass through: streams stay there only so long.
  uint64_t window_bytes() const;

 private:
  class Shard;
  Shard& shard_of(const ChunkId& chunk) const;

  const uint64_t capacity_bytes_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace cairn::cache
