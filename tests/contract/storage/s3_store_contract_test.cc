// The ChunkStore contract on an S3 upstream: a Cairn server, and another maker's (moto) where a
// Python with it is to be had.
#include "storage/s3_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/upstream_server.h"

namespace cairn::storage {
namespace {

using testing_support::UpstreamServer;

// One server for all tests of the program, one prefix for each store.
struct Shared {
  std::unique_ptr<UpstreamServer> server;
  bool has_bucket = false;
  uint64_t stores_count = 0;
};
Shared& shared(bool is_moto) {
  static std::array<Shared, 2> both;
  Shared& one = both[is_moto ? 1 : 0];
  if (one.server == nullptr) {
    one.server = is_moto ? UpstreamServer::start_moto() : UpstreamServer::start_cairn();
  }
  return one;
}

io::Task<std::unique_ptr<ChunkStore>> open_upstream(ReferenceSource& references, bool is_moto) {
  Shared& upstream = shared(is_moto);
  EXPECT_NE(upstream.server, nullptr);
  if (upstream.server == nullptr) co_return nullptr;
  if (!upstream.has_bucket) {
    const Status made = co_await upstream.server->make_bucket("contract");
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    upstream.has_bucket = true;
  }
  S3StoreOptions options;
  options.place = {"contract", "store" + std::to_string(upstream.stores_count++) + "/",
                   upstream.server->client_options()};
  options.create = true;
  options.references = &references;
  options.gather_delay = milliseconds(2);
  options.upkeep_interval = milliseconds(20);
  Result<std::unique_ptr<S3Store>> store = co_await S3Store::open(std::move(options));
  EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
  if (!store) co_return nullptr;
  co_return std::move(*store);
}

StoreFactory upstream(std::string name, bool is_moto) {
  return {std::move(name), "",
          [is_moto](ReferenceSource& references) { return open_upstream(references, is_moto); }};
}

std::vector<StoreFactory> factories() {
  std::vector<StoreFactory> all = {upstream("Cairn", false)};
  if (std::getenv("CAIRN_MOTO_PYTHON") != nullptr) all.push_back(upstream("Moto", true));
  return all;
}

INSTANTIATE_TEST_SUITE_P(Upstreams, ChunkStoreSuite, testing::ValuesIn(factories()),
                         name_of_factory);

}  // namespace
}  // namespace cairn::storage
