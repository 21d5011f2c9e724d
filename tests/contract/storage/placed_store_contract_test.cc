// The ChunkStore contract on several homes: acknowledged by one and by all, with a staging home,
// and over the store in memory.
#include "storage/memory_store.h"
#include "storage/placed_store.h"
#include "storage/volume_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/temporary_directory.h"

namespace cairn::storage {
namespace {

using testing_support::TemporaryDirectory;

// What the stores of a program live in; they are removed when it ends.
std::string fresh_directory() {
  static TemporaryDirectory directory;
  static uint64_t count = 0;
  return directory.sub("home" + std::to_string(count++));
}

io::Task<HomeParts> volume_home(std::string name) {
  VolumeStoreOptions options;
  options.directories = {fresh_directory()};
  options.log_file_bytes = 32 * MiB;
  options.reserve_bytes = 0;
  Result<std::unique_ptr<VolumeStore>> store = co_await VolumeStore::open(std::move(options));
  EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
  HomeParts parts;
  parts.name = std::move(name);
  parts.set_references = [](ChunkStore& opened, ReferenceSource* references) {
    dynamic_cast<VolumeStore&>(opened).set_references(references);
  };
  if (store) parts.store = std::move(*store);
  co_return parts;
}

HomeParts memory_home(std::string name) {
  HomeParts parts;
  parts.name = std::move(name);
  parts.store = std::make_unique<MemoryStore>();
  parts.set_references = [](ChunkStore& opened, ReferenceSource* references) {
    dynamic_cast<MemoryStore&>(opened).set_references(references);
  };
  return parts;
}

struct Kind {
  std::string name;
  Acknowledge acknowledge = Acknowledge::kOne;
  bool is_staged = false;
  bool in_memory = false;
};

io::Task<std::unique_ptr<ChunkStore>> open_homes(ReferenceSource& references, Kind kind) {
  PlacedStoreOptions options;
  for (const char* name : {"a", "b", "fast"}) {
    if (kind.in_memory) {
      options.homes.push_back(memory_home(name));
    } else {
      options.homes.push_back(co_await volume_home(name));
    }
  }
  options.routes.push_back(
      {{"standard", 0, {}}, {"a", "b"}, kind.acknowledge, kind.is_staged ? "fast" : ""});
  options.keeper.interval = {};
  Result<std::unique_ptr<PlacedStore>> store = co_await PlacedStore::open(std::move(options));
  EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
  if (!store) co_return nullptr;
  (*store)->set_references(&references);
  co_return std::move(*store);
}

StoreFactory homes(const Kind& kind) {
  return {kind.name, "",
          [kind](ReferenceSource& references) { return open_homes(references, kind); }};
}

INSTANTIATE_TEST_SUITE_P(
    Homes, ChunkStoreSuite,
    testing::Values(
        homes({.name = "One"}), homes({.name = "All", .acknowledge = Acknowledge::kAll}),
        homes({.name = "Staged", .is_staged = true}),
        homes({.name = "StagedForAll", .acknowledge = Acknowledge::kAll, .is_staged = true}),
        homes({.name = "AllInMemory", .acknowledge = Acknowledge::kAll, .in_memory = true})),
    name_of_factory);

}  // namespace
}  // namespace cairn::storage
