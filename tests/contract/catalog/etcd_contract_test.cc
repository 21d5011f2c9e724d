// Runs the catalog suite on a real etcd of one member and of three. Each test has a prefix of its
// own, so that it begins with nothing.
#include <atomic>

#include "catalog/etcd/etcd_catalog.h"
#include "tests/contract/catalog_suite.h"
#include "tests/support/etcd_cluster.h"

namespace cairn::catalog {
namespace {

testing_support::EtcdCluster& cluster(int members) {
  static testing_support::EtcdCluster one({.members = 1});
  static testing_support::EtcdCluster three({.members = 3});
  testing_support::EtcdCluster& chosen = members == 1 ? one : three;
  EXPECT_TRUE(chosen.wait_until_ready());
  return chosen;
}

io::Task<Result<std::unique_ptr<Catalog>>> open_on(int members, std::string directory) {
  static std::atomic<int> number{0};
  EtcdOptions options;
  options.endpoints = cluster(members).endpoints();
  options.prefix = "contract" + std::to_string(++number);
  options.directory = std::move(directory);
  options.block_cache_bytes = 8 * MiB;
  // A machine that is busy with other tests keeps its etcd waiting.
  options.timeout = seconds(10);
  co_return co_await open_etcd_catalog(std::move(options));
}

INSTANTIATE_TEST_SUITE_P(
    Etcd, CatalogSuite,
    ::testing::Values(
        CatalogKind{"one_member", [](std::string directory) { return open_on(1, directory); }},
        CatalogKind{"three_members", [](std::string directory) { return open_on(3, directory); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cairn::catalog
