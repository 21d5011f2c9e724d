// Several nodes on one pool: holds that each other's drops respect, nodes that die and come back,
// and what goes through all chunks. On a real Ceph cluster.
#include <atomic>
#include <thread>

#include "crypto/chunk_tenant.h"
#include "storage/rados/chunk_objects.h"
#include "storage/rados/library.h"
#include "storage/rados/name_window.h"
#include "storage/rados/session.h"
#include "tests/contract/ceph/rados_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;

class RadosStoreTest : public RadosFixture {};

TEST_F(RadosStoreTest, WhatOneNodeHoldsTheOtherDoesNotDrop) {
  auto one = open(options(1));
  auto two = open(options(2));
  ASSERT_TRUE(put(*one, 1, 1).has_value());
  expect_stored(*two, 1);
  EXPECT_FALSE(unlink(*two, 1, 9).value()) << "its writer has not committed yet";
  EXPECT_TRUE(link(*two, 1, 2).value());
  EXPECT_FALSE(unlink(*one, 1, 1).value()) << "the other node holds it now";
  release(*two, 1, 2);
  // A release is in the background: what it protects is only what it must.
  bool dropped = false;
  for (int tries = 0; !dropped && tries < 200; ++tries) {
    dropped = unlink(*one, 1, 1).value();
    if (!dropped) ASSERT_TRUE(wait(io::sleep_for(milliseconds(20))).has_value());
  }
  EXPECT_TRUE(dropped);
  EXPECT_EQ(code_of_read(*two, 1), Code::kNotFound);
  EXPECT_FALSE(link(*two, 1, 3).value());
  close(std::move(one));
  close(std::move(two));
}

TEST_F(RadosStoreTest, TheSecondNodesPutKeepsTheFirstCopyAndHoldsIt) {
  auto one = open(options(1));
  auto two = open(options(2));
  ASSERT_TRUE(put(*one, 1, 1).has_value());
  ASSERT_TRUE(wait(two->put(sample_id(1), sample_chunk(2, 77), sample_owner(2))).has_value());
  expect_stored(*two, 1);
  EXPECT_FALSE(unlink(*one, 1, 1).value());
  EXPECT_TRUE(unlink(*two, 1, 2).value());
  close(std::move(one));
  close(std::move(two));
}

TEST_F(RadosStoreTest, HoldsOfANodeThatDiedEndWhenItComesBack) {
  RadosStoreOptions dying = options(1);
  dying.leaves_session = true;
  auto one = open(std::move(dying));
  auto two = open(options(2));
  ASSERT_TRUE(put(*one, 1, 1).has_value());
  ASSERT_TRUE(put(*one, 2, 1).has_value());
  close(std::move(one));
  EXPECT_FALSE(unlink(*two, 1, 9).value()) << "the others cannot know that it died";
  one = open(options(1));
  EXPECT_TRUE(unlink(*two, 1, 9).value());
  EXPECT_TRUE(unlink(*one, 2, 9).value());
  close(std::move(one));
  close(std::move(two));
}

TEST_F(RadosStoreTest, ANodeThatIsSilentForTooLongIsGivenUpAndFindsOut) {
  RadosStoreOptions quick = options(1);
  quick.session_expiry = seconds(3);
  auto silent = open(std::move(quick));
  RadosStoreOptions watching = options(2);
  watching.session_expiry = seconds(3);
  auto watcher = open(std::move(watching));
  ASSERT_TRUE(put(*silent, 1, 1).has_value());
  const auto begun = std::chrono::steady_clock::now();
  bool dropped = false;
  while (!dropped && std::chrono::steady_clock::now() - begun < std::chrono::seconds(30)) {
    EXPECT_TRUE(wait(watcher->upkeep()).has_value());
    dropped = unlink(*watcher, 1, 9).value();
    if (!dropped) ASSERT_TRUE(wait(io::sleep_for(milliseconds(100))).has_value());
  }
  EXPECT_TRUE(dropped);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  // It may take nothing new, first because it was silent, then because it was given up.
  EXPECT_EQ(put(*silent, 2, 1).error().code, Code::kUnavailable);
  EXPECT_FALSE(silent->is_session_over());
  EXPECT_EQ(wait(silent->upkeep()).error().code, Code::kUnavailable);
  EXPECT_TRUE(silent->is_session_over()) << "the server ends, to be started again";
  EXPECT_EQ(link(*silent, 2, 1).error().code, Code::kUnavailable);
  close(std::move(silent));
  close(std::move(watcher));
}

// A catalog that cannot be told yet which node is given up.
struct SlowFence {
  io::Task<Status> end(RandomId session) {
    fenced.push_back(session);
    if (fails) co_return fail(Code::kUnavailable, "no quorum");
    co_return Status{};
  }
  bool fails = true;
  std::vector<RandomId> fenced;
};

// Its commits have to fail before its holds do not count any more; and a hold that was on its way
// when the session ended counts as little as the others.
TEST_F(RadosStoreTest, AGivenUpNodeIsFencedFirstAndItsLateHoldsDoNotCount) {
  RadosStoreOptions quick = options(1);
  quick.session_expiry = seconds(2);
  auto silent = open(std::move(quick));
  RadosStoreOptions watching = options(2);
  watching.session_expiry = seconds(2);
  auto watcher = open(std::move(watching));
  SlowFence fence;
  watcher->set_fence([&fence](RandomId session) { return fence.end(session); });
  ASSERT_TRUE(put(*silent, 1, 1).has_value());
  ASSERT_TRUE(put(*watcher, 2, 1).has_value());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (fence.fenced.empty() && std::chrono::steady_clock::now() < give_up) {
    (void)wait(watcher->upkeep());
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(100))).has_value());
  }
  ASSERT_FALSE(fence.fenced.empty());
  EXPECT_EQ(fence.fenced.front(), silent->session_id());
  EXPECT_FALSE(unlink(*watcher, 1, 9).value()) << "a node that may still commit has lost its holds";
  fence.fails = false;
  bool dropped = false;
  while (!dropped && std::chrono::steady_clock::now() < give_up) {
    (void)wait(watcher->upkeep());
    dropped = unlink(*watcher, 1, 9).value();
    if (!dropped) ASSERT_TRUE(wait(io::sleep_for(milliseconds(100))).has_value());
  }
  EXPECT_TRUE(dropped);
  EXPECT_FALSE(link(*silent, 2, 3).has_value());
  Result<std::unique_ptr<RadosPool>> pool = wait(RadosPool::connect(ceph_->place(name_space_)));
  ASSERT_TRUE(pool.has_value());
  EXPECT_EQ(wait(set_hold(**pool, sample_id(2), {silent->session_id(), 77}, sample_owner(3))), 0);
  EXPECT_TRUE(unlink(*watcher, 2, 1).value()) << "a hold that came too late counts";
  wait((*pool)->close());
  close(std::move(silent));
  close(std::move(watcher));
}

TEST_F(RadosStoreTest, ALivingNodeIsNotGivenUp) {
  RadosStoreOptions first = options(1);
  first.session_expiry = seconds(2);
  first.upkeep_interval = milliseconds(100);
  auto one = open(std::move(first));
  RadosStoreOptions second = options(2);
  second.session_expiry = seconds(2);
  second.upkeep_interval = milliseconds(100);
  auto two = open(std::move(second));
  ASSERT_TRUE(put(*one, 1, 1).has_value());
  ASSERT_TRUE(wait(io::sleep_for(seconds(5))).has_value());
  EXPECT_FALSE(unlink(*two, 1, 9).value());
  EXPECT_TRUE(link(*one, 1, 2).value());
  close(std::move(one));
  close(std::move(two));
}

io::Task<void> renew_into(RadosSession& session, Status& renewed) {
  renewed = co_await session.renew();
}

// A renewal whose answer was given up may come through between the question and the write of the
// next one. Two handles of one session make that happen: both ask before either writes.
TEST_F(RadosStoreTest, ARenewalThatWasOvertakenByItsOwnIsNoEnd) {
  close(open(options(1)));
  Result<std::unique_ptr<RadosPool>> pool = wait(RadosPool::connect(ceph_->place(name_space_)));
  ASSERT_TRUE(pool.has_value());
  std::vector<std::unique_ptr<RadosSession>> handles;
  for (int i = 0; i < 2; ++i) {
    SeededRandom random(5);
    auto begun = wait(RadosSession::begin(**pool, {9}, seconds(3600), random));
    ASSERT_TRUE(begun.has_value()) << begun.error().message;
    handles.push_back(std::move(*begun));
  }
  ASSERT_EQ(handles[0]->id(), handles[1]->id());
  std::vector<Status> renewed(2);
  const auto race = [](std::vector<std::unique_ptr<RadosSession>>& of,
                       std::vector<Status>& done) -> io::Task<void> {
    io::Scope scope;
    for (size_t i = 0; i < of.size(); ++i) scope.spawn(renew_into(*of[i], done[i]));
    co_await scope.join();
  };
  wait(race(handles, renewed));
  EXPECT_EQ(std::ranges::count_if(renewed, [](const Status& done) { return done.has_value(); }), 1);
  for (const auto& handle : handles) {
    EXPECT_FALSE(handle->is_over());
    EXPECT_TRUE(wait(handle->renew()).has_value());
  }
  wait(handles[0]->end());
  EXPECT_FALSE(wait(handles[1]->renew()).has_value());
  EXPECT_TRUE(handles[1]->is_over());
  wait((*pool)->close());
}

// Writes, commits, releases, reads back and deletes chunks of few ids. While an edge is committed
// its chunk must be there, whatever the other node does.
io::Task<void> live(RadosStore& store, SharedEdges& edges, uint64_t seed, uint64_t steps) {
  SeededRandom random(seed);
  for (uint64_t step = 0; step < steps; ++step) {
    const uint64_t number = random.below(4);
    const ChunkId id = sample_id(number);
    const OwnerId owner = sample_owner(seed * 100000 + step);
    const size_t size = 3000 + number * 10000;
    const Result<bool> linked = co_await store.link(id, owner);
    bool held = linked && *linked;
    if (!held) {
      const Status done = co_await store.put(id, sample_chunk(number, size), owner);
      EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
      held = done.has_value();
    }
    if (!held) continue;
    if (random.below(4) != 0) {
      edges.commit(id, owner);
      std::vector<ChunkId> ids = {id};
      co_await store.release(owner, std::move(ids));
      if (random.below(2) == 0) co_await io::yield();
      const Result<SealedRead> got = co_await store.read(id, {0, UINT64_MAX});
      EXPECT_TRUE(got.has_value())
          << "seed " << seed << " step " << step << ": " << (got ? "" : got.error().message);
      if (got) EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, size)));
      edges.remove(id, owner);
    }
    const Result<bool> dropped = co_await store.unlink(id, owner);
    EXPECT_TRUE(dropped.has_value()) << (dropped ? "" : dropped.error().message);
  }
}

io::Task<void> live_together(RadosStore& store, SharedEdges& edges, uint64_t first_seed) {
  io::Scope scope;
  for (uint64_t task = 0; task < 6; ++task) {
    scope.spawn(live(store, edges, first_seed * 10 + task, 60));
  }
  co_await scope.join();
}

// A node: a store on a reactor and a thread of its own.
void run_node(RadosStoreOptions options, SharedEdges& edges, uint64_t seed) {
  io::ReactorOptions reactor_options;
  reactor_options.pool_bytes = 64 * MiB;
  Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(reactor_options);
  ASSERT_TRUE(reactor.has_value());
  Result<std::unique_ptr<RadosStore>> store = (*reactor)->run(RadosStore::open(std::move(options)));
  ASSERT_TRUE(store.has_value()) << store.error().message;
  (*reactor)->run(live_together(**store, edges, seed));
  EXPECT_TRUE((*reactor)->run((*store)->close()).has_value());
}

TEST_F(RadosStoreTest, TwoNodesRaceAndNothingCommittedIsLost) {
  {
    std::vector<std::jthread> nodes;
    for (uint8_t node = 1; node <= 2; ++node) {
      RadosStoreOptions with = options(node);
      with.upkeep_interval = milliseconds(50);
      nodes.emplace_back([this, with = std::move(with), node]() mutable {
        run_node(std::move(with), edges_, node);
      });
    }
  }
  // Of two that let go at once each may have seen the other's hold: what is left is an orphan.
  auto store = open(options(3));
  const Result<RadosSweepReport> swept = wait(store->sweep(1.0, false));
  ASSERT_TRUE(swept.has_value()) << swept.error().message;
  EXPECT_EQ(swept->dropped_count, swept->orphans_count);
  EXPECT_TRUE(wait(store->list(std::nullopt, 10))->empty());
  close(std::move(store));
}

TEST_F(RadosStoreTest, ASweepHasADryRunAndABrake) {
  auto store = open(options(1));
  constexpr uint64_t kCount = 60;
  for (uint64_t number = 0; number < kCount; ++number) {
    ASSERT_TRUE(put(*store, number, 1, 5000).has_value());
    if (number < 30) edges_.commit(sample_id(number), sample_owner(1));
    if (number != 59) release(*store, number, 1);
  }
  const Result<RadosSweepReport> dry = wait(store->sweep(0, true));
  ASSERT_TRUE(dry.has_value()) << dry.error().message;
  EXPECT_EQ(dry->chunks_count, kCount);
  EXPECT_EQ(dry->orphans_count, 29U) << "one is held by a writer that has not committed yet";
  EXPECT_EQ(dry->orphan_bytes, 29U * 5000);
  EXPECT_EQ(dry->dropped_count, 0U);
  EXPECT_EQ(wait(store->sweep(0.4, false)).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(wait(store->usage())->chunks_count, kCount) << "the brake dropped nothing";
  const Result<RadosSweepReport> swept = wait(store->sweep(0.5, false));
  ASSERT_TRUE(swept.has_value()) << swept.error().message;
  EXPECT_EQ(swept->dropped_count, 29U);
  for (uint64_t number = 0; number < 30; ++number) expect_stored(*store, number, 5000);
  expect_stored(*store, 59, 5000);
  EXPECT_EQ(wait(store->usage())->chunks_count, 31U);
  close(std::move(store));
  store = open(options(1));
  uint64_t counted = 0;
  for (int tries = 0; counted != 31 && tries < 200; ++tries) {
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(20))).has_value());
    counted = wait(store->usage())->chunks_count;
  }
  EXPECT_EQ(counted, 31U) << "counted after the store has opened";
  close(std::move(store));
}

TEST_F(RadosStoreTest, AListingIsAscendingThoughItsWindowIsSmall) {
  auto store = open(options(1));
  std::vector<ChunkId> expected;
  for (uint64_t number = 0; number < 40; ++number) {
    ASSERT_TRUE(put(*store, number, 1, 100).has_value());
    expected.push_back(sample_id(number));
  }
  std::ranges::sort(expected);
  Result<std::unique_ptr<RadosPool>> pool = wait(RadosPool::connect(ceph_->place(name_space_)));
  ASSERT_TRUE(pool.has_value());
  NameWindow window;
  window.set_ids_max(7);
  std::vector<ChunkId> listed;
  std::optional<ChunkId> after;
  while (true) {
    const Result<std::vector<ChunkId>> page = wait(window.page(**pool, after, 5));
    ASSERT_TRUE(page.has_value());
    if (page->empty()) break;
    listed.insert(listed.end(), page->begin(), page->end());
    after = listed.back();
  }
  EXPECT_EQ(listed, expected);
  wait((*pool)->close());
  close(std::move(store));
}

constexpr crypto::TenantId kFirstTenant{111'111'111'111};
constexpr crypto::TenantId kSecondTenant{42};

// A pool that another store uses too, with objects that have names of chunks.
class RadosTenants : public RadosStoreTest {
 protected:
  ChunkId id_of(uint64_t number, crypto::TenantId tenant) {
    return crypto::with_tenant(sample_id(number), tenant);
  }
  Status put_of(RadosStore& store, uint64_t number, crypto::TenantId tenant) {
    return wait(store.put(id_of(number, tenant), sample_chunk(number, 3000), sample_owner(1)));
  }
  void expect_read(RadosStore& store, uint64_t number, crypto::TenantId tenant) {
    const Result<SealedRead> got = wait(store.read(id_of(number, tenant), {0, UINT64_MAX}));
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, 3000)));
  }
  // Names of chunks in one namespace, which a store of its own that is not divided would see.
  size_t count_in(const std::string& name_space) {
    Result<std::unique_ptr<RadosPool>> pool = wait(RadosPool::connect(ceph_->place(name_space)));
    EXPECT_TRUE(pool.has_value());
    const Result<uint64_t> count = wait(count_chunks(**pool, io::StopToken{}));
    EXPECT_TRUE(count.has_value());
    wait((*pool)->close());
    return count.value_or(0);
  }
};

TEST_F(RadosTenants, EachTenantsChunksAreInANamespaceOfTheirOwn) {
  auto one = open(options(1));
  auto two = open(options(2));
  for (uint64_t number = 0; number < 4; ++number) {
    ASSERT_TRUE(put_of(*one, number, crypto::kRootTenant).has_value());
    ASSERT_TRUE(put_of(*one, number, kFirstTenant).has_value());
  }
  ASSERT_TRUE(put_of(*one, 9, kSecondTenant).has_value());
  EXPECT_EQ(count_in(name_space_), 4U);
  EXPECT_EQ(count_in(name_space_ + "/111111111111"), 4U);
  EXPECT_EQ(count_in(name_space_ + "/000000000042"), 1U);
  for (uint64_t number = 0; number < 4; ++number) {
    expect_read(*two, number, crypto::kRootTenant);
    expect_read(*two, number, kFirstTenant);
  }
  EXPECT_TRUE(wait(two->verify(id_of(9, kSecondTenant))).has_value());
  EXPECT_EQ(wait(two->list(std::nullopt, 100))->size(), 9U) << "a listing has all tenants'";
  EXPECT_TRUE(wait(two->link(id_of(9, kSecondTenant), sample_owner(2))).value());
  EXPECT_FALSE(wait(one->unlink(id_of(9, kSecondTenant), sample_owner(1))).value());
  EXPECT_TRUE(wait(two->unlink(id_of(9, kSecondTenant), sample_owner(2))).value());
  EXPECT_EQ(count_in(name_space_ + "/000000000042"), 0U);
  close(std::move(one));
  close(std::move(two));
}

TEST_F(RadosTenants, ASweepSeesAllTenantsAndNobodyElse) {
  auto store = open(options(1));
  RadosStoreOptions neighbours = options(2);
  neighbours.store_id = {9};
  neighbours.place.name_space += "x";  // Begins as the first one's does.
  auto neighbour = open(std::move(neighbours));
  for (const crypto::TenantId tenant : {crypto::kRootTenant, kFirstTenant, kSecondTenant}) {
    ASSERT_TRUE(put_of(*store, 1, tenant).has_value());
    ASSERT_TRUE(put_of(*neighbour, 1, tenant).has_value());
    wait(store->release(sample_owner(1), {id_of(1, tenant)}));
  }
  edges_.commit(id_of(1, kSecondTenant), sample_owner(1));
  Result<RadosSweepReport> swept = wait(store->sweep(1, true));
  // Holds that were released are taken away in the background.
  for (int tries = 0; swept.has_value() && swept->orphans_count < 2 && tries < 200; ++tries) {
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(20))).has_value());
    swept = wait(store->sweep(1, true));
  }
  swept = wait(store->sweep(1, false));
  ASSERT_TRUE(swept.has_value()) << swept.error().message;
  EXPECT_EQ(swept->chunks_count, 3U);
  EXPECT_EQ(swept->dropped_count, 2U);
  expect_read(*store, 1, kSecondTenant);
  for (const crypto::TenantId tenant : {crypto::kRootTenant, kFirstTenant, kSecondTenant}) {
    expect_read(*neighbour, 1, tenant);
  }
  close(std::move(store));
  close(std::move(neighbour));
}

TEST_F(RadosTenants, AStoreFromBeforeKeepsEverythingInOneNamespace) {
  RadosStoreOptions before = options(1);
  before.divide = false;
  auto store = open(std::move(before));
  ASSERT_TRUE(put_of(*store, 1, kFirstTenant).has_value());
  close(std::move(store));
  store = open(options(1));
  expect_read(*store, 1, kFirstTenant);
  ASSERT_TRUE(put_of(*store, 2, kSecondTenant).has_value());
  EXPECT_EQ(count_in(name_space_), 2U);
  EXPECT_EQ(wait(store->list(std::nullopt, 100))->size(), 2U);
  close(std::move(store));
}

TEST_F(RadosStoreTest, WhatIsWrongAtStartIsToldInWords) {
  close(open(options(1)));
  RadosStoreOptions other = options(1);
  other.store_id = {9};
  const Error stranger = open_error(std::move(other));
  EXPECT_EQ(stranger.code, Code::kFailedPrecondition);
  EXPECT_TRUE(stranger.message.contains("another data directory")) << stranger.message;
  RadosStoreOptions lost = options(1);
  lost.create = false;
  lost.place.name_space = "nowhere";
  EXPECT_EQ(open_error(std::move(lost)).code, Code::kNotFound);
  RadosStoreOptions poolless = options(1);
  poolless.place.pool = "no-such-pool";
  const Error absent = open_error(std::move(poolless));
  EXPECT_EQ(absent.code, Code::kNotFound);
  EXPECT_TRUE(absent.message.contains("osd pool create")) << absent.message;
  RadosStoreOptions unconfigured = options(1);
  unconfigured.place.config_path = "/no/such/ceph.conf";
  const Error unread = open_error(std::move(unconfigured));
  EXPECT_EQ(unread.code, Code::kNotFound);
  EXPECT_TRUE(unread.message.contains("--home-ceph-conf")) << unread.message;
}

io::Task<void> damage(RadosPool& pool, ChunkId id, bool payload) {
  RadosWrite operation = pool.begin_write();
  const Bytes bytes(kDescriptionFixedBytes, 7);
  if (payload) {
    const Bytes other = sample_bytes(77, 100'000);
    operation.must_exist().content(other);
  } else {
    operation.must_exist().set_attribute(kDescriptionAttribute, bytes);
  }
  const RadosAnswer answer =
      co_await pool.write(pool.space_of(id), object_name_of(id), std::move(operation), false);
  EXPECT_EQ(answer.code, 0);
}

TEST_F(RadosStoreTest, DamageIsToldAndADamagedChunkCanBeDropped) {
  auto store = open(options(1));
  for (uint64_t number : {1, 2}) ASSERT_TRUE(put(*store, number, 1).has_value());
  Result<std::unique_ptr<RadosPool>> pool = wait(RadosPool::connect(ceph_->place(name_space_)));
  ASSERT_TRUE(pool.has_value());
  wait(damage(**pool, sample_id(1), false));
  wait(damage(**pool, sample_id(2), true));
  wait((*pool)->close());
  EXPECT_EQ(code_of_read(*store, 1), Code::kCorruption);
  EXPECT_EQ(wait(store->verify(sample_id(2))).error().code, Code::kCorruption);
  EXPECT_GE(store->metrics().checksum_failures, 2U);
  EXPECT_EQ(wait(store->list(std::nullopt, 10))->size(), 2U);
  EXPECT_TRUE(unlink(*store, 1, 1).value());
  close(std::move(store));
}

TEST(RadosLibraryTest, WithoutTheLibraryTheMessageSaysWhatToInstall) {
  const Result<RadosLibrary> library = load_rados_library("librados-of-nowhere.so.2");
  ASSERT_FALSE(library.has_value());
  EXPECT_EQ(library.error().code, Code::kUnsupported);
  EXPECT_TRUE(library.error().message.contains("librados2")) << library.error().message;
  const Result<RadosLibrary> wrong = load_rados_library("libm.so.6");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace cairn::storage
