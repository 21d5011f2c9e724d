// Property: one removed body that cannot be read keeps no other one from the collector, and is
// tried again later; chunks that could not be dropped once are dropped later. Method: a manifest so
// large that it is stored as chunks, and a store that fails to read or to drop some.
#include "object/collector.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr int kPiecesCount = 500;  // Of one object: about 200 bytes of its manifest each.

// A store that keeps one chunk from being read, and others from being dropped.
class DeafStore final : public storage::ChunkStore {
 public:
  explicit DeafStore(std::unique_ptr<ChunkStore> below) : below_(std::move(below)) {}
  std::optional<crypto::ChunkId> deaf;
  bool drops_nothing = false;
  std::vector<crypto::ChunkId> put_ids;

  io::Task<Status> put(crypto::ChunkId id, storage::SealedChunk chunk, OwnerId owner) override {
    put_ids.push_back(id);
    return below_->put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(crypto::ChunkId id, OwnerId owner) override {
    return below_->link(id, owner);
  }
  io::Task<void> release(OwnerId owner, std::vector<crypto::ChunkId> ids) override {
    return below_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(crypto::ChunkId id, OwnerId owner) override {
    if (drops_nothing) co_return fail(Code::kIo, "injected");
    co_return co_await below_->unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(crypto::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override {
    if (deaf == id) co_return fail(Code::kIo, "injected");
    co_return co_await below_->read(id, range, options);
  }
  io::Task<Status> verify(crypto::ChunkId id) override { return below_->verify(id); }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<crypto::ChunkId> after,
                                                         size_t limit) override {
    return below_->list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return below_->usage(); }
  io::Task<Status> close() override { return below_->close(); }

 private:
  std::unique_ptr<ChunkStore> below_;
};

io::Task<Status> append_pieces(Objects& objects, BucketInfo bucket, uint64_t offset_bytes) {
  for (int i = 0; i < kPiecesCount; ++i) {
    std::unique_ptr<ObjectWriter> writer =
        co_await io::or_return(objects.append(bucket, "pieces", offset_bytes, {}));
    const Bytes piece(1, static_cast<uint8_t>(i));
    co_await io::or_return(write_all(std::move(writer), piece, 1));
    ++offset_bytes;
  }
  co_return Status();
}

DeafStore* hook_store(Harness& harness) {
  auto wrapped = std::make_unique<DeafStore>(std::move(harness.store));
  DeafStore* const store = wrapped.get();
  harness.store = std::move(wrapped);
  harness.reopen();
  return store;
}

// An object in so many pieces that its manifest is stored as chunks, the last ones that were put.
void put_pieces(Harness& harness) {
  const Bytes begin = random_bytes(1, 20 * KiB);
  ASSERT_TRUE(harness.put("pieces", begin).has_value());
  const Status appended =
      harness.run(append_pieces(*harness.objects, harness.bucket, begin.size()));
  ASSERT_TRUE(appended.has_value()) << appended.error().message;
  harness.collect();
}

TEST(Collector, WhatCouldNotBeDroppedOnceIsDroppedLater) {
  Harness harness;
  DeafStore* const store = hook_store(harness);
  put_pieces(harness);
  ASSERT_TRUE(harness.remove("pieces").has_value());
  store->drops_nothing = true;
  bool failed = false;
  for (int pass = 0; pass < 4; ++pass) {
    failed |= !harness.run(harness.objects->collect_garbage()).has_value();
  }
  EXPECT_TRUE(failed);
  store->drops_nothing = false;
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST(Collector, OneBodyThatCannotBeReadKeepsNoOtherWaiting) {
  io::SimClock clock;
  Harness harness(Backends::kMemory, 1, {}, &clock);
  DeafStore* const store = hook_store(harness);
  put_pieces(harness);
  store->deaf = store->put_ids.back();
  ASSERT_FALSE(harness.get("pieces").has_value()) << "the manifest lies in its row";
  const uint64_t chunks_count = harness.stored_chunks();
  ASSERT_TRUE(harness.remove("pieces").has_value());
  clock.advance(seconds(1));
  ASSERT_TRUE(harness.put("other", random_bytes(2, 1 * MiB)).has_value());
  ASSERT_TRUE(harness.remove("other").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), chunks_count) << "only what does not read stays";

  store->deaf.reset();
  clock.advance(Collector::kTryAgainEvery);
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

}  // namespace
}  // namespace cairn::object
