// What the parts of RadosStore share: rados_store.cc has the protocol of holds, store_listing.cc
// what goes through all chunks.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "storage/rados/chunk_objects.h"
#include "storage/rados/hold_clearing.h"
#include "storage/rados/hold_table.h"
#include "storage/rados/name_window.h"
#include "storage/rados/pool_usage.h"
#include "storage/rados/rados_store.h"
#include "storage/rados/session.h"

namespace cairn::storage {

struct RadosStore::State {
  explicit State(RadosStoreOptions with)
      : options(std::move(with)),
        references(options.references),
        random(options.random != nullptr ? *options.random : system_random()) {}

  io::Task<Status> open();
  io::Task<void> count_all();
  io::Task<void> keep_up();
  io::Task<Status> upkeep();
  io::Task<Status> close();

  HoldName hold_of(uint64_t number) const { return {session->id(), number}; }
  void clear_later(const ChunkId& id, uint64_t number) { clearing->add(id, hold_of(number)); }
  io::Task<Status> write(ChunkId id, SealedChunk chunk, OwnerId owner, uint64_t number);
  io::Task<Result<bool>> set(ChunkId id, OwnerId owner, uint64_t number);
  io::Task<Result<bool>> is_held_elsewhere(std::vector<HoldName> holds);
  io::Task<Result<bool>> drop(ChunkId id, ReferenceSource& source);
  void count(int64_t chunks) { chunks_count.fetch_add(chunks, std::memory_order_relaxed); }
  io::Task<Status> examine(ChunkId id, ReferenceSource& source, RadosSweepReport& report,
                           std::vector<ChunkId>& orphans);
  // On the reactor that opened the store.
  io::Task<Result<std::vector<ChunkId>>> page(std::optional<ChunkId> after, size_t limit);
  io::Task<Result<PoolUsage>> ask_usage();

  const RadosStoreOptions options;
  std::atomic<ReferenceSource*> references;
  Random& random;
  StoreCounters counters;
  RandomId store_id{};
  HoldTable holds;
  std::unique_ptr<RadosPool> pool;
  std::unique_ptr<RadosSession> session;
  std::unique_ptr<HoldClearing> clearing;
  std::atomic<int64_t> chunks_count{0};

  // Of the reactor that opened the store.
  io::Reactor& reactor = io::Reactor::current();
  io::Mutex listing;
  NameWindow window;
  io::Mutex asking;
  PoolUsage usage;
  std::optional<Instant> usage_asked_at;
  io::Scope background;
  Instant beaten_at;
  bool closed = false;
};

}  // namespace cairn::storage
