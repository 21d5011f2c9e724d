// A home for cache tiers: the store in memory, with reads that are counted, held back until a gate
// opens, or failed.
//
// Used on one reactor.
#pragma once

#include <memory>
#include <vector>

#include "io/reactor.h"
#include "io/sync.h"
#include "storage/memory_store.h"
#include "tests/support/chunk_samples.h"

namespace cairn::testing_support {

class CountingHome final : public storage::ChunkStore {
 public:
  CountingHome() { gate.set(); }

  io::Task<Status> put(storage::ChunkId id, storage::SealedChunk chunk,
                       storage::OwnerId owner) override {
    return inner.put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(storage::ChunkId id, storage::OwnerId owner) override {
    return inner.link(id, owner);
  }
  io::Task<void> release(storage::OwnerId owner, std::vector<storage::ChunkId> ids) override {
    return inner.release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(storage::ChunkId id, storage::OwnerId owner) override {
    return inner.unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(storage::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override {
    reads.push_back(range);
    const bool fails = failures_left > 0;
    if (fails) --failures_left;
    co_await gate.wait();
    if (fails) co_return fail(Code::kIo, "the home does not answer");
    co_return co_await inner.read(id, range, options);
  }
  io::Task<Status> verify(storage::ChunkId id) override { return inner.verify(id); }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<storage::ChunkId> after,
                                                         size_t limit) override {
    return inner.list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return inner.usage(); }
  io::Task<Status> close() override { return inner.close(); }

  storage::MemoryStore inner;
  std::vector<ByteRange> reads;  // As they were asked, failed ones too.
  uint64_t failures_left = 0;
  io::Event gate;  // Set: reads pass.
};

}  // namespace cairn::testing_support
