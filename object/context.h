// What every part of the object layer works with: the stores below, the keys, and per-core state.
//
// Thread rule: any reactor; core() is the calling reactor's own.
// Invariant: members are declared in the order in which they may be used by those below.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "object/generations.h"
#include "object/hash_batcher.h"
#include "object/hot_cache.h"
#include "object/key_locks.h"
#include "object/limits.h"
#include "object/read_epochs.h"
#include "object/records.h"
#include "object/segment_index.h"
#include "object/usage.h"
#include "storage/chunk_store.h"
#include "storage/placement.h"

namespace cairn::cache {
class RamTier;
}

namespace cairn::object {

// A verified object as the hot cache keeps it; immutable.
struct OpenObject {
  Head head;
  catalog::Version version = 0;  // Of the object row.
  TenantId tenant;
  bool has_body = false;      // The two below are loaded.
  Bytes inline_bytes;         // Plaintext of a small body,
  std::string inline_sealed;  // or, under an SSE key, what every reader opens with it.
  Manifest manifest;
  uint64_t memory_bytes() const;
};

// State of one reactor.
struct Core {
  Core(io::Reactor& on, Generations& generations, const ReadEpochs& epochs)
      : reactor(on),
        hashing(on),
        readers(epochs),
        objects(generations, kHotCacheBytesMax),
        buckets(generations, kHotCacheBytesMax / 16) {}
  io::Reactor& reactor;
  HashBatcher hashing;
  ReadEpochs::Core readers;
  HotCache<OpenObject> objects;
  HotCache<BucketInfo> buckets;
  io::Semaphore fills_reading{kNativeFillsReadingMax};  // See ChunkFill::open().
  io::Scope fetches;                       // Reads of the store that outlive their reader.
  std::atomic<size_t> fetches_running{0};  // Of `fetches`, for any thread.
};

class KnownBodies;
class ReadAhead;
class SyncTail;

class Context {
 public:
  Context(catalog::Catalog& catalog_below, storage::ChunkStore& store_below,
          crypto::KeyRing& key_ring, Random& randomness)
      : catalog(catalog_below), store(store_below), keys(key_ring), random(randomness) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  catalog::Catalog& catalog;
  storage::ChunkStore& store;
  crypto::KeyRing& keys;
  Random& random;
  KeyLocks locks;
  Generations generations;
  ReadEpochs epochs;
  UsageTable usage;
  SegmentIndex segments{*this};
  storage::Placements placements;         // Does not change once the context is in use.
  cache::RamTier* ram_tier = nullptr;     // Null: plaintext is not kept.
  std::shared_ptr<ReadAhead> read_ahead;  // Null: every reader is on its own.
  KnownBodies* known_bodies = nullptr;    // Of the Objects whose context this is.
  SyncTail* sync_tail = nullptr;          // Likewise; null: no change goes to another site.

  // Of the calling reactor; made at the first call there.
  Core& core();
  std::vector<const ReadEpochs::Core*> reader_cores();
  // Waits for the reads that still run; the reactors of those run as well.
  io::Task<void> join_fetches();

  // The tenant's newest keys; kNotFound when it has none.
  Result<std::shared_ptr<const crypto::TenantKeys>> keys_of(TenantId tenant) const;
  OwnerId new_owner();
  // The store had no room for a chunk: bodies that need one are refused before they are sent until
  // kFullFor has passed, when the next one finds out whether there is room again.
  void note_full();
  Status check_room(std::optional<uint64_t> size_bytes) const;
  WallTime now() { return io::Reactor::current().clock().wall_now(); }

 private:
  std::atomic<int64_t> full_until_ns_{0};
  std::array<std::atomic<Core*>, kCoresMax> cores_{};
  std::mutex cores_mutex_;  // Taken when a core appears and by the collector.
  std::vector<std::unique_ptr<Core>> owned_cores_;
};

}  // namespace cairn::object
