// The ChunkStore contract on a real Ceph cluster, in a replicated and in an erasure coded pool.
#include "storage/rados/rados_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/ceph/ceph_cluster.h"

namespace cairn::storage {
namespace {

using testing_support::CephCluster;

io::Task<std::unique_ptr<ChunkStore>> open_in(ReferenceSource& references, std::string pool) {
  static int stores_count = 0;
  CephCluster* const ceph = CephCluster::shared("--ec 2+1");
  if (ceph == nullptr) co_return nullptr;
  RadosStoreOptions options;
  options.place = ceph->place("contract" + std::to_string(stores_count++), std::move(pool));
  options.create = true;
  options.references = &references;
  options.upkeep_interval = milliseconds(50);
  Result<std::unique_ptr<RadosStore>> store = co_await RadosStore::open(std::move(options));
  EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
  if (!store) co_return nullptr;
  co_return std::move(*store);
}

StoreFactory in_pool(std::string name, std::string backend, std::string pool) {
  return {std::move(name), std::move(backend),
          [pool](ReferenceSource& references) { return open_in(references, pool); }};
}

INSTANTIATE_TEST_SUITE_P(Pools, ChunkStoreSuite,
                         testing::Values(in_pool("Replicated", "", "data"),
                                         in_pool("ReplicatedEpoll", "epoll", "data"),
                                         in_pool("ErasureCoded", "", "data-ec")),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
