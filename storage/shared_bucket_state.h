// What the parts of SharedBucketStore share: shared_bucket_store.cc has the protocol of holds and
// reads, shared_bucket_upkeep.cc the background work, shared_bucket_sweep.cc the sweep.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "storage/chunk_object.h"
#include "storage/header_cache.h"
#include "storage/rados/hold_table.h"
#include "storage/shared_bucket_store.h"

namespace cairn::storage {

inline constexpr size_t kChunkPutsInFlight = 16;  // Of one reactor, of up to 8 MiB each.
inline constexpr size_t kHoldAttemptsMax = 64;    // Behind other users of the same id.
inline constexpr size_t kDropAttemptsMax = 8;
inline constexpr size_t kHoldsClearedPerCommit = 100;
inline constexpr size_t kPendingMax = 1'000'000;  // Of each kind; the leader and the next session
                                                  // find what is more.
inline constexpr size_t kDeletesInFlight = 16;
inline constexpr size_t kTrashPageRows = 100;
// How long what there is to do in the background waits for more of it.
inline constexpr Duration kUpkeepGather = milliseconds(20);
inline constexpr size_t kCountPageRows = 1000;
inline constexpr Duration kCountInterval = seconds(3600);
// The clock object of the sweep, behind the store's prefix.
inline constexpr const char* kClockName = "CLOCK";

struct SharedBucketStore::State {
  // What one reactor uses.
  struct Lane {
    explicit Lane(io::Reactor& on, std::unique_ptr<Upstream> with)
        : reactor(on), upstream(std::move(with)) {}
    io::Reactor& reactor;
    std::unique_ptr<Upstream> upstream;
    io::Semaphore puts{kChunkPutsInFlight};
  };
  // Work that waits for the next pass.
  struct Pending {
    std::deque<HoldRef> holds;      // To clear.
    std::deque<TrashEntry> trash;   // To delete; their rows go with them.
    std::deque<TrashEntry> unborn;  // To delete: never published, so they have no row.
    std::set<ChunkId> drops;        // To try once more: others held them.
  };

  explicit State(SharedBucketOptions with)
      : options(std::move(with)),
        directory(*options.directory),
        references(options.references),
        network(options.network != nullptr ? *options.network : io::system_network()),
        random(options.random != nullptr ? *options.random : system_random()) {}

  Result<Lane*> lane();
  io::Task<Status> open();
  io::Task<Status> close();

  // The protocol of holds.
  io::Task<Status> write(ChunkId id, SealedChunk chunk, uint64_t number);
  io::Task<Status> upload(Lane& lane, ChunkObjectBody& body);
  io::Task<Result<bool>> publish(ChunkId id, DirectoryRow row, uint64_t number);
  io::Task<Result<bool>> set(ChunkId id, uint64_t number);
  io::Task<Result<bool>> drop(ChunkId id, ReferenceSource& source);
  io::Task<Result<SealedRead>> read_part(ChunkId id, ByteRange range, Urgency urgency,
                                         bool use_cache);
  io::Task<Result<SealedRead>> read_generation(Lane& lane, ChunkId id, DirectoryRow row,
                                               ByteRange range, Urgency urgency, bool use_cache,
                                               bool may_be_gone);
  void tell_damage(const ChunkId& id, const Error& error);

  // Background work; clear_later() and the like on any thread.
  void clear_later(const ChunkId& id, uint64_t number);
  void delete_later(const ChunkId& id, const RandomId& generation, bool has_row);
  void drop_later(const ChunkId& id);
  void wake_up();
  io::Task<void> sleep();
  io::Task<void> keep_up();
  io::Task<Status> upkeep();
  io::Task<Status> clear_holds();
  io::Task<Status> delete_objects();
  io::Task<Status> retry_drops();
  io::Task<Status> keep_session();
  // Long work calls it between its parts, so that none of it lets the session fall silent.
  io::Task<Status> beat_if_due();
  io::Task<Status> collect_trash();
  io::Task<Status> regular_work();
  io::Task<Status> count();
  io::Task<Result<SweepReport>> sweep(SweepRules rules);
  io::Task<void> sweep_regularly();
  io::Task<Status> delete_all(std::vector<TrashEntry> some);

  const SharedBucketOptions options;
  ChunkDirectory& directory;
  std::atomic<ReferenceSource*> references;
  io::Network& network;
  Random& random;
  StoreCounters counters;
  UpstreamBreaker breaker;
  HoldTable holds;
  HeaderCache headers;
  std::atomic<int64_t> chunks_count{0};
  std::atomic<int64_t> payload_bytes{0};

  mutable std::mutex mutex;                    // Guards all to the next line; never across a wait.
  std::map<int, std::unique_ptr<Lane>> lanes;  // By index of the reactor.
  Pending pending;
  std::optional<io::Completion<bool>> waker;  // Of the background work, while it sleeps.

  // Of the reactor that opened the store.
  io::Reactor& reactor = io::Reactor::current();
  std::unique_ptr<Upstream> background_upstream;
  io::Scope background;
  Instant beaten_at;
  Instant tended_at;
  Instant counted_at;
  bool leads = false;
  std::set<RandomId> old_trash;  // Rows that the leader saw a beat ago.
  io::Mutex sweeping;            // One sweep at a time.
  std::set<RandomId> suspects;   // Orphans of the sweep before.
  bool closed = false;
};

}  // namespace cairn::storage
