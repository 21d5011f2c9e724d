// MemoryStore: a ChunkStore in memory, the reference model of the contract and a stand-in for tests
// of other folders. Nothing survives it.
//
// Thread rule: any reactor (one lock; it is no data path).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "storage/chunk_store.h"

namespace cairn::storage {

class MemoryStore final : public ChunkStore {
 public:
  // `references` outlives the store; null: nothing is referenced.
  explicit MemoryStore(ReferenceSource* references = nullptr, uint64_t capacity_bytes = UINT64_MAX);
  ~MemoryStore() override;

  void set_references(ReferenceSource* references);

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  io::Task<Result<StoreUsage>> usage() override;
  io::Task<Status> close() override;

 private:
  struct Entry {
    Bytes header;
    Bytes payload;
    std::set<OwnerId> holders;
    bool condemned = false;  // An unlink is asking for references.
  };

  mutable std::mutex mutex_;  // Guards what follows; never held across a wait.
  std::map<ChunkId, Entry> entries_;
  uint64_t live_bytes_ = 0;
  const uint64_t capacity_bytes_;
  ReferenceSource* references_;
};

}  // namespace cairn::storage
