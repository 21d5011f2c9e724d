// Keeper: sealed blocks of chunks that this node owns, in memory, and one read of the source for
// all who want a block at the same time.
//
// Other nodes ask for sealed bytes, so what the plaintext tier has is of no use to them. A block is
// a run of frames (cache/run.h); per block one run, the last that was read, or one that is pinned
// until a longer one has all of it. Runs leave by the
// policy of the memory tier. The bytes are as the home gave them: nobody here can open them.
//
// Thread rule: any reactor; one short lock. The counters outlive it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "cache/block_memory.h"
#include "cache/ram_policy.h"
#include "cache/run.h"
#include "cache/single_flight.h"
#include "peer/metrics.h"
#include "storage/chunk_store.h"

namespace cairn::peer {

using storage::ChunkId;

class Keeper {
 public:
  // Where a block comes from. Those who wait for a read of the home never wait for another node;
  // so two nodes cannot wait for each other.
  enum class Way : uint8_t { kHome, kOwner };
  using Fetch = std::function<io::Task<Result<storage::SealedRead>>(ChunkId, ByteRange,
                                                                    storage::ReadOptions)>;

  Keeper(uint64_t capacity_bytes, Counters& counters);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // A run, and the CRC-64/NVME of its header and all of its bytes.
  struct Kept {
    cache::SealedRunPointer run;
    uint64_t checksum = 0;
  };
  // The run that has everything the chunk has of `range`, when it is here; null otherwise.
  Kept find(const ChunkId& id, ByteRange range, const storage::ReadOptions& options, Instant now);
  // As ChunkStore::read(): from memory, or by `fetch`. REQUIRES: the range is not empty and begins
  // before kPayloadBytesMax.
  io::Task<Result<storage::SealedRead>> read(ChunkId id, ByteRange range,
                                             storage::ReadOptions options, Way way, Fetch fetch);
  // The chunk was dropped, or did not verify. True when something of it was here.
  bool forget(const ChunkId& id);
  // How much of the chunk's payload is here, and pinned.
  cache::CachedBytes held(const ChunkId& id) const;

  KeptReading reading() const;

 private:
  struct Entry;
  struct FlightKey {
    ChunkId chunk;
    cache::FrameRange frames;
    friend bool operator==(const FlightKey&, const FlightKey&) = default;
  };
  struct FlightKeyHash {
    size_t operator()(const FlightKey& key) const {
      return cache::fingerprint_of({key.chunk, key.frames.first}) + key.frames.end;
    }
  };
  using Flights = cache::SingleFlight<FlightKey, cache::SealedRun, FlightKeyHash>;
  using Departed = std::vector<cache::SealedRunPointer>;
  // One piece of a read, and what a caller asked for it with.
  struct Request {
    ChunkId id;
    storage::ReadOptions options;
    Way way;
    const Fetch& fetch;
  };

  io::Task<Result<cache::SealedRunPointer>> obtain(Request request, cache::FrameRange frames);
  io::Task<Result<cache::SealedRunPointer>> lead(Request request, Flights::Lead lead);
  io::Task<void> obtain_into(Request request, cache::FrameRange frames,
                             Result<cache::SealedRunPointer>* into);
  cache::SealedRunPointer keep(const FlightKey& key, const storage::SealedRead& fetched,
                               const storage::ReadOptions& options, uint64_t forgets_seen);
  Buffer allocate(size_t size_bytes);
  Kept find_frames(const ChunkId& id, const cache::FrameRange& frames,
                   const storage::ReadOptions& options, Instant now);
  void drop_locked(cache::PlaceList& nodes, Departed& departed);
  uint64_t forgets_count() const;

  const std::shared_ptr<cache::BlockMemory> memory_;
  Counters& counters_;
  std::array<Flights, 2> flights_;
  mutable std::mutex mutex_;
  cache::RamPolicy policy_;
  std::unordered_map<cache::BlockKey, std::unique_ptr<Entry>, cache::BlockKeyHash> entries_;
  uint64_t forgets_count_ = 0;  // A run that was fetched before one of them is not kept.
};

}  // namespace cairn::peer
