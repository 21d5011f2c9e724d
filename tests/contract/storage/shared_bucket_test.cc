// Two nodes on one bucket and one catalog: what they share and drop, what a death at any step
// leaves and who clears it up, sessions that others end, sweeps, markers, an upstream and a catalog
// that fail. A node is a SharedDirectory and a SharedBucketStore; a node that dies is closed
// without its last words, and its steps fail or lose their answers by a directory that breaks.
#include <gtest/gtest.h>

#include "catalog/commit_fence.h"
#include "catalog/memory_catalog.h"
#include "object/keys.h"
#include "object/references.h"
#include "object/shared_directory.h"
#include "storage/chunk_object.h"
#include "storage/s3_store.h"
#include "storage/shared_bucket_store.h"
#include "storage/store_marker.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/breaking_directory.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/upstream_server.h"

namespace cairn::storage {

// Of the contract only its hammer is used here.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ChunkStoreSuite);

namespace {

using testing_support::BreakingDirectory;
using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;
using testing_support::UpstreamServer;

constexpr size_t kChunkBytes = 100'000;
constexpr RandomId kStore = {1, 2, 3};

struct Node {
  std::unique_ptr<object::SharedDirectory> directory;
  std::unique_ptr<BreakingDirectory> broken;
  std::unique_ptr<SharedBucketStore> store;
};

class SharedBucket : public testing::Test {
 protected:
  void SetUp() override {
    io::ReactorOptions reactor_options;
    reactor_options.pool_bytes = 128 * MiB;
    auto reactor = io::Reactor::create(reactor_options);
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
    server_ = UpstreamServer::start_cairn();
    ASSERT_NE(server_, nullptr) << "CAIRN_BINARY names the server that is the upstream";
    ASSERT_TRUE(wait(server_->make_bucket("home")).has_value());
  }
  void TearDown() override {
    for (auto& node : nodes_) {
      if (node->store != nullptr) EXPECT_TRUE(wait(node->store->close()).has_value());
    }
  }
  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  SharedBucketOptions options() {
    SharedBucketOptions options;
    options.place = {"home", "chunks-of-all/", server_->client_options()};
    options.store_id = kStore;
    options.create = true;
    options.references = &references_;
    options.upkeep_interval = Duration{};
    options.sweep_interval = Duration{};
    return options;
  }
  // `number`: of the node; a node that comes back has the same.
  Node& start(uint8_t number, bool dies = false) {
    auto node = std::make_unique<Node>();
    auto directory = wait(
        object::SharedDirectory::open(*catalog_, kStore, RandomId{number, 0xaa}, system_random()));
    EXPECT_TRUE(directory.has_value()) << (directory ? "" : directory.error().message);
    node->directory = std::move(*directory);
    node->broken = std::make_unique<BreakingDirectory>(*node->directory);
    SharedBucketOptions with = options();
    with.directory = node->broken.get();
    with.leaves_session = dies;
    auto store = wait(SharedBucketStore::open(std::move(with)));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    node->store = std::move(*store);
    nodes_.push_back(std::move(node));
    return *nodes_.back();
  }
  // Of a node that dies: what it had yet to do is not done.
  void kill(Node& node) {
    EXPECT_TRUE(wait(node.store->close()).has_value());
    node.store.reset();
  }
  Status put(Node& node, uint64_t number, uint64_t owner = 0) {
    return wait(
        node.store->put(sample_id(number), sample_chunk(number, kChunkBytes), sample_owner(owner)));
  }
  bool link(Node& node, uint64_t number, uint64_t owner) {
    return wait(node.store->link(sample_id(number), sample_owner(owner))).value();
  }
  void release(Node& node, uint64_t number, uint64_t owner) {
    wait(node.store->release(sample_owner(owner), {sample_id(number)}));
  }
  Result<bool> unlink(Node& node, uint64_t number, uint64_t owner = 0) {
    return wait(node.store->unlink(sample_id(number), sample_owner(owner)));
  }
  void keep_up(Node& node) {
    const Status done = wait(node.store->upkeep());
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  }
  void expect_stored(Node& node, uint64_t number) {
    const auto got = wait(node.store->read(sample_id(number), {0, kChunkBytes}));
    ASSERT_TRUE(got.has_value()) << "chunk " << number << ": " << got.error().message;
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, kChunkBytes)));
    EXPECT_TRUE(wait(node.store->verify(sample_id(number))).has_value());
  }
  void expect_absent(Node& node, uint64_t number) {
    const auto got = wait(node.store->read(sample_id(number), {0, 1}));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, Code::kNotFound);
  }
  std::vector<std::string> objects() {
    std::vector<std::string> out;
    for (std::string& name : wait(server_->names("home", "chunks-of-all/"))) {
      if (name.starts_with(kChunkObjects)) out.push_back(std::move(name));
    }
    return out;
  }
  size_t trash_count(Node& node) {
    return wait(node.directory->trash(std::nullopt, 1000)).value().size();
  }
  void delete_object(std::string name) { wait(delete_upstream(std::move(name))); }
  io::Task<void> delete_upstream(std::string name) {
    auto client = transfer::S3Client::create(server_->client_options());
    EXPECT_TRUE(client.has_value());
    const auto removed = co_await (*client)->remove("home", "chunks-of-all/" + name, "", {});
    EXPECT_TRUE(removed.has_value());
    co_await (*client)->close();
  }
  SweepReport sweep(Node& node, SweepRules rules) {
    const Result<SweepReport> report = wait(node.store->sweep(rules));
    EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
    return report.value_or(SweepReport{});
  }

  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
  std::unique_ptr<catalog::Catalog> another_catalog_ = catalog::make_memory_catalog();
  testing_support::SampleReferences references_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<UpstreamServer> server_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(SharedBucket, WhatOneNodeStoresTheOtherReadsAndDoesNotStoreAgain) {
  Node& a = start(1);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  expect_stored(b, 1);
  ASSERT_TRUE(put(b, 1).has_value());
  EXPECT_EQ(objects().size(), 1U);
  EXPECT_EQ(b.store->metrics().puts_deduplicated, 1U);
  EXPECT_TRUE(link(b, 1, 5));
}

TEST_F(SharedBucket, AChunkThatAnotherNodeHoldsIsDroppedOnceItLetsGo) {
  Node& a = start(1);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  EXPECT_TRUE(link(b, 1, 5));
  EXPECT_FALSE(unlink(a, 1).value());
  expect_stored(a, 1);
  release(b, 1, 5);
  keep_up(b);
  keep_up(a);
  expect_absent(b, 1);
  keep_up(a);
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(trash_count(a), 0U);
}

TEST_F(SharedBucket, AnEdgeThatAnyNodeCommitsSparesItsChunkWithoutAQuestion) {
  Node& a = start(1);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  release(a, 1, 0);
  keep_up(a);
  // The source that is asked before says that there is none: it was asked too early.
  catalog::Batch edge;
  edge.puts.push_back({object::keys::edge(sample_id(1), sample_owner(9)), ""});
  ASSERT_TRUE(wait(catalog_->commit(edge)).has_value());
  EXPECT_FALSE(unlink(b, 1, 7).value());
  expect_stored(b, 1);
}

TEST_F(SharedBucket, ALateDeleteHitsItsOwnGenerationOnly) {
  Node& a = start(1);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  EXPECT_TRUE(unlink(a, 1).value());
  // The object of the first writing is not deleted yet when the second one stands.
  ASSERT_TRUE(put(b, 1).has_value());
  EXPECT_EQ(objects().size(), 2U);
  keep_up(a);
  EXPECT_EQ(objects().size(), 1U);
  expect_stored(a, 1);
  expect_stored(b, 1);
}

TEST_F(SharedBucket, ADeathBetweenPutAndPublishLeavesAnObjectThatTheSweepFinds) {
  Node& a = start(1, true);
  a.broken->fail_next(BreakingDirectory::Kind::kPublish, BreakingDirectory::How::kBefore);
  EXPECT_EQ(put(a, 1).error().code, Code::kUnavailable);
  kill(a);
  EXPECT_EQ(objects().size(), 1U) << "in doubt, so it stays";
  Node& b = start(2);
  expect_absent(b, 1);
  const SweepRules now{.dry_run = false, .age_min = seconds(-3600)};
  SweepRules later = now;
  later.age_min = seconds(3600);
  EXPECT_EQ(sweep(b, now).young_count, 1U) << "seen for the first time";
  EXPECT_EQ(sweep(b, later).young_count, 1U) << "too young";
  SweepRules dry = now;
  dry.dry_run = true;
  EXPECT_EQ(sweep(b, dry).orphans_count, 1U);
  EXPECT_EQ(objects().size(), 1U);
  EXPECT_EQ(sweep(b, now).condemned_count, 1U);
  keep_up(b);
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(trash_count(b), 0U);
}

TEST_F(SharedBucket, ALostAnswerToAPublicationIsAskedFor) {
  Node& a = start(1);
  a.broken->fail_next(BreakingDirectory::Kind::kPublish, BreakingDirectory::How::kAfter);
  ASSERT_TRUE(put(a, 1).has_value());
  expect_stored(a, 1);
  EXPECT_FALSE(unlink(start(2), 1, 3).value()) << "the first node holds it";
}

TEST_F(SharedBucket, ADeathBetweenDropAndDeleteLeavesTrashThatTheLeaderDeletes) {
  Node& a = start(1, true);
  ASSERT_TRUE(put(a, 1).has_value());
  EXPECT_TRUE(unlink(a, 1).value());
  kill(a);
  EXPECT_EQ(objects().size(), 1U);
  Node& again = start(1);
  EXPECT_EQ(trash_count(again), 1U);
  for (int beat = 0; beat < 3; ++beat) keep_up(again);
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(trash_count(again), 0U);
}

TEST_F(SharedBucket, HoldsOfADeadNodeEndWhenItStartsAgainAndTheirChunksGo) {
  Node& a = start(1, true);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  EXPECT_FALSE(unlink(b, 1, 3).value());
  kill(a);
  EXPECT_FALSE(unlink(b, 1, 3).value()) << "nobody knows that it is dead";
  start(1);
  keep_up(b);
  expect_absent(b, 1);
  keep_up(b);
  EXPECT_TRUE(objects().empty());
}

// A node that deletes for hours must not fall silent to the others meanwhile.
TEST_F(SharedBucket, ALongQueueOfDeletesIsInterruptedToRenewTheSession) {
  Node& one = start(1);
  constexpr uint64_t kChunks = 250;
  const auto make = [&]() -> io::Task<void> {
    io::Scope scope;
    for (uint64_t number = 0; number < kChunks; ++number) {
      scope.spawn([](SharedBucketStore& store, uint64_t of) -> io::Task<void> {
        const Status done =
            co_await store.put(sample_id(of), sample_chunk(of, 100), sample_owner(0));
        EXPECT_TRUE(done.has_value());
        const Result<bool> dropped = co_await store.unlink(sample_id(of), sample_owner(0));
        EXPECT_TRUE(dropped.value_or(false));
      }(*one.store, number));
    }
    co_await scope.join();
  };
  wait(make());
  ASSERT_EQ(trash_count(one), kChunks);
  one.broken->beats_count = 0;
  keep_up(one);
  EXPECT_EQ(trash_count(one), 0U);
  EXPECT_TRUE(objects().empty());
  // One before every commit of cleared holds and every batch of deletes: a hundred of each at most.
  EXPECT_GE(one.broken->beats_count, 2 * (kChunks / 100) + 1);
}

TEST_F(SharedBucket, ASilentSessionIsEndedAndWhatItSendsLateIsRefused) {
  Node& a = start(1);
  Node& b = start(2);
  ASSERT_TRUE(put(a, 1).has_value());
  const auto fenced = catalog::fence_catalog(*catalog_, a.directory->fence(),
                                             [](std::string_view key) { return key[0] == 'r'; });
  using Session = object::DirectorySession;
  const unsigned beats = Session::pace_of(Session::kSilence).silent_beats_max;
  EXPECT_FALSE(a.directory->is_over());
  for (unsigned beat = 0; beat <= beats + 1; ++beat) {
    ASSERT_TRUE(wait(b.directory->keep_session()).has_value());
  }
  EXPECT_TRUE(unlink(b, 1, 3).value()) << "its holds do not count any more";
  // The node wakes up and goes on with what it was about to do.
  catalog::Batch edge;
  edge.puts.push_back({object::keys::edge(sample_id(1), sample_owner(0)), ""});
  EXPECT_EQ(wait(fenced->commit(edge)).error().code, Code::kUnavailable);
  EXPECT_TRUE(a.directory->is_over()) << "the server ends, to be started again";
  EXPECT_EQ(put(a, 2).error().code, Code::kUnavailable);
  EXPECT_EQ(put(a, 3).error().code, Code::kUnavailable);
  EXPECT_FALSE(wait(a.store->upkeep()).has_value());
  expect_absent(b, 2);
}

TEST_F(SharedBucket, NothingIsDroppedWhileACommitMayStillArrive) {
  Node& a = start(1);
  ASSERT_TRUE(put(a, 1).has_value());
  catalog::CommitFence& fence = a.directory->fence();
  const catalog::Precondition before = fence.condition();
  fence.note_doubt();  // An edge's commit has no answer.
  EXPECT_TRUE(unlink(a, 1).value());
  catalog::Batch edge;
  edge.preconditions.push_back(before);
  edge.puts.push_back({object::keys::edge(sample_id(1), sample_owner(0)), ""});
  EXPECT_EQ(wait(catalog_->commit(edge)).error().code, Code::kFailedPrecondition)
      << "it comes after the chunk is gone";
}

TEST_F(SharedBucket, AnUnavailableDirectoryFailsWritesAndDropsNothing) {
  Node& a = start(1);
  ASSERT_TRUE(put(a, 1).has_value());
  a.broken->fail_all(true);
  EXPECT_EQ(put(a, 2).error().code, Code::kUnavailable);
  EXPECT_EQ(unlink(a, 1).error().code, Code::kUnavailable);
  EXPECT_EQ(wait(a.store->read(sample_id(1), {0, 1})).error().code, Code::kUnavailable);
  a.broken->fail_all(false);
  expect_stored(a, 1);
  EXPECT_TRUE(unlink(a, 1, 5).value());
}

TEST_F(SharedBucket, AnUpstreamThatStopsFailsPutsAndComesBack) {
  Node& a = start(1);
  ASSERT_TRUE(put(a, 1).has_value());
  EXPECT_TRUE(link(a, 1, 4));
  server_->stop();
  EXPECT_EQ(put(a, 2).error().code, Code::kUnavailable);
  EXPECT_EQ(wait(a.store->read(sample_id(1), {0, 1})).error().code, Code::kUnavailable);
  expect_absent(a, 3);
  server_->start_again();
  for (int attempt = 0; attempt < 200 && !put(a, 2).has_value(); ++attempt) {
    wait(io::sleep_for(milliseconds(50), {}));
  }
  expect_stored(a, 1);
  expect_stored(a, 2);
}

TEST_F(SharedBucket, AChunkWhoseObjectIsGoneIsToldAndNotTakenForAbsent) {
  Node& a = start(1);
  for (uint64_t number = 1; number <= 5; ++number) ASSERT_TRUE(put(a, number).has_value());
  const std::vector<std::string> names = objects();
  ASSERT_EQ(names.size(), 5U);
  const std::optional<TrashEntry> lost = parse_chunk_object_name(names[2]);
  ASSERT_TRUE(lost.has_value());
  delete_object(names[2]);
  const auto got = wait(a.store->read(lost->id, {0, 10}));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kCorruption);
  const SweepReport report = sweep(a, {});
  EXPECT_EQ(report.objects_count, 4U);
  EXPECT_EQ(report.dangling_count, 1U);
  ASSERT_EQ(report.dangling.size(), 1U);
  EXPECT_EQ(report.dangling[0], lost->id);
  EXPECT_EQ(report.young_count + report.orphans_count, 0U);
}

TEST_F(SharedBucket, ASweepThatWouldTakeTooMuchTakesNothing) {
  Node& a = start(1);
  for (uint64_t number = 0; number < 20; ++number) ASSERT_TRUE(put(a, number).has_value());
  // As if the nodes had been given another catalog.
  std::swap(catalog_, another_catalog_);
  Node& b = start(2);
  const SweepRules now{.dry_run = false, .age_min = seconds(-3600)};
  sweep(b, now);
  const Result<SweepReport> refused = wait(b.store->sweep(now));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(objects().size(), 20U);
  SweepRules all = now;
  all.share_max = 1;
  EXPECT_EQ(sweep(b, all).condemned_count, 20U);
}

TEST_F(SharedBucket, AnotherLayoutOrStoreIsRefusedAndSaysWhatToDo) {
  start(1);
  S3StoreOptions packs;
  packs.place = options().place;
  packs.store_id = kStore;
  packs.create = true;
  const auto as_packs = wait(S3Store::open(packs));
  ASSERT_FALSE(as_packs.has_value());
  EXPECT_EQ(as_packs.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(as_packs.error().message.contains("--catalog")) << as_packs.error().message;

  packs.place.prefix = "packs/";
  auto of_one_server = wait(S3Store::open(packs));
  ASSERT_TRUE(of_one_server.has_value()) << of_one_server.error().message;
  EXPECT_TRUE(wait((*of_one_server)->close()).has_value());
  auto directory =
      wait(object::SharedDirectory::open(*catalog_, kStore, RandomId{3, 0xaa}, system_random()));
  ASSERT_TRUE(directory.has_value());
  SharedBucketOptions shared = options();
  shared.directory = directory->get();
  shared.place.prefix = "packs/";
  const auto over_packs = wait(SharedBucketStore::open(shared));
  ASSERT_FALSE(over_packs.has_value());
  EXPECT_TRUE(over_packs.error().message.contains("packs")) << over_packs.error().message;

  shared.place = options().place;
  shared.store_id = {9};
  const auto of_another = wait(SharedBucketStore::open(shared));
  ASSERT_FALSE(of_another.has_value());
  EXPECT_TRUE(of_another.error().message.contains("another cluster")) << of_another.error().message;
}

TEST_F(SharedBucket, TwoNodesHammerTheSameChunks) {
  Node& a = start(1);
  Node& b = start(2);
  const auto all = [](ChunkStore& first, ChunkStore& second) -> io::Task<void> {
    io::Scope scope;
    for (uint64_t task = 0; task < 4; ++task) {
      scope.spawn(hammer(first, 100 + task, 20));
      scope.spawn(hammer(second, 200 + task, 20));
    }
    co_await scope.join();
  };
  wait(all(*a.store, *b.store));
  for (int pass = 0; pass < 3; ++pass) {
    keep_up(a);
    keep_up(b);
  }
  EXPECT_TRUE(wait(a.store->list(std::nullopt, 10))->empty());
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(trash_count(a), 0U);
}

}  // namespace
}  // namespace cairn::storage
