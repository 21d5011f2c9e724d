// Runs the catalog suite on every implementation.
#include "catalog/memory_catalog.h"
#include "catalog/rocksdb_catalog.h"
#include "tests/contract/catalog_suite.h"

namespace cairn::catalog {
namespace {

io::Task<Result<std::unique_ptr<Catalog>>> open_memory(std::string) {
  co_return make_memory_catalog();
}

RocksdbOptions small_options() {
  return {.block_cache_bytes = 8 * MiB, .write_buffer_bytes = 4 * MiB, .ballast_bytes = 1 * MiB};
}

io::Task<Result<std::unique_ptr<Catalog>>> open_rocksdb(std::string directory) {
  return open_rocksdb_catalog(std::move(directory), small_options());
}

io::Task<Result<std::unique_ptr<Catalog>>> open_rocksdb_prewritten_log(std::string directory) {
  RocksdbOptions options = small_options();
  options.prewritten_wal = true;
  return open_rocksdb_catalog(std::move(directory), std::move(options));
}

INSTANTIATE_TEST_SUITE_P(
    All, CatalogSuite,
    ::testing::Values(CatalogKind{"memory", open_memory}, CatalogKind{"rocksdb", open_rocksdb},
                      CatalogKind{"rocksdb_prewritten_log", open_rocksdb_prewritten_log}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cairn::catalog
