// LateStore: a home that may not have been there when the server started. Until it is, everything
// fails with kUnavailable.
//
// Thread rule: any reactor; adopt() once, on the reactor that closes it.
#pragma once

#include <atomic>
#include <memory>

#include "storage/chunk_store.h"
#include "storage/whole_reader.h"

namespace cairn::storage {

class LateStore final : public ChunkStore, public WholeReader {
 public:
  explicit LateStore(std::unique_ptr<ChunkStore> store) { adopt(std::move(store)); }

  // Null: it is still away.
  void adopt(std::unique_ptr<ChunkStore> store) {
    owned_ = std::move(store);
    store_.store(owned_.get());
  }
  ChunkStore* store() const { return store_.load(); }

  using ChunkStore::read;
  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<SealedChunk>> read_whole(ChunkId id) override;
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  io::Task<Result<StoreUsage>> usage() override;
  io::Task<Status> close() override;

 private:
  std::unique_ptr<ChunkStore> owned_;
  std::atomic<ChunkStore*> store_{nullptr};
};

}  // namespace cairn::storage
