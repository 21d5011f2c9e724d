// Property: the simulated disk keeps what was synced, treats what was not by its fault model, and
// repeats for a seed; virtual time passes only by timers; the simulated network delivers in order.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

#include "io/scope.h"
#include "io/sim_file_system.h"
#include "io/sim_network.h"
#include "io/sim_time.h"

namespace cairn::io {
namespace {

class SimTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = create_simulated_reactor(clock_, 64 * MiB);
    ASSERT_TRUE(made) << made.error().message;
    reactor_ = std::move(*made);
  }
  template <typename T>
  T run(Task<T> task) {
    return reactor_->run(std::move(task));
  }

  SimClock clock_;
  std::unique_ptr<Reactor> reactor_;
};

Bytes bytes_of(uint8_t value, size_t size) {
  return Bytes(size, value);
}

// Writes `synced` and flushes file and directory, then writes `volatile_part` behind it unflushed.
Task<Status> write_two(SimFileSystem& disk, Bytes synced, Bytes volatile_part) {
  std::unique_ptr<File> file =
      co_await or_return(disk.open("/d/f", {.write = true, .create = true}));
  co_await or_return(file->write_all(synced, 0));
  co_await or_return(file->sync_data());
  co_await or_return(disk.sync_directory("/d"));
  co_await or_return(file->write_all(volatile_part, synced.size()));
  co_await file->close();
  co_return Status{};
}

Task<Result<Bytes>> read_all(SimFileSystem& disk, std::string path) {
  std::unique_ptr<File> file = co_await or_return(disk.open(path, {}));
  const uint64_t size_bytes = co_await or_return(file->size());
  Bytes bytes(size_bytes);
  co_await or_return(file->read_exact(bytes, 0));
  co_return bytes;
}

TEST_F(SimTest, SyncedBytesSurviveEveryCutAndVolatileOnesAreKeptDroppedOrTorn) {
  std::set<size_t> kept_sizes;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SimFileSystem disk({.seed = seed});
    ASSERT_TRUE(run(write_two(disk, bytes_of(1, 5000), bytes_of(2, 4096))));
    disk.cut_power();
    EXPECT_FALSE(run(read_all(disk, "/d/f")));
    disk.restart();
    const Result<Bytes> back = run(read_all(disk, "/d/f"));
    ASSERT_TRUE(back) << "seed " << seed;
    ASSERT_GE(back->size(), 5000U);
    EXPECT_EQ(Bytes(back->begin(), back->begin() + 5000), bytes_of(1, 5000));
    kept_sizes.insert(back->size());
  }
  EXPECT_GE(kept_sizes.size(), 4U) << "the fault model must keep, drop and tear";
}

TEST_F(SimTest, ALyingSyncLosesWhatItPromised) {
  bool lost = false;
  for (uint64_t seed = 1; seed <= 20 && !lost; ++seed) {
    SimFileSystem disk({.seed = seed});
    disk.set_syncs_ignored(true);
    ASSERT_TRUE(run(write_two(disk, bytes_of(1, 5000), {})));
    disk.cut_power();
    disk.restart();
    const Result<Bytes> back = run(read_all(disk, "/d/f"));
    lost = !back || back->size() != 5000;
  }
  EXPECT_TRUE(lost);
}

TEST_F(SimTest, AnUnsyncedDirectoryEntryMayVanish) {
  bool vanished = false;
  bool stayed = false;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SimFileSystem disk({.seed = seed});
    const auto create = [](SimFileSystem& on) -> Task<Status> {
      std::unique_ptr<File> file =
          co_await or_return(on.open("/d/new", {.write = true, .create = true}));
      co_return co_await file->sync_data();
    };
    ASSERT_TRUE(run(create(disk)));
    disk.cut_power();
    disk.restart();
    (disk.files().empty() ? vanished : stayed) = true;
  }
  EXPECT_TRUE(vanished && stayed);
}

TEST_F(SimTest, PunchedAndReservedRangesAreHoles) {
  SimFileSystem disk({});
  const auto check = [](SimFileSystem& on) -> Task<Status> {
    std::unique_ptr<File> file =
        co_await or_return(on.open("/f", {.write = true, .create = true, .direct = true}));
    co_await or_return(file->allocate(0, 64 * KiB));
    Buffer block = Buffer::allocate(8192);
    block.resize(8192);
    std::fill(block.span().begin(), block.span().end(), uint8_t{7});
    co_await or_return(file->write_all(block.view(), 16384));
    uint64_t data_at = co_await or_return(file->next_data(0));
    EXPECT_EQ(data_at, 16384U);
    co_await or_return(file->punch_hole(16384, 4096));
    data_at = co_await or_return(file->next_data(0));
    EXPECT_EQ(data_at, 20480U);
    const Result<size_t> unaligned = co_await file->read_some(block.span().first(100), 0);
    EXPECT_FALSE(unaligned);
    co_return Status{};
  };
  const Status done = run(check(disk));
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(SimTest, TheNthOperationFailsAndTheDiskFills) {
  SimFileSystem disk({.capacity_bytes = 16 * KiB});
  disk.set_fault([](SimOperation operation, const std::string&, uint64_t number) {
    return operation == SimOperation::kSync && number > 0 ? fail(Code::kIo, "injected") : Status{};
  });
  EXPECT_EQ(run(write_two(disk, bytes_of(1, 100), {})).error().code, Code::kIo);
  disk.set_fault({});
  EXPECT_EQ(run(write_two(disk, bytes_of(1, 20000), {})).error().code, Code::kNoSpace);
}

TEST_F(SimTest, SleepingADayTakesNoTime) {
  const Instant before = clock_.now();
  EXPECT_TRUE(run(sleep_for(seconds(86400))));
  EXPECT_GE(clock_.now() - before, seconds(86400));
}

Task<void> answer(SimNetwork& network, Listener& listener, Bytes& seen) {
  Result<std::unique_ptr<Stream>> stream = co_await listener.accept({});
  EXPECT_TRUE(stream);
  Bytes into(seen.size());
  const Result<size_t> got = co_await (*stream)->receive_full(into, {});
  EXPECT_TRUE(got);
  seen = into;
  network.cut();
  co_await (*stream)->close();
}

TEST_F(SimTest, TheNetworkDeliversInOrderAndBreaksWhenCut) {
  SimNetwork network({.seed = 5});
  Bytes sent(300000);
  SeededRandom random(9);
  random.fill(sent);
  Bytes seen(sent.size());
  const auto talk = [](SimNetwork& on, const Bytes& bytes, Bytes& arrived) -> Task<Status> {
    std::unique_ptr<Listener> listener = co_await or_return(on.listen({"127.0.0.1", 0}, {}));
    Scope scope;
    scope.spawn(answer(on, *listener, arrived));
    std::unique_ptr<Stream> stream = co_await or_return(on.connect(listener->local(), {}));
    const std::array<BytesView, 1> pieces{bytes};
    co_await or_return(stream->send(pieces, {}));
    std::array<uint8_t, 1> one;
    const Result<size_t> after = co_await stream->receive(one, {});
    EXPECT_FALSE(after);
    co_await scope.join();
    co_await stream->close();
    co_await listener->close();
    co_return Status{};
  };
  const Status done = run(talk(network, sent, seen));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(seen, sent);
}

TEST_F(SimTest, AReceiveWithADeadlineGivesUpInVirtualTime) {
  SimNetwork network({});
  const auto wait = [](SimNetwork& on) -> Task<Result<size_t>> {
    std::unique_ptr<Listener> listener = co_await or_return(on.listen({"127.0.0.1", 0}, {}));
    std::unique_ptr<Stream> stream = co_await or_return(on.connect(listener->local(), {}));
    std::array<uint8_t, 1> into;
    const Until until{.deadline = Reactor::current().now() + seconds(60)};
    const Result<size_t> got = co_await stream->receive(into, until);
    co_await stream->close();
    co_await listener->close();
    co_return got;
  };
  const Result<size_t> got = run(wait(network));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace cairn::io
