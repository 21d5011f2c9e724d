// The ChunkStore contract on a bucket that nodes share: a Cairn server as upstream, and another
// maker's (moto) where a Python with it is to be had; the directory in a catalog in memory, in
// RocksDB, and in a real etcd.
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/memory_catalog.h"
#include "catalog/rocksdb_catalog.h"
#include "object/shared_directory.h"
#include "storage/shared_bucket_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/upstream_server.h"

namespace cairn::storage {
namespace {

using testing_support::UpstreamServer;

// One server for all tests of the program, one prefix for each store.
struct Shared {
  std::unique_ptr<UpstreamServer> server;
  bool has_bucket = false;
};
Shared& shared(bool is_moto) {
  static std::array<Shared, 2> both;
  Shared& one = both[is_moto ? 1 : 0];
  if (one.server == nullptr) {
    one.server = is_moto ? UpstreamServer::start_moto() : UpstreamServer::start_cairn();
  }
  return one;
}

// The store with the catalog and the directory that it stands on.
class WholeStore final : public ChunkStore {
 public:
  io::Task<Status> open(SharedBucketOptions options, std::unique_ptr<catalog::Catalog> catalog) {
    catalog_ = std::move(catalog);
    directory_ = co_await io::or_return(
        object::SharedDirectory::open(*catalog_, options.store_id, RandomId{7}, system_random()));
    options.directory = directory_.get();
    store_ = co_await io::or_return(SharedBucketStore::open(std::move(options)));
    co_return Status{};
  }
  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override {
    return store_->put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override {
    return store_->link(id, owner);
  }
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override {
    return store_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override {
    return store_->unlink(id, owner);
  }
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override {
    return store_->read(id, range, options);
  }
  io::Task<Status> verify(ChunkId id) override { return store_->verify(id); }
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override {
    return store_->list(after, limit);
  }
  io::Task<Result<StoreUsage>> usage() override { return store_->usage(); }
  io::Task<Status> close() override {
    Status closed = co_await store_->close();
    const Status catalog_closed = co_await catalog_->close();
    EXPECT_TRUE(catalog_closed.has_value());
    co_return closed;
  }

 private:
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<object::SharedDirectory> directory_;
  std::unique_ptr<SharedBucketStore> store_;
};

enum class CatalogKind : uint8_t { kMemory, kRocksdb, kEtcd };

io::Task<Result<std::unique_ptr<catalog::Catalog>>> open_catalog(CatalogKind kind,
                                                                 std::string name) {
  static testing_support::TemporaryDirectory catalogs;
  if (kind == CatalogKind::kMemory) co_return catalog::make_memory_catalog();
  if (kind == CatalogKind::kRocksdb) {
    co_return co_await catalog::open_rocksdb_catalog(catalogs.sub(name), {});
  }
  static testing_support::EtcdCluster etcd({.members = 1});
  EXPECT_TRUE(etcd.wait_until_ready());
  catalog::EtcdOptions options;
  options.endpoints = etcd.endpoints();
  options.prefix = name;
  options.directory = catalogs.sub(name);
  options.block_cache_bytes = 8 * MiB;
  // A machine that is busy with other tests keeps its etcd waiting.
  options.timeout = seconds(10);
  co_return co_await catalog::open_etcd_catalog(std::move(options));
}

io::Task<std::unique_ptr<ChunkStore>> open_upstream(ReferenceSource& references, bool is_moto,
                                                    CatalogKind kind) {
  static uint64_t stores_count = 0;
  Shared& upstream = shared(is_moto);
  EXPECT_NE(upstream.server, nullptr);
  if (upstream.server == nullptr) co_return nullptr;
  if (!upstream.has_bucket) {
    const Status made = co_await upstream.server->make_bucket("contract");
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    upstream.has_bucket = true;
  }
  const std::string name = "store" + std::to_string(stores_count++);
  SharedBucketOptions options;
  options.place = {"contract", name + "/", upstream.server->client_options()};
  options.create = true;
  options.references = &references;
  options.upkeep_interval = milliseconds(20);
  auto catalog = co_await open_catalog(kind, name);
  EXPECT_TRUE(catalog.has_value()) << (catalog ? "" : catalog.error().message);
  if (!catalog) co_return nullptr;
  auto store = std::make_unique<WholeStore>();
  const Status opened = co_await store->open(std::move(options), std::move(*catalog));
  EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().message);
  if (!opened) co_return nullptr;
  co_return store;
}

StoreFactory upstream(std::string name, bool is_moto, CatalogKind kind) {
  return {std::move(name), "", [is_moto, kind](ReferenceSource& references) {
            return open_upstream(references, is_moto, kind);
          }};
}

std::vector<StoreFactory> factories() {
  std::vector<StoreFactory> all = {upstream("Cairn", false, CatalogKind::kMemory),
                                   upstream("CairnAndRocksdb", false, CatalogKind::kRocksdb),
                                   upstream("CairnAndEtcd", false, CatalogKind::kEtcd)};
  if (std::getenv("CAIRN_MOTO_PYTHON") != nullptr) {
    all.push_back(upstream("Moto", true, CatalogKind::kMemory));
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(SharedBuckets, ChunkStoreSuite, testing::ValuesIn(factories()),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
