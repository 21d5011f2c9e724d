// ChunkIndex: what is stored, where, and who holds it. In memory, rebuilt at open.
//
// States of an entry: writing (one put is appending it), live, condemned (one unlink asks whether
// it is referenced). Puts of an entry that is writing or condemned wait for the outcome. Thread
// rule: any thread; sharded by the first bits of the id, each shard under a lock that is held for a
// few map operations and never across a wait. (Owning cores instead of locks would cost a hop and a
// wake-up per chunk read: docs/decisions.)
//
// `Place` says where a chunk is and keeps count of its container, a log file or a pack:
// stored_bytes(), add_live() (a chunk more lives there), acquire() (a use more, which the caller
// ends), same_place() and container().
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "io/sync.h"
#include "storage/chunk_store.h"
#include "storage/limits.h"
#include "storage/log_file.h"

namespace cairn::storage {

// What a put has to do.
struct PutTurn {
  using Outcome = io::Completion<Status>;
  enum class Kind : uint8_t {
    kWrite,    // Append; then call publish() or abandon().
    kPresent,  // It is there, and held now.
    kWait,     // Await `outcome`, then ask again; an error is the error of the other writer.
  };
  Kind kind = Kind::kWrite;
  std::optional<Outcome> outcome;
};

template <typename Place>
class BasicChunkIndex {
 public:
  using Outcome = PutTurn::Outcome;
  PutTurn begin_put(const ChunkId& id, const OwnerId& owner);
  // The writing entry becomes live at `location`.
  void publish(const ChunkId& id, Place location);
  // The writing entry vanishes; those who wait get `error`.
  void abandon(const ChunkId& id, const Error& error);

  // Holds a live entry; false when there is none.
  bool hold(const ChunkId& id, const OwnerId& owner);
  void release(const ChunkId& id, const OwnerId& owner);

  // Live and no longer held after `owner`'s hold ended: becomes condemned and true. Otherwise
  // false.
  bool condemn(const ChunkId& id, const OwnerId& owner);
  // Ends a condemned entry: erased (its location is returned, with a use of the log file) or live.
  Place erase(const ChunkId& id);
  void pardon(const ChunkId& id);

  // A stored chunk; acquires a use of its log file, which the caller releases.
  std::optional<Place> find(const ChunkId& id);
  bool is_at(const ChunkId& id, const Place& location);

  // For recovery. False when the id is there already.
  bool insert_recovered(const ChunkId& id, Place location);
  // Puts `location` in the place of what is there and returns that.
  Place exchange(const ChunkId& id, Place location);
  // The same where the chunk is still at `from`; false when it is not.
  bool relocate(const ChunkId& id, const Place& from, Place location);

  std::vector<ChunkStat> list(const std::optional<ChunkId>& after, size_t limit);
  // The live entries of a container, by offset.
  std::vector<FooterEntry> entries_of(const void* container);
  // Adds those live entries of one shard that are in a container of `into`, whose keys are the
  // containers. Shard by shard a whole index is looked through without stopping a reactor for long.
  using EntriesByContainer = std::map<const void*, std::vector<FooterEntry>>;
  void add_entries_of_shard(size_t shard, EntriesByContainer& into);
  uint64_t live_bytes() const;
  uint64_t chunks_count() const;
  std::vector<PlacementUsage> usage_by_placement() const;

  // Sealed headers of recently read chunks.
  std::optional<Bytes> cached_header(const ChunkId& id);
  // Ignored unless the chunk is still where the header was read.
  void cache_header(const ChunkId& id, const Place& location, const Bytes& header);

  // Forgets everything (the store closes).
  void clear();

 private:
  enum class State : uint8_t { kWriting, kLive, kCondemned };
  struct Entry {
    State state = State::kWriting;
    Place location;
    std::vector<OwnerId> holders;  // Each owner once.
    std::vector<Outcome> waiters;
  };
  struct CachedHeader {
    ChunkId id;
    Bytes header;
  };
  struct Shard {
    std::mutex mutex;
    std::map<ChunkId, Entry> entries;
    std::array<CachedHeader, kHeaderCacheSlotsPerShard> headers;
    size_t next_header_slot = 0;
  };

  Shard& shard_of(const ChunkId& id) { return shards_[id.bytes[0] >> 2]; }
  static void add_holder(Entry& entry, const OwnerId& owner);

  std::array<Shard, kIndexShards> shards_;
  static_assert(kIndexShards == 64, "shard_of takes six bits, so that shards are ranges of ids");
  struct Usage {
    std::atomic<uint64_t> live_bytes{0};
    std::atomic<uint64_t> chunks_count{0};
  };
  Usage& usage_of(const ChunkId& id) { return usage_[id.bytes.back()]; }
  std::array<Usage, 256> usage_;  // By placement.
};

// The index of volumes.
class ChunkIndex final : public BasicChunkIndex<Location> {};

}  // namespace cairn::storage
