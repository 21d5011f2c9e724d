// PlacedStore: all homes of a data directory as one ChunkStore. The last byte of a chunk's id names
// its placement (placement.h), each placement is a ReplicatedStore over some of the homes, and a
// keeper makes in the background what is owed.
//
// Chunks of a placement that is not configured belong to the default one.
// Thread rule: open() and close() on one reactor, which does the background work; the rest on any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/home_keeper.h"

namespace cairn::storage {

struct HomeParts {
  std::string name;
  std::unique_ptr<ChunkStore> store;  // Null: it was not there; `open_later` finds it.
  bool is_remote = false;
  // Tries again. kUnavailable: not yet; any other error is logged and tried again as well.
  std::function<io::Task<Result<std::unique_ptr<ChunkStore>>>()> open_later = {};
  // Hands the home what it asks before it drops a chunk: called with the opened store.
  std::function<void(ChunkStore&, ReferenceSource*)> set_references;
};

struct RouteParts {
  Placement placement;
  std::vector<std::string> homes;  // The primary first.
  Acknowledge acknowledge = Acknowledge::kOne;
  std::string staging;  // Empty = none.
  PlacementRoute::Choice choice = {};
};

struct PlacedStoreOptions {
  std::vector<HomeParts> homes;
  std::vector<RouteParts> routes;  // One of them is the default placement's.
  KeeperOptions keeper;
};

class PlacedStore final : public ChunkStore {
 public:
  // kInvalidArgument: a home or the default placement is missing; kUnavailable: a placement has no
  // home that is there. The homes' stores are closed then.
  static io::Task<Result<std::unique_ptr<PlacedStore>>> open(PlacedStoreOptions options);
  ~PlacedStore() override;
  PlacedStore(const PlacedStore&) = delete;
  PlacedStore& operator=(const PlacedStore&) = delete;

  // What the homes ask before they drop a chunk; outlives the store. Until it is set nothing is
  // dropped and no background work is done: it begins here, on the reactor of open().
  void set_references(ReferenceSource* references);

  using ChunkStore::read;
  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  io::Task<Result<StoreUsage>> usage() override;
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  const std::vector<NamedHome*>& homes() const;
  std::vector<PlacementRoute*> routes() const;
  PlacementRoute* find_route(std::string_view name) const;  // Null when there is none.
  NamedHome* find_home(std::string_view name) const;
  ReplicatedStore& store_of(const ChunkId& id);
  HomeKeeper& keeper();
  // Has the keeper look for what is owed.
  void survey_soon();
  bool is_survey_due() const;
  // The store of a home that is open.
  ChunkStore* store_of_home(const NamedHome& home) const;

 private:
  struct State;
  explicit PlacedStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::storage
