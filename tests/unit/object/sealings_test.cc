// A cache may have parts of a chunk in an older sealing than its home: each read of the store is of
// one sealing, and a body is read right whatever sealing its parts come in.
#include <algorithm>

#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

// A store with reads of its own in front of another one.
class Decorated : public storage::ChunkStore {
 public:
  explicit Decorated(std::unique_ptr<storage::ChunkStore> inner) : inner_(std::move(inner)) {}

  using ChunkStore::read;
  io::Task<Status> put(storage::ChunkId id, storage::SealedChunk chunk,
                       storage::OwnerId owner) override {
    return inner_->put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(storage::ChunkId id, storage::OwnerId owner) override {
    return inner_->link(id, owner);
  }
  io::Task<void> release(storage::OwnerId owner, std::vector<storage::ChunkId> ids) override {
    return inner_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(storage::ChunkId id, storage::OwnerId owner) override {
    return inner_->unlink(id, owner);
  }
  io::Task<Status> verify(storage::ChunkId id) override { return inner_->verify(id); }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<storage::ChunkId> after,
                                                         size_t limit) override {
    return inner_->list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return inner_->usage(); }
  io::Task<Status> close() override { return inner_->close(); }

  uint64_t reads_count = 0;

 protected:
  std::unique_ptr<storage::ChunkStore> inner_;
};

// Answers every other read of a chunk with an older sealing of it.
class TwoSealings final : public Decorated {
 public:
  TwoSealings(std::unique_ptr<storage::ChunkStore> inner, storage::ChunkId id,
              storage::SealedRead older)
      : Decorated(std::move(inner)), id_(id), older_(std::move(older)) {}

  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(storage::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override {
    if (id != id_ || ++reads_count % 2 == 0) co_return co_await inner_->read(id, range, options);
    const uint64_t size = std::min(range.size_bytes, older_.payload.size() - range.offset_bytes);
    co_return storage::SealedRead{older_.header,
                                  Buffer::copy_of(older_.payload.view(range.offset_bytes, size)),
                                  older_.payload_bytes};
  }

 private:
  const storage::ChunkId id_;
  const storage::SealedRead older_;
};

// A cache, or another node, that has wrong bytes of every chunk, and goes on having them.
class Lying final : public Decorated {
 public:
  using ChunkStore::read;
  using Decorated::Decorated;
  io::Task<Result<storage::SealedRead>> read(storage::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override {
    Result<storage::SealedRead> got = co_await inner_->read(id, range, options);
    if (!got || options.distrust > 0 || got->payload.empty()) co_return got;
    ++reads_count;
    got->payload.data()[got->payload.size() / 2] ^= 1;
    co_return got;
  }
};

TEST(Sealings, ABodyIsReadInPartsOfTwo) {
  Harness harness;
  const Bytes body = random_bytes(3, 6 * MiB);
  ASSERT_TRUE(harness.put("k", body));
  const auto listed = harness.run(harness.store->list(std::nullopt, 10)).value();
  ASSERT_FALSE(listed.empty());
  const storage::ChunkStat largest =
      *std::ranges::max_element(listed, {}, &storage::ChunkStat::payload_bytes);
  ASSERT_GT(largest.payload_bytes, 1 * MiB) << "a body that is read in several parts";
  auto older = harness.run(harness.store->read(largest.id, {0, UINT64_MAX})).value();
  ASSERT_TRUE(harness.remove("k"));
  harness.collect();
  ASSERT_EQ(harness.stored_chunks(), 0U);
  ASSERT_TRUE(harness.put("k", body));
  const auto newer = harness.run(harness.store->read(largest.id, {0, 0})).value();
  ASSERT_NE(older.header, newer.header) << "another salt";
  auto both = std::make_unique<TwoSealings>(std::move(harness.store), largest.id, std::move(older));
  TwoSealings* const store = both.get();
  harness.store = std::move(both);
  harness.reopen();
  const Result<Bytes> got = harness.get("k");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, body);
  EXPECT_GE(store->reads_count, 2U);
}

TEST(Sealings, WhatDoesNotOpenIsReadPastTheCaches) {
  Harness harness;
  const Bytes body = random_bytes(4, 6 * MiB);
  ASSERT_TRUE(harness.put("k", body));
  auto lying = std::make_unique<Lying>(std::move(harness.store));
  Lying* const store = lying.get();
  harness.store = std::move(lying);
  harness.reopen();
  const Result<Bytes> got = harness.get("k");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, body);
  EXPECT_GE(store->reads_count, 2U);
}

}  // namespace
}  // namespace cairn::object
