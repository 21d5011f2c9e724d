// ReplicatedStore: the chunks of one placement in several homes.
//
// Every home is a sound store by itself: it keeps what is held there, asks who needs a chunk before
// it drops one, and knows durably what it has. Replication only adds copies, and which copies are
// owed is never written down, because it follows from what the homes have: after a crash, or when a
// home comes back, a survey (home_survey.h) compares their indexes.
//
// - put: `all` is durable in every wanted home, or it fails (kUnavailable) and leaves nothing;
//   `one` is durable in the first of the homes, in order, that can take it, and the rest is owed.
//   With a staging home it is durable there, or as above when that is full or fails.
// - read: staging first, then the primary or a home that is much faster; a home that fails, lacks
//   the chunk or has it damaged is passed over, and what it lacks is noted as owed. Where a remote
//   home is slow another one is asked beside it.
// - link: holds every copy; true when the copies that a put would have made are there.
// - unlink: from home to home in one order; the first that keeps the chunk ends it.
// - verify: every copy; a damaged one is replaced from a good one.
// Thread rule: any reactor. REQUIRES: the route, the homes and the turns outlive it.
#pragma once

#include <span>

#include "storage/copy_turns.h"
#include "storage/placement_route.h"
#include "storage/reader_lanes.h"
#include "storage/shared_payload.h"

namespace cairn::storage {

// What the placements of a server share; all of it outlives the stores.
struct HomesContext {
  std::vector<NamedHome*> homes;  // All, in the order of configuration.
  CopyTurns turns;
  ReaderLanes lanes;
  std::atomic<bool> survey_due{true};  // What is owed must be found by looking.
};

class ReplicatedStore final : public ChunkStore {
 public:
  ReplicatedStore(PlacementRoute& route, HomesContext& context)
      : route_(route), context_(context) {}

  using ChunkStore::read;
  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  // Of all homes, each chunk once; homes that are away are left out.
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  // Live bytes and chunks count once, as the home says that has the most of a placement; space
  // counts every copy.
  io::Task<Result<StoreUsage>> usage() override;
  // Nothing of its own: the homes are closed by their owner.
  io::Task<Status> close() override;

  PlacementRoute& route() const { return route_; }
  // Notes that `home` shall get a copy.
  void owe(NamedHome& home, const OwedCopy& copy);

 private:
  io::Task<Status> put_all(ChunkId id, const SharedPayload& chunk, OwnerId owner);
  io::Task<Status> put_one(ChunkId id, const SharedPayload& chunk, OwnerId owner);
  io::Task<Result<bool>> unlink_everywhere(ChunkId id, OwnerId owner);
  void owe_to_all_but(const NamedHome& home, const OwedCopy& copy);

  PlacementRoute& route_;
  HomesContext& context_;
};

// A failure that says which home it came from.
Error in_home(const NamedHome& home, const Error& error);

// Merges what homes list, each chunk once, ascending.
io::Task<Result<std::vector<ChunkStat>>> list_homes(std::span<NamedHome* const> homes,
                                                    std::optional<ChunkId> after, size_t limit);
io::Task<Result<StoreUsage>> usage_of_homes(std::span<NamedHome* const> homes);

}  // namespace cairn::storage
