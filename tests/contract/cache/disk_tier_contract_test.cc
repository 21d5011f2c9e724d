// The ChunkStore contract on a disk tier in front of the store in memory and of a volume, with both
// io backends; and with one that admits nothing, and one whose disk fails all the time.
#include "cache/disk_tier.h"
#include "storage/memory_store.h"
#include "storage/volume_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace cairn::storage {
namespace {

using testing_support::CallRecord;
using testing_support::Fault;
using testing_support::FaultyFileSystem;
using testing_support::FileCall;
using testing_support::TemporaryDirectory;

struct Stack {
  bool on_volume = false;
  double first_miss_chance = 1;
  bool device_fails = false;
};

// A tier together with its home and the directories they live in.
class OwnedTier final : public ChunkStore {
 public:
  static io::Task<std::unique_ptr<ChunkStore>> open(ReferenceSource& references, Stack stack) {
    auto owned = std::make_unique<OwnedTier>();
    if (stack.on_volume) {
      VolumeStoreOptions options;
      options.directories = {owned->directory_.sub("home")};
      options.references = &references;
      options.log_file_bytes = 32 * MiB;
      options.reserve_bytes = 0;
      Result<std::unique_ptr<VolumeStore>> store = co_await VolumeStore::open(std::move(options));
      EXPECT_TRUE(store.has_value());
      owned->home_ = std::move(*store);
    } else {
      owned->home_ = std::make_unique<MemoryStore>(&references);
    }
    cache::DiskTierOptions options;
    options.directory = owned->directory_.sub("cache");
    options.size_bytes = 64 * MiB;
    options.first_miss_chance = stack.first_miss_chance;
    options.home = owned->home_.get();
    options.files = &owned->files_;
    Result<std::unique_ptr<cache::DiskTier>> tier = co_await cache::DiskTier::open(options);
    EXPECT_TRUE(tier.has_value()) << (tier ? "" : tier.error().message);
    if (!tier) co_return nullptr;
    owned->tier_ = std::move(*tier);
    if (stack.device_fails) owned->files_.set_rule(fail_every_transfer);
    co_return owned;
  }

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override {
    return tier_->put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override { return tier_->link(id, owner); }
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override {
    return tier_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override {
    return tier_->unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override {
    return tier_->read(id, range, options);
  }
  io::Task<Status> verify(ChunkId id) override { return tier_->verify(id); }
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override {
    return tier_->list(after, limit);
  }
  io::Task<Result<StoreUsage>> usage() override { return tier_->usage(); }
  io::Task<Status> close() override {
    Status closed = co_await tier_->close();
    if (closed) closed = co_await home_->close();
    co_return closed;
  }

 private:
  static Fault fail_every_transfer(const CallRecord& call) {
    if (call.call != FileCall::kRead && call.call != FileCall::kWrite) return {};
    return {.error = Error{Code::kIo, "the device is gone"}};
  }

  TemporaryDirectory directory_;
  FaultyFileSystem files_{io::system_file_system()};
  std::unique_ptr<ChunkStore> home_;
  std::unique_ptr<cache::DiskTier> tier_;
};

StoreFactory tier(std::string name, std::string backend, Stack stack) {
  return {std::move(name), std::move(backend),
          [stack](ReferenceSource& references) { return OwnedTier::open(references, stack); }};
}

INSTANTIATE_TEST_SUITE_P(DiskTier, ChunkStoreSuite,
                         testing::Values(tier("OnMemory", "", {}),
                                         tier("OnVolumeUring", "io_uring", {.on_volume = true}),
                                         tier("OnVolumeEpoll", "epoll", {.on_volume = true}),
                                         tier("SecondMissesOnly", "", {.first_miss_chance = 0}),
                                         tier("OnDeadDevice", "", {.device_fails = true})),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
