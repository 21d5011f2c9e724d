// A test with a reactor and a PlacedStore over faulty homes in memory: one placement "standard".
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "io/scope.h"
#include "storage/placed_store.h"
#include "tests/support/faulty_home.h"

namespace cairn::testing_support {

struct HomesSetup {
  std::vector<std::string> homes = {"a", "b"};  // Of the placement.
  storage::Acknowledge acknowledge = storage::Acknowledge::kOne;
  std::string staging = {};
  std::vector<std::string> others = {};  // Homes that no placement names.
  std::vector<std::string> away = {};    // Not there at the start.
  bool is_remote = false;
  Duration interval = {};
};

class HomesFixture : public testing::Test {
 public:  // Coroutines of the tests take the fixture as a parameter.
  void SetUp() override {
    io::ReactorOptions options;
    options.pool_bytes = 128 * MiB;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(options);
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
  }
  void TearDown() override {
    if (store_ != nullptr) EXPECT_TRUE(wait(store_->close()).has_value());
  }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }

  // A home keeps what it has when the store over it is opened anew.
  FaultyHome& home(const std::string& name) {
    std::shared_ptr<FaultyHome>& home = homes_[name];
    if (home == nullptr) home = std::make_shared<FaultyHome>();
    return *home;
  }
  void open(const HomesSetup& setup) {
    if (store_ != nullptr) EXPECT_TRUE(wait(store_->close()).has_value());
    store_.reset();
    storage::PlacedStoreOptions options;
    std::vector<std::string> names = setup.homes;
    if (!setup.staging.empty()) names.push_back(setup.staging);
    names.insert(names.end(), setup.others.begin(), setup.others.end());
    for (const std::string& name : names) {
      storage::HomeParts parts;
      parts.name = name;
      parts.is_remote = setup.is_remote;
      FaultyHome& faulty = home(name);
      if (std::ranges::find(setup.away, name) == setup.away.end()) {
        parts.store = std::make_unique<Borrowed>(faulty);
      }
      parts.open_later = [&faulty]() -> io::Task<Result<std::unique_ptr<storage::ChunkStore>>> {
        if (faulty.is_away) co_return fail(Code::kUnavailable, "not yet");
        co_return std::make_unique<Borrowed>(faulty);
      };
      parts.set_references = [&faulty](storage::ChunkStore& /*store*/,
                                       storage::ReferenceSource* references) {
        faulty.inner.set_references(references);
      };
      options.homes.push_back(std::move(parts));
    }
    options.routes.push_back({{"standard", 0, {}}, setup.homes, setup.acknowledge, setup.staging});
    options.keeper.interval = setup.interval;
    Result<std::unique_ptr<storage::PlacedStore>> opened =
        wait(storage::PlacedStore::open(std::move(options)));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
    const auto begin = [](storage::PlacedStore& store,
                          storage::ReferenceSource& references) -> io::Task<void> {
      store.set_references(&references);
      co_return;
    };
    wait(begin(*store_, references_));
  }

  Status put(uint64_t number, size_t size = 10000, uint64_t owner = 0) {
    return wait(store_->put(sample_id(number), sample_chunk(number, size), sample_owner(owner)));
  }
  // Puts, commits a reference and releases: how an object's chunk is.
  void keep(uint64_t number, size_t size = 10000) {
    const Status done = put(number, size);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    references_.referenced.push_back(sample_id(number));
    wait(store_->release(sample_owner(0), {sample_id(number)}));
  }
  bool link(uint64_t number, uint64_t owner) {
    return wait(store_->link(sample_id(number), sample_owner(owner))).value();
  }
  bool unlink(uint64_t number, uint64_t owner = 0) {
    const Result<bool> dropped = wait(store_->unlink(sample_id(number), sample_owner(owner)));
    EXPECT_TRUE(dropped.has_value()) << (dropped ? "" : dropped.error().message);
    return dropped && *dropped;
  }
  // kInternal stands for "read back, and right".
  Code read_code(uint64_t number, size_t size = 10000) {
    const Result<storage::SealedRead> got = wait(store_->read(sample_id(number), {0, size}));
    if (!got) return got.error().code;
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, size)));
    return Code::kInternal;
  }
  bool has(const std::string& name, uint64_t number) {
    return wait(storage::is_listed(home(name), sample_id(number))).value();
  }
  storage::NamedHome& named(const std::string& name) { return *store_->find_home(name); }
  storage::PlacementRoute& route() { return *store_->routes().front(); }
  void settle() { wait(store_->keeper().settle()); }

  SampleReferences references_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<storage::PlacedStore> store_;

 private:
  // Closes nothing, so that the home outlives the store.
  class Borrowed final : public storage::ChunkStore {
   public:
    using Id = storage::ChunkId;
    explicit Borrowed(FaultyHome& home) : home_(home) {}
    io::Task<Status> put(Id id, storage::SealedChunk chunk, storage::OwnerId owner) override {
      return home_.put(id, std::move(chunk), owner);
    }
    io::Task<Result<bool>> link(Id id, storage::OwnerId owner) override {
      return home_.link(id, owner);
    }
    io::Task<void> release(storage::OwnerId owner, std::vector<Id> ids) override {
      return home_.release(owner, std::move(ids));
    }
    io::Task<Result<bool>> unlink(Id id, storage::OwnerId owner) override {
      return home_.unlink(id, owner);
    }
    using ChunkStore::read;
    io::Task<Result<storage::SealedRead>> read(Id id, ByteRange range,
                                               storage::ReadOptions options) override {
      return home_.read(id, range, options);
    }
    io::Task<Status> verify(Id id) override { return home_.verify(id); }
    io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<Id> after,
                                                           size_t limit) override {
      return home_.list(after, limit);
    }
    io::Task<Result<storage::StoreUsage>> usage() override { return home_.usage(); }
    io::Task<Status> close() override { co_return Status{}; }

   private:
    FaultyHome& home_;
  };

  std::map<std::string, std::shared_ptr<FaultyHome>> homes_;
};

}  // namespace cairn::testing_support
