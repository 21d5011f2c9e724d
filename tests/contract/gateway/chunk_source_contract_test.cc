// The ChunkStore contract with the source of chunks elsewhere before a store: what is at home is
// stored, read and dropped as without it.
#include "gateway/chunk_source.h"
#include "storage/memory_store.h"
#include "tests/contract/chunk_store_suite.h"

namespace cairn::storage {
namespace {

// The home and what stands before it, as one store.
class WithSource final : public ChunkStore {
 public:
  explicit WithSource(ReferenceSource& references) : home_(&references) {}

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override {
    return source_.put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override {
    return source_.link(id, owner);
  }
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override {
    return source_.release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override {
    return source_.unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override {
    return source_.read(id, range, options);
  }
  io::Task<Status> verify(ChunkId id) override { return source_.verify(id); }
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override {
    return source_.list(after, limit);
  }
  io::Task<Result<StoreUsage>> usage() override { return source_.usage(); }
  io::Task<Status> close() override {
    const Status closed = co_await source_.close();
    const Status home_closed = co_await home_.close();
    co_return closed ? home_closed : closed;
  }

 private:
  MemoryStore home_;
  gateway::RemoteObjects objects_;
  gateway::ChunkSource source_{home_, objects_, system_random()};
};

io::Task<std::unique_ptr<ChunkStore>> open_with_source(ReferenceSource& references) {
  co_return std::make_unique<WithSource>(references);
}

INSTANTIATE_TEST_SUITE_P(Gateway, ChunkStoreSuite,
                         testing::Values(StoreFactory{"BeforeMemory", "", open_with_source}),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
