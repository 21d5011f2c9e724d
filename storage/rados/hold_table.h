// HoldTable: which owners of this node hold which chunks, and under which number the node's own
// hold stands at the chunk in the pool.
//
// The owners of a node share one hold: the first puts it there, the last takes it away. While the
// first is doing so the others wait for what becomes of it. A hold that is taken away leaves the
// table at once, so a later owner begins a new one under a new number, and neither harms the other.
// Thread rule: any thread; shards under locks that are never held across a wait.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "io/sync.h"
#include "storage/chunk_store.h"
#include "storage/limits.h"

namespace cairn::storage {

// What an owner who wants a hold has to do.
struct HoldTurn {
  enum class Kind : uint8_t {
    kHeld,  // It holds the chunk now.
    kSet,   // Put `number` to the chunk in the pool, then call settle().
    kWait,  // Await `outcome`, then ask again.
  };
  Kind kind = Kind::kHeld;
  uint64_t number = 0;
  std::optional<io::Completion<bool>> outcome;
};

class HoldTable {
 public:
  HoldTurn begin(const ChunkId& id, const OwnerId& owner);
  // Ends a kSet: the hold stands in the pool, or it does not (or nobody knows). A number that comes
  // back is wanted by nobody any more: take it away.
  std::optional<uint64_t> settle(const ChunkId& id, bool stands);
  // Ends an owner's hold; a number comes back when it was the last.
  std::optional<uint64_t> release(const ChunkId& id, const OwnerId& owner);
  // Keeps owners waiting while the chunk is being dropped. kSet: call settle(id, false) once that
  // is over. kHeld: somebody holds it or is about to. kWait: somebody else is dropping it.
  HoldTurn condemn(const ChunkId& id);
  // Whether somebody holds the chunk or is about to.
  bool is_held(const ChunkId& id);
  void clear();

 private:
  struct Entry {
    uint64_t number = 0;
    bool stands = false;
    bool is_condemned = false;
    std::vector<OwnerId> owners;  // Each once.
    std::vector<io::Completion<bool>> waiters;
  };
  struct Shard {
    std::mutex mutex;
    std::map<ChunkId, Entry> entries;
  };
  Shard& shard_of(const ChunkId& id) { return shards_[id.bytes[0] % kIndexShards]; }

  std::array<Shard, kIndexShards> shards_;
  std::atomic<uint64_t> next_number_{1};
};

}  // namespace cairn::storage
