// The ChunkStore contract on the store in memory and on volumes, one and two, with both io
// backends.
#include "storage/memory_store.h"
#include "storage/volume_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/temporary_directory.h"

namespace cairn::storage {
namespace {

using testing_support::TemporaryDirectory;

// A store together with the directories it lives in.
class OwnedVolumeStore final : public ChunkStore {
 public:
  static io::Task<std::unique_ptr<ChunkStore>> open(ReferenceSource& references, size_t volumes) {
    auto owned = std::make_unique<OwnedVolumeStore>();
    VolumeStoreOptions options;
    options.references = &references;
    options.log_file_bytes = 32 * MiB;
    options.reserve_bytes = 0;
    for (size_t i = 0; i < volumes; ++i) {
      options.directories.push_back(owned->directory_.sub(std::to_string(i)));
    }
    Result<std::unique_ptr<VolumeStore>> store = co_await VolumeStore::open(std::move(options));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    if (!store) co_return nullptr;
    owned->inner_ = std::move(*store);
    co_return owned;
  }

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override {
    return inner_->put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override {
    return inner_->link(id, owner);
  }
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override {
    return inner_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override {
    return inner_->unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override {
    return inner_->read(id, range, options);
  }
  io::Task<Status> verify(ChunkId id) override { return inner_->verify(id); }
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override {
    return inner_->list(after, limit);
  }
  io::Task<Result<StoreUsage>> usage() override { return inner_->usage(); }
  io::Task<Status> close() override { return inner_->close(); }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<VolumeStore> inner_;
};

io::Task<std::unique_ptr<ChunkStore>> open_memory(ReferenceSource& references) {
  co_return std::make_unique<MemoryStore>(&references);
}

StoreFactory volumes(std::string name, std::string backend, size_t count) {
  return {std::move(name), std::move(backend), [count](ReferenceSource& references) {
            return OwnedVolumeStore::open(references, count);
          }};
}

INSTANTIATE_TEST_SUITE_P(Stores, ChunkStoreSuite,
                         testing::Values(StoreFactory{"Memory", "", open_memory},
                                         volumes("OneVolumeUring", "io_uring", 1),
                                         volumes("OneVolumeEpoll", "epoll", 1),
                                         volumes("TwoVolumes", "", 2)),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
