// What an S3Store keeps, finds again and gives back, against a real S3 server: starts with and
// without snapshot, crashes between a rewritten pack and the removal of its sources, damage, and an
// upstream that is not there.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "io/scope.h"
#include "storage/s3_store.h"
#include "tests/contract/chunk_store_suite.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/upstream_server.h"

namespace cairn::storage {

// Of the contract only its hammer is used here.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ChunkStoreSuite);

namespace {

using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;
using testing_support::UpstreamServer;

constexpr size_t kChunkBytes = 100'000;

class S3StoreUpstream : public testing::Test {
 protected:
  void SetUp() override {
    io::ReactorOptions reactor_options;
    reactor_options.pool_bytes = 128 * MiB;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(reactor_options);
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
    server_ = UpstreamServer::start_cairn();
    ASSERT_NE(server_, nullptr) << "CAIRN_BINARY names the server that is the upstream";
    ASSERT_TRUE(wait(server_->make_bucket("home")).has_value());
  }
  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  S3StoreOptions options() {
    S3StoreOptions options;
    options.place = {"home", "packs/", server_->client_options()};
    options.store_id = {1, 2, 3};
    options.create = true;
    options.references = &references_;
    options.gather_delay = milliseconds(1);
    options.upkeep_interval = Duration{};
    return options;
  }
  S3StoreOptions with_snapshot() {
    S3StoreOptions with = options();
    with.snapshot_path = directory_.sub("snapshot");
    return with;
  }
  std::unique_ptr<S3Store> open(S3StoreOptions with) {
    Result<std::unique_ptr<S3Store>> store = wait(S3Store::open(std::move(with)));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  Error open_error(S3StoreOptions with) {
    Result<std::unique_ptr<S3Store>> store = wait(S3Store::open(std::move(with)));
    EXPECT_FALSE(store.has_value());
    return store ? Error{} : store.error();
  }
  void close(std::unique_ptr<S3Store> store) { EXPECT_TRUE(wait(store->close()).has_value()); }

  Status put(S3Store& store, uint64_t number) {
    return wait(store.put(sample_id(number), sample_chunk(number, kChunkBytes), sample_owner(0)));
  }
  static io::Task<void> put_one(S3Store& store, uint64_t number, Status& done) {
    done =
        co_await store.put(sample_id(number), sample_chunk(number, kChunkBytes), sample_owner(0));
  }
  static io::Task<void> put_side_by_side(S3Store& store, uint64_t count) {
    std::vector<Status> done(count);
    io::Scope scope;
    for (uint64_t number = 0; number < count; ++number) {
      scope.spawn(put_one(store, number, done[number]));
    }
    co_await scope.join();
    for (const Status& status : done) EXPECT_TRUE(status.has_value());
  }
  bool unlink(S3Store& store, uint64_t number) {
    const Result<bool> dropped = wait(store.unlink(sample_id(number), sample_owner(0)));
    EXPECT_TRUE(dropped.has_value()) << (dropped ? "" : dropped.error().message);
    return dropped.value_or(false);
  }
  void expect_stored(S3Store& store, uint64_t number) {
    const Result<SealedRead> got = wait(store.read(sample_id(number), {0, kChunkBytes}));
    ASSERT_TRUE(got.has_value()) << "chunk " << number << ": " << got.error().message;
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, kChunkBytes)));
    EXPECT_TRUE(wait(store.verify(sample_id(number))).has_value());
  }
  void expect_absent(S3Store& store, uint64_t number) {
    const Result<SealedRead> got = wait(store.read(sample_id(number), {0, 1}));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, Code::kNotFound);
  }
  void keep_up(S3Store& store) {
    for (bool more = true; more;) {
      const Result<bool> done = wait(store.upkeep());
      ASSERT_TRUE(done.has_value()) << done.error().message;
      more = *done;
    }
  }
  size_t packs_upstream() {
    size_t count = 0;
    for (const std::string& name : wait(server_->names("home", "packs/"))) {
      count += is_log_file_name(name) ? 1 : 0;
    }
    return count;
  }
  std::string first_pack() {
    for (const std::string& name : wait(server_->names("home", "packs/"))) {
      if (is_log_file_name(name)) return name;
    }
    return "";
  }
  // Replaces an object by what `change` makes of it.
  template <typename Change>
  void damage(const std::string& name, Change change) {
    wait(replace(name, std::move(change)));
  }
  template <typename Change>
  io::Task<void> replace(std::string name, Change change) {
    auto client = transfer::S3Client::create(server_->client_options());
    EXPECT_TRUE(client.has_value());
    auto object = co_await (*client)->get("home", "packs/" + name, "", std::nullopt, "", {});
    EXPECT_TRUE(object.has_value());
    Result<std::string> bytes = co_await object->response.receive_all(128 * MiB);
    EXPECT_TRUE(bytes.has_value());
    change(*bytes);
    auto put =
        co_await (*client)->put("home", "packs/" + name, {.bytes = as_bytes(*bytes)}, {}, {});
    EXPECT_TRUE(put.has_value());
    co_await (*client)->close();
  }

  testing_support::TemporaryDirectory directory_;
  testing_support::SampleReferences references_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<UpstreamServer> server_;
};

TEST_F(S3StoreUpstream, PutsSideBySideShareAPack) {
  auto store = open(options());
  wait(put_side_by_side(*store, 20));
  EXPECT_EQ(packs_upstream(), 1U);
  EXPECT_EQ(store->metrics().flush_groups, 1U);
  for (uint64_t number = 0; number < 20; ++number) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, APackIsNeverLargerThanItMayBe) {
  S3StoreOptions small = options();
  small.pack_bytes_max = kPackBytesMin;
  auto store = open(std::move(small));
  const uint64_t count = 3 * kPackBytesMin / kChunkBytes;
  wait(put_side_by_side(*store, count));
  EXPECT_GE(packs_upstream(), 3U);
  EXPECT_LE(packs_upstream(), 6U);
  EXPECT_LE(wait(store->usage())->allocated_bytes, packs_upstream() * kPackBytesMin);
  for (uint64_t number = 0; number < count; number += 37) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, WithoutASnapshotEveryFooterIsRead) {
  auto store = open(options());
  for (uint64_t number = 0; number < 5; ++number) ASSERT_TRUE(put(*store, number).has_value());
  close(std::move(store));
  store = open(options());
  EXPECT_EQ(store->recovery().packs_count, 5U);
  EXPECT_EQ(store->recovery().from_snapshot_count, 0U);
  for (uint64_t number = 0; number < 5; ++number) expect_stored(*store, number);
  EXPECT_EQ(wait(store->usage())->chunks_count, 5U);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, ASnapshotKnowsThePacksOfItsTimeAndFootersTheOthers) {
  auto store = open(with_snapshot());
  for (uint64_t number = 0; number < 5; ++number) ASSERT_TRUE(put(*store, number).has_value());
  EXPECT_TRUE(unlink(*store, 4));
  close(std::move(store));
  // This one saves nothing: what it adds and drops is news to the next.
  store = open(options());
  ASSERT_TRUE(put(*store, 5).has_value());
  EXPECT_TRUE(unlink(*store, 0));
  keep_up(*store);
  close(std::move(store));
  store = open(with_snapshot());
  EXPECT_EQ(store->recovery().from_snapshot_count, 3U);
  expect_absent(*store, 0);
  for (uint64_t number : {1, 2, 3, 5}) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, ADamagedSnapshotCostsTimeOnly) {
  auto store = open(with_snapshot());
  for (uint64_t number = 0; number < 3; ++number) ASSERT_TRUE(put(*store, number).has_value());
  close(std::move(store));
  std::fstream file(directory_.sub("snapshot"), std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.is_open());
  file.seekp(100);
  file.put('\x5a');
  file.close();
  store = open(with_snapshot());
  EXPECT_EQ(store->recovery().from_snapshot_count, 0U);
  for (uint64_t number = 0; number < 3; ++number) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, APackWithoutLiveChunksIsRemovedUpstream) {
  auto store = open(options());
  wait(put_side_by_side(*store, 8));
  for (uint64_t number = 0; number < 7; ++number) EXPECT_TRUE(unlink(*store, number));
  EXPECT_EQ(packs_upstream(), 1U);
  EXPECT_TRUE(unlink(*store, 7));
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 0U);
  EXPECT_EQ(wait(store->usage())->allocated_bytes, 0U);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, ADropBeforeACrashLeavesAnOrphanThatIsDroppedAgain) {
  auto store = open(options());
  wait(put_side_by_side(*store, 4));
  EXPECT_TRUE(unlink(*store, 2));
  close(std::move(store));
  store = open(options());
  const std::vector<ChunkStat> all = wait(store->list(std::nullopt, 100)).value();
  EXPECT_EQ(all.size(), 4U);
  EXPECT_TRUE(unlink(*store, 2));
  expect_absent(*store, 2);
  for (uint64_t number : {0, 1, 3}) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, AMostlyDeadPackIsRewritten) {
  auto store = open(with_snapshot());
  wait(put_side_by_side(*store, 20));
  const std::string before = first_pack();
  for (uint64_t number = 0; number < 15; ++number) EXPECT_TRUE(unlink(*store, number));
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 1U);
  EXPECT_NE(first_pack(), before);
  EXPECT_LT(wait(store->usage())->allocated_bytes, 7 * kChunkBytes);
  for (uint64_t number = 15; number < 20; ++number) expect_stored(*store, number);
  close(std::move(store));
  store = open(with_snapshot());
  for (uint64_t number = 15; number < 20; ++number) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, SmallPacksAreJoined) {
  auto store = open(options());
  for (uint64_t number = 0; number < 20; ++number) ASSERT_TRUE(put(*store, number).has_value());
  EXPECT_EQ(packs_upstream(), 20U);
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 1U);
  for (uint64_t number = 0; number < 20; ++number) expect_stored(*store, number);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, ReadsGoOnWhileTheirPackIsRewritten) {
  auto store = open(options());
  wait(put_side_by_side(*store, 30));
  for (uint64_t number = 0; number < 20; ++number) EXPECT_TRUE(unlink(*store, number));
  const auto reader = [](S3Store& of, bool& stop) -> io::Task<void> {
    while (!stop) {
      for (uint64_t number = 20; number < 30; ++number) {
        const Result<SealedRead> got = co_await of.read(sample_id(number), {5000, 3000});
        EXPECT_TRUE(got.has_value()) << (got ? "" : got.error().message);
        if (!got) continue;
        const Bytes whole = sample_bytes(number, kChunkBytes);
        EXPECT_TRUE(std::ranges::equal(got->payload.view(), BytesView(whole).subspan(5000, 3000)));
      }
    }
  };
  const auto upkeep = [](S3Store& of, bool& stop) -> io::Task<void> {
    for (int pass = 0; pass < 3; ++pass) {
      const Result<bool> done = co_await of.upkeep();
      EXPECT_TRUE(done.has_value());
    }
    stop = true;
  };
  const auto both = [&](S3Store& of) -> io::Task<void> {
    bool stop = false;
    io::Scope scope;
    for (int i = 0; i < 4; ++i) scope.spawn(reader(of, stop));
    scope.spawn(upkeep(of, stop));
    co_await scope.join();
  };
  wait(both(*store));
  EXPECT_LE(packs_upstream(), 2U) << "a pack that is being read is not removed";
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 1U);
  close(std::move(store));
}

// A core of its own: works on the store, tells that it is done, and runs on until the store is
// closed, whose connections here are closed here.
struct Core {
  Core(S3Store& store, uint64_t seed, std::atomic<int>& working)
      : thread([this, &store, seed, &working] { live(store, seed, working); }) {}
  void live(S3Store& store, uint64_t seed, std::atomic<int>& working) {
    io::ReactorOptions options;
    options.pool_bytes = 64 * MiB;
    Result<std::unique_ptr<io::Reactor>> made = io::Reactor::create(options);
    ASSERT_TRUE(made.has_value());
    reactor = made->get();
    (*made)->run(run(store, seed, working, *this));
  }
  static io::Task<void> run(S3Store& store, uint64_t seed, std::atomic<int>& working, Core& core) {
    io::Scope scope;
    for (uint64_t task = 0; task < 4; ++task) scope.spawn(hammer(store, seed * 8 + task, 15));
    co_await scope.join();
    --working;
    co_await core.closed.wait();
  }
  io::Event closed;
  std::atomic<io::Reactor*> reactor{nullptr};
  std::thread thread;
};

TEST_F(S3StoreUpstream, SeveralCoresAndTheUpkeepShareTheStore) {
  auto store = open(with_snapshot());
  std::atomic<int> working{2};
  std::vector<std::unique_ptr<Core>> cores;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    cores.push_back(std::make_unique<Core>(*store, seed, working));
  }
  while (working.load() != 0) {
    const Result<bool> done = wait(store->upkeep());
    ASSERT_TRUE(done.has_value()) << done.error().message;
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(5))).has_value());
  }
  EXPECT_EQ(wait(store->usage())->chunks_count, 0U) << "the last holder's unlink drops";
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 0U);
  close(std::move(store));
  for (const std::unique_ptr<Core>& core : cores) {
    io::Reactor* const reactor = core->reactor.load();
    ASSERT_NE(reactor, nullptr);
    Core* const each = core.get();
    reactor->post([each] { each->closed.set(); });
    core->thread.join();
  }
}

// What a crash leaves between a durable new pack and the removal of the old one: two packs with
// the same chunk. Two stores of one name make them here.
TEST_F(S3StoreUpstream, OfTwoCopiesOneIsKeptAndTheOtherGivenBack) {
  auto first = open(options());
  auto second = open(options());
  ASSERT_TRUE(put(*first, 1).has_value());
  ASSERT_TRUE(put(*second, 1).has_value());
  ASSERT_TRUE(put(*second, 2).has_value());
  close(std::move(first));
  close(std::move(second));
  EXPECT_EQ(packs_upstream(), 3U);
  auto store = open(options());
  EXPECT_EQ(wait(store->usage())->chunks_count, 2U);
  keep_up(*store);
  EXPECT_EQ(packs_upstream(), 2U);
  expect_stored(*store, 1);
  expect_stored(*store, 2);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, APrefixBelongsToOneStore) {
  close(open(options()));
  S3StoreOptions other = options();
  other.store_id = {9};
  const Error error = open_error(std::move(other));
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_TRUE(error.message.contains("another data directory")) << error.message;
}

TEST_F(S3StoreUpstream, WhatIsWrongAtStartIsToldInWords) {
  S3StoreOptions lost = options();
  lost.create = false;
  EXPECT_EQ(open_error(std::move(lost)).code, Code::kNotFound);
  S3StoreOptions elsewhere = options();
  elsewhere.place.bucket = "no-such-bucket";
  const Error absent = open_error(std::move(elsewhere));
  EXPECT_EQ(absent.code, Code::kNotFound);
  EXPECT_TRUE(absent.message.contains("create it")) << absent.message;
  S3StoreOptions stranger = options();
  stranger.place.client.identity.secret = "wrong";
  const Error refused = open_error(std::move(stranger));
  EXPECT_EQ(refused.code, Code::kPermissionDenied);
  EXPECT_FALSE(refused.message.contains("wrong")) << "secrets are never told: " << refused.message;
}

TEST_F(S3StoreUpstream, ADamagedFooterIsReplacedByAWalkAndThePackKept) {
  auto store = open(options());
  wait(put_side_by_side(*store, 6));
  close(std::move(store));
  const std::string pack = first_pack();
  damage(pack, [](std::string& bytes) { bytes[bytes.size() - 100] ^= 1; });
  store = open(options());
  for (uint64_t number = 0; number < 6; ++number) expect_stored(*store, number);
  for (uint64_t number = 0; number < 6; ++number) EXPECT_TRUE(unlink(*store, number));
  keep_up(*store);
  EXPECT_EQ(first_pack(), pack) << "what is behind the damage may be the last copy of something";
  close(std::move(store));
}

TEST_F(S3StoreUpstream, DamagedBytesAreAnErrorAndNeverServedWhole) {
  auto store = open(options());
  ASSERT_TRUE(put(*store, 1).has_value());
  close(std::move(store));
  damage(first_pack(), [](std::string& bytes) { bytes[2 * kBlockBytes + 500] ^= 1; });
  store = open(options());
  EXPECT_EQ(wait(store->read(sample_id(1), {0, kChunkBytes})).error().code, Code::kCorruption);
  EXPECT_EQ(wait(store->verify(sample_id(1))).error().code, Code::kCorruption);
  EXPECT_GE(store->metrics().checksum_failures, 2U);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, AnObjectThatWasReplacedIsNotRead) {
  auto store = open(options());
  ASSERT_TRUE(put(*store, 1).has_value());
  damage(first_pack(), [](std::string& bytes) { bytes[2 * kBlockBytes + 500] ^= 1; });
  const Result<SealedRead> got = wait(store->read(sample_id(1), {10, 20}));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kCorruption);
  EXPECT_TRUE(got.error().message.contains("not the one that was written")) << got.error().message;
  close(std::move(store));
}

TEST_F(S3StoreUpstream, ADeadUpstreamIsUnavailableSoonAndAtOnceAfterwards) {
  auto store = open(options());
  ASSERT_TRUE(put(*store, 1).has_value());
  server_->stop();
  for (unsigned i = 0; i < UpstreamBreaker::kFailuresUntilOpen; ++i) {
    const Status done = put(*store, 2);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Code::kUnavailable);
  }
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(put(*store, 2).error().code, Code::kUnavailable);
  EXPECT_EQ(wait(store->read(sample_id(1), {0, 10})).error().code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(50));
  server_->start_again();
  Status done = put(*store, 2);
  for (int tries = 0; !done && tries < 100; ++tries) {
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(100))).has_value());
    done = put(*store, 2);
  }
  EXPECT_TRUE(done.has_value());
  expect_stored(*store, 1);
  expect_stored(*store, 2);
  close(std::move(store));
}

TEST_F(S3StoreUpstream, AnUpstreamThatHangsFailsAPutAndLeavesNothingVisible) {
  S3StoreOptions quick = options();
  quick.place.client.http.head_timeout = milliseconds(200);
  quick.place.client.http.stall_timeout = milliseconds(200);
  auto store = open(std::move(quick));
  server_->freeze();
  EXPECT_EQ(put(*store, 1).error().code, Code::kUnavailable);
  server_->thaw();
  expect_absent(*store, 1);
  EXPECT_FALSE(wait(store->link(sample_id(1), sample_owner(3))).value());
  // The frozen server may have taken the pack: a repeat is another pack, and both may be there.
  ASSERT_TRUE(put(*store, 1).has_value());
  close(std::move(store));
  store = open(options());
  expect_stored(*store, 1);
  close(std::move(store));
}

}  // namespace
}  // namespace cairn::storage
