// What tests of RadosStore on a real cluster share: a reactor, stores of several nodes, and a
// catalog of edges that all of them ask.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "io/reactor.h"
#include "io/scope.h"
#include "storage/rados/rados_store.h"
#include "tests/support/ceph/ceph_cluster.h"
#include "tests/support/chunk_samples.h"

namespace cairn::storage {

// A linearizable catalog in memory: what was committed before a question is known to the answer.
class SharedEdges final : public ReferenceSource {
 public:
  io::Task<Result<bool>> is_referenced(ChunkId id) override {
    const std::lock_guard guard(mutex_);
    const auto at = edges_.find(id);
    co_return at != edges_.end() && !at->second.empty();
  }
  void commit(const ChunkId& id, const OwnerId& owner) {
    const std::lock_guard guard(mutex_);
    edges_[id].insert(owner);
  }
  void remove(const ChunkId& id, const OwnerId& owner) {
    const std::lock_guard guard(mutex_);
    edges_[id].erase(owner);
  }

 private:
  std::mutex mutex_;
  std::map<ChunkId, std::set<OwnerId>> edges_;
};

class RadosFixture : public testing::Test {
 protected:
  static constexpr size_t kChunkBytes = 100'000;

  void SetUp() override {
    ceph_ = testing_support::CephCluster::shared(cluster_arguments());
    if (ceph_ == nullptr) GTEST_SKIP() << "Ceph is not installed";
    io::ReactorOptions options;
    options.pool_bytes = 128 * MiB;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(options);
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
    static int spaces_count = 0;
    name_space_ = "store" + std::to_string(spaces_count++);
  }
  virtual std::string cluster_arguments() const { return ""; }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  RadosStoreOptions options(uint8_t node) {
    RadosStoreOptions options;
    options.place = ceph_->place(name_space_);
    options.store_id = {1, 2, 3};
    options.node_id = {node};
    options.create = true;
    options.references = &edges_;
    options.upkeep_interval = Duration{};
    return options;
  }
  std::unique_ptr<RadosStore> open(RadosStoreOptions with) {
    Result<std::unique_ptr<RadosStore>> store = wait(RadosStore::open(std::move(with)));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  Error open_error(RadosStoreOptions with) {
    Result<std::unique_ptr<RadosStore>> store = wait(RadosStore::open(std::move(with)));
    EXPECT_FALSE(store.has_value());
    if (store) EXPECT_TRUE(wait((*store)->close()).has_value());
    return store ? Error{} : store.error();
  }
  void close(std::unique_ptr<RadosStore> store) { EXPECT_TRUE(wait(store->close()).has_value()); }

  Status put(RadosStore& store, uint64_t number, uint64_t owner, size_t size = kChunkBytes) {
    return wait(store.put(testing_support::sample_id(number),
                          testing_support::sample_chunk(number, size),
                          testing_support::sample_owner(owner)));
  }
  Result<bool> link(RadosStore& store, uint64_t number, uint64_t owner) {
    return wait(
        store.link(testing_support::sample_id(number), testing_support::sample_owner(owner)));
  }
  void release(RadosStore& store, uint64_t number, uint64_t owner) {
    wait(store.release(testing_support::sample_owner(owner), {testing_support::sample_id(number)}));
  }
  Result<bool> unlink(RadosStore& store, uint64_t number, uint64_t owner) {
    return wait(
        store.unlink(testing_support::sample_id(number), testing_support::sample_owner(owner)));
  }
  void expect_stored(RadosStore& store, uint64_t number, size_t size = kChunkBytes) {
    const Result<SealedRead> got =
        wait(store.read(testing_support::sample_id(number), {0, UINT64_MAX}));
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->header, testing_support::sample_header(number));
    EXPECT_TRUE(
        std::ranges::equal(got->payload.view(), testing_support::sample_bytes(number, size)));
  }
  Code code_of_read(RadosStore& store, uint64_t number) {
    const Result<SealedRead> got = wait(store.read(testing_support::sample_id(number), {0, 10}));
    return got ? Code::kInternal : got.error().code;
  }

  testing_support::CephCluster* ceph_ = nullptr;
  std::string name_space_;
  SharedEdges edges_;
  std::unique_ptr<io::Reactor> reactor_;
};

}  // namespace cairn::storage
