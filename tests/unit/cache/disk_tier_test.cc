// What a disk tier does beyond the contract of a store: what it fetches, what it keeps, what a
// restart finds, and that many readers make one fetch.
#include "cache/disk_tier.h"

#include <filesystem>

#include "cache/region_format.h"
#include "io/reactor_group.h"
#include "tests/support/tier_fixture.h"

namespace cairn::cache {
namespace {

using namespace testing_support;

class DiskTierTest : public TierFixture {
 protected:
  static io::Task<void> read_whole(DiskTier& tier, uint64_t number, size_t size, int& failed) {
    const Result<storage::SealedRead> got = co_await tier.read(sample_id(number), {0, size});
    if (!got) {
      ++failed;
      co_return;
    }
    EXPECT_EQ(got->header, sample_header(number));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(number, size)));
  }
  // So many readers of one chunk begin before the home answers the first.
  static io::Task<void> read_side_by_side(DiskTier& tier, CountingHome& home, int readers,
                                          size_t size, int& failed) {
    home.gate.reset();
    io::Scope scope;
    for (int i = 0; i < readers; ++i) scope.spawn(read_whole(tier, 1, size, failed));
    co_await io::yield();
    home.gate.set();
    co_await scope.join();
  }
};

TEST_F(DiskTierTest, WhatWasReadOnceIsReadFromTheDisk) {
  open();
  put_home(1, 4);
  for (uint64_t number = 1; number <= 4; ++number) expect_read(number, {0, kWhole});
  settle();
  const size_t reads_before = home_.reads.size();
  for (uint64_t number = 1; number <= 4; ++number) {
    for (const ByteRange range :
         {ByteRange{0, kWhole}, ByteRange{0, UINT64_MAX}, ByteRange{5, 1}, ByteRange{MiB - 1, 2},
          ByteRange{kWhole - 1, 100}, ByteRange{kWhole, 1}, ByteRange{2 * MiB, 70'000}}) {
      expect_read(number, range);
    }
    EXPECT_EQ(wait(tier_->read(sample_id(number), {0, 0}))->header, sample_header(number));
  }
  EXPECT_EQ(home_.reads.size(), reads_before);
  const DiskTierMetrics metrics = tier_->metrics();
  EXPECT_EQ(metrics.misses_count, 16U);
  EXPECT_EQ(metrics.fetches_count, 4U);
  EXPECT_EQ(metrics.miss_bytes, 4 * kWhole);
  EXPECT_EQ(metrics.written_entries, 16U);
  EXPECT_EQ(metrics.rotten_entries, 0U);
}

TEST_F(DiskTierTest, AShortRangeFetchesItsFramesAndALongOneItsBlock) {
  open();
  put_home(1, 1);
  expect_read(1, {130 * KiB, 10});
  expect_read(1, {MiB + 60 * KiB, 100 * KiB});
  expect_read(1, {2 * MiB + 5, 800 * KiB});
  const std::vector<ByteRange> expected = {
      {128 * KiB, 64 * KiB}, {MiB, 192 * KiB}, {2 * MiB, 1 * MiB}};
  EXPECT_EQ(home_.reads, expected);
  settle();
  // Each is an entry, and serves what lies inside it.
  expect_read(1, {140 * KiB, 1000});
  expect_read(1, {MiB + 128 * KiB, 64 * KiB});
  expect_read(1, {3 * MiB - 10, 10});
  EXPECT_EQ(home_.reads.size(), 3U);
  // A block that is fetched whole takes the place of its parts.
  expect_read(1, {0, MiB});
  settle();
  EXPECT_EQ(home_.reads.size(), 4U);
  EXPECT_EQ(tier_->metrics().entries_count, 3U);
}

TEST_F(DiskTierTest, AReadThatIsHalfThereFetchesTheOtherHalfInOneGo) {
  open();
  put_home(1, 1, 8 * MiB);
  expect_read(1, {0, MiB}, 8 * MiB);
  expect_read(1, {4 * MiB, MiB}, 8 * MiB);
  settle();
  home_.reads.clear();
  expect_read(1, {0, 8 * MiB}, 8 * MiB);
  const std::vector<ByteRange> expected = {{MiB, 3 * MiB}, {5 * MiB, 3 * MiB}};
  EXPECT_EQ(home_.reads, expected);
}

TEST_F(DiskTierTest, WhatAReaderSaysDecidesWhatIsKept) {
  DiskTierOptions how = options();
  how.first_miss_chance = 0;
  open(how);
  put_home(1, 5);
  const auto read = [&](uint64_t number, storage::ReadOptions options) {
    ASSERT_TRUE(wait(tier_->read(sample_id(number), {0, MiB}, options)));
    settle();
  };
  uint64_t cached_bytes = 0;
  read(1, {.pin = true, .cached_bytes = &cached_bytes});
  read(2, {.frequency = 2});
  read(3, {.frequency = 1});
  read(4, {.no_cache = true, .frequency = 2});
  read(5, {.stream = true, .frequency = 2});
  EXPECT_EQ(cached_bytes, 0U);
  const DiskTierMetrics metrics = tier_->metrics();
  EXPECT_EQ(metrics.admitted_pinned, 1U);
  EXPECT_EQ(metrics.admitted_frequent, 1U);
  EXPECT_EQ(metrics.entries_count, 2U);
  EXPECT_EQ(metrics.pinned_bytes, MiB + 4 * KiB);
  // What is there already is pinned where it lies, and said to have been there.
  read(2, {.pin = true, .cached_bytes = &cached_bytes});
  EXPECT_EQ(cached_bytes, MiB);
  EXPECT_EQ(tier_->metrics().pinned_bytes, 2 * (MiB + 4 * KiB));
  EXPECT_EQ(home_.reads.size(), 5U);
}

TEST_F(DiskTierTest, WhatIsEvictedIsReadFromTheHomeAgain) {
  open();
  put_home(1, 2);
  expect_read(1, {0, kWhole});
  expect_read(2, {0, kWhole});
  settle();
  EXPECT_EQ(tier_->cached_bytes(sample_id(1), {0, kWhole}).cached, kWhole);
  EXPECT_EQ(tier_->cached_bytes(sample_id(1), {MiB - 10, 20}).cached, 20U);
  tier_->evict_chunk(sample_id(1));
  EXPECT_EQ(tier_->cached_bytes(sample_id(1), {0, kWhole}).cached, 0U);
  home_.reads.clear();
  expect_read(2, {0, kWhole});
  EXPECT_TRUE(home_.reads.empty());
  expect_read(1, {0, kWhole});
  EXPECT_EQ(home_.reads.size(), 1U);
}

TEST_F(DiskTierTest, AReaderWhomItGaveWrongBytesGetsTheHomes) {
  open();
  put_home(1, 2);
  expect_read(1, {0, kWhole});
  expect_read(2, {0, kWhole});
  settle();
  home_.reads.clear();
  ASSERT_TRUE(wait(tier_->read(sample_id(1), {0, MiB}, {.distrust = 1})));
  EXPECT_EQ(home_.reads, std::vector<ByteRange>({{0, MiB}}));
  // The rest of the chunk is no better, and of other chunks nothing was said.
  EXPECT_EQ(tier_->cached_bytes(sample_id(1), {MiB, kWhole - MiB}).cached, 0U);
  EXPECT_EQ(tier_->cached_bytes(sample_id(2), {0, kWhole}).cached, kWhole);
}

TEST_F(DiskTierTest, EvictingWhileItIsReadDisturbsNoReader) {
  open();
  put_home(1, 1);
  int failed = 0;
  const auto evict_between = [&]() -> io::Task<void> {
    io::Scope scope;
    for (int i = 0; i < 20; ++i) {
      scope.spawn(read_whole(*tier_, 1, kWhole, failed));
      tier_->evict_chunk(sample_id(1));
      co_await io::yield();
      tier_->evict_chunk(sample_id(1));
    }
    co_await scope.join();
  };
  wait(evict_between());
  EXPECT_EQ(failed, 0);
}

TEST_F(DiskTierTest, PinsHaveHalfOfTheDisk) {
  open();
  put_home(1, 24);
  for (uint64_t number = 1; number <= 24; ++number) {
    ASSERT_TRUE(wait(tier_->read(sample_id(number), {0, kWhole}, {.pin = true})));
    settle();
  }
  const DiskTierMetrics metrics = tier_->metrics();
  EXPECT_GT(metrics.pins_refused, 0U);
  EXPECT_LE(metrics.pinned_bytes, metrics.capacity_bytes / 2);
  EXPECT_GE(metrics.pinned_bytes, metrics.capacity_bytes / 2 - 2 * MiB);
  size_t unpinned = 0;
  for (uint64_t number = 1; number <= 24; ++number) {
    unpinned += tier_->unpin_chunk(sample_id(number));
  }
  EXPECT_GT(unpinned, 0U);
  EXPECT_EQ(tier_->metrics().pinned_bytes, 0U);
}

TEST_F(DiskTierTest, ALongerRunHasThePinsOfThoseThatItReplaces) {
  open();
  put_home(1, 2);
  for (const ByteRange pinned : {ByteRange{0, 64 * KiB}, ByteRange{MiB + 128 * KiB, 64 * KiB}}) {
    ASSERT_TRUE(wait(tier_->read(sample_id(1), pinned, {.pin = true})));
  }
  settle();
  EXPECT_EQ(tier_->metrics().pinned_bytes, 2 * (64 * KiB + 4 * KiB));
  for (const uint64_t block : {0, 1}) expect_read(1, {block * MiB, MiB});
  settle();
  EXPECT_EQ(tier_->metrics().entries_count, 2U);
  EXPECT_EQ(tier_->metrics().pinned_bytes, 2 * (MiB + 4 * KiB));
}

// The home is quicker than the disk. What is warmed is there in the end.
TEST_F(DiskTierTest, WhoWarmsWaitsForTheDisk) {
  constexpr uint64_t kChunks = 20;
  constexpr size_t kChunkBytes = 8 * MiB;
  DiskTierOptions how = options();
  how.size_bytes = 256 * MiB;
  open(how);
  put_home(1, kChunks, kChunkBytes);
  io::Event written;
  files_.set_rule([&](const CallRecord& record) {
    return record.call == FileCall::kWrite ? Fault{.begins = &written} : Fault{};
  });
  const auto warm = [&]() -> io::Task<void> {
    for (uint64_t number = 1; number <= kChunks; ++number) {
      for (uint64_t at = 0; at < kChunkBytes; at += MiB) {
        const auto read = co_await tier_->read(sample_id(number), {at, MiB},
                                               {.urgency = storage::Urgency::kBackground});
        EXPECT_TRUE(read.has_value());
      }
    }
  };
  // The disk stands still until the queue does.
  const auto go_on = [&]() -> io::Task<void> {
    uint64_t before = 0;
    while (before == 0 || before != tier_->metrics().queued_bytes) {
      before = tier_->metrics().queued_bytes;
      (void)co_await io::sleep_for(milliseconds(50));
    }
    written.set();
  };
  const auto both = [&]() -> io::Task<void> {
    io::Scope scope;
    scope.spawn(warm());
    scope.spawn(go_on());
    co_await scope.join();
  };
  wait(both());
  settle();
  EXPECT_EQ(tier_->metrics().refused_queue, 0U);
  EXPECT_EQ(tier_->metrics().entries_count, kChunks * kChunkBytes / MiB);
  close();  // What it writes then asks for the event too.
}

TEST_F(DiskTierTest, AThousandReadersOfAColdChunkMakeOneFetch) {
  open();
  put_home(1, 1, 8 * MiB);
  int failed = 0;
  wait(read_side_by_side(*tier_, home_, 1000, 8 * MiB, failed));
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(home_.reads.size(), 1U);
  EXPECT_EQ(tier_->metrics().shared_count, 999U * 8);
}

TEST_F(DiskTierTest, ALeaderThatFailsCostsExactlyOneMoreFetch) {
  open();
  put_home(1, 1, 8 * MiB);
  home_.failures_left = 1;
  int failed = 0;
  wait(read_side_by_side(*tier_, home_, 1000, 8 * MiB, failed));
  EXPECT_EQ(failed, 1) << "the leader's own request";
  EXPECT_EQ(home_.reads.size(), 2U);
}

TEST_F(DiskTierTest, AHomeThatIsDownIsAskedTwiceForAThousandReaders) {
  open();
  put_home(1, 1, 8 * MiB);
  home_.failures_left = 1'000'000;
  int failed = 0;
  wait(read_side_by_side(*tier_, home_, 1000, 8 * MiB, failed));
  EXPECT_EQ(failed, 1000);
  EXPECT_EQ(home_.reads.size(), 2U);
  home_.failures_left = 0;
  expect_read(1, {0, 8 * MiB}, 8 * MiB);
}

TEST_F(DiskTierTest, ARestartServesWhatWasThere) {
  open();
  put_home(1, 12);
  for (uint64_t number = 1; number <= 12; ++number) expect_read(number, {0, kWhole});
  close();
  home_.reads.clear();
  open();
  EXPECT_GT(tier_->metrics().restored_regions, 3U);
  EXPECT_EQ(tier_->metrics().entries_count, 48U);
  for (uint64_t number = 1; number <= 12; ++number) expect_read(number, {0, kWhole});
  EXPECT_TRUE(home_.reads.empty());
}

TEST_F(DiskTierTest, AnotherSizeBeginsAnew) {
  open();
  put_home(1, 2);
  expect_read(1, {0, kWhole});
  close();
  cache::DiskTierOptions larger = options();
  larger.size_bytes = 100 * MiB;
  open(larger);
  EXPECT_EQ(tier_->metrics().entries_count, 0U);
  expect_read(1, {0, kWhole});
  close();
  open(larger);
  EXPECT_EQ(tier_->metrics().entries_count, 4U);
}

TEST_F(DiskTierTest, ADroppedChunkIsGoneAlsoFromTheQueue) {
  open();
  ASSERT_TRUE(wait(tier_->put(sample_id(1), sample_chunk(1, kWhole), sample_owner(1))));
  expect_read(1, {0, kWhole});  // It waits to be written, or is being written.
  ASSERT_TRUE(wait(tier_->unlink(sample_id(1), sample_owner(1))).value());
  EXPECT_EQ(wait(tier_->read(sample_id(1), {0, 10})).error().code, Code::kNotFound);
  settle();
  EXPECT_EQ(wait(tier_->read(sample_id(1), {0, 10})).error().code, Code::kNotFound);
  EXPECT_EQ(tier_->metrics().entries_count, 0U);
}

TEST_F(DiskTierTest, SealingsAreNeverMixed) {
  open();
  put_home(1, 1, 4 * MiB);
  expect_read(1, {0, MiB}, 4 * MiB);
  expect_read(1, {2 * MiB, MiB}, 4 * MiB);
  settle();
  // The home gets another sealing behind the tier's back, as after a power cut that lost a drop.
  ASSERT_TRUE(wait(home_.inner.unlink(sample_id(1), sample_owner(0))).value());
  ASSERT_TRUE(wait(home_.inner.put(sample_id(1),
                                   {sample_header(2), Buffer::copy_of(sample_bytes(2, 4 * MiB))},
                                   sample_owner(0))));
  const Result<storage::SealedRead> got = wait(tier_->read(sample_id(1), {0, 4 * MiB}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->header, sample_header(2));
  EXPECT_TRUE(std::ranges::equal(got->payload.view(), sample_bytes(2, 4 * MiB)));
  EXPECT_EQ(tier_->metrics().mixed_sealings, 1U);
  const Result<storage::SealedRead> front = wait(tier_->read(sample_id(1), {0, MiB}));
  EXPECT_EQ(front->header, sample_header(2)) << "what was cached of the other sealing is gone";
}

TEST_F(DiskTierTest, WhatExpiresDoesSoAlsoAfterARestart) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kDay = 24 * 60 * kMinute;
  const auto kept = [this] {
    home_.reads.clear();
    expect_read(1, {0, MiB}, MiB);
    return home_.reads.empty();
  };
  const auto reopen = [this](Duration monotonic, Duration wall) {
    close();
    clock_.ahead = clock_.ahead + monotonic;
    clock_.wall_ahead = clock_.wall_ahead + wall;
    open();
  };
  const auto begin = [this](uint64_t number) {
    (void)wait(tier_->read(sample_id(number), {0, MiB},
                           {.expires = clock_.now() + seconds(20 * kMinute)}));
    settle();
  };
  open();
  put_home(1, 1, MiB);
  begin(1);
  EXPECT_TRUE(kept());
  // While it runs the wall clock does not matter, and the other one ends it.
  clock_.wall_ahead = seconds(3 * kDay);
  EXPECT_TRUE(kept());
  clock_.wall_ahead = seconds(-3 * kDay);
  EXPECT_TRUE(kept());
  clock_.wall_ahead = {};
  reopen(seconds(10 * kMinute), seconds(10 * kMinute));
  EXPECT_TRUE(kept());
  clock_.ahead = clock_.ahead + seconds(11 * kMinute);
  EXPECT_FALSE(kept()) << "twenty minutes in all";

  // Down for longer than it had left; what was read meanwhile has no end.
  close();
  std::filesystem::remove(file_path());
  open();
  begin(1);
  reopen({}, seconds(21 * kMinute));
  EXPECT_FALSE(kept());
  reopen({}, seconds(kDay));
  EXPECT_TRUE(kept()) << "kept without an end when it was read again";

  // The clock was set back by days while the server was down: no more than was left.
  close();
  std::filesystem::remove(file_path());
  open();
  begin(1);
  reopen({}, seconds(-2 * kDay));
  EXPECT_TRUE(kept());
  clock_.ahead = clock_.ahead + seconds(20 * kMinute);
  EXPECT_FALSE(kept());
}

TEST_F(DiskTierTest, AFewFramesTakeOneReadOfTheDevice) {
  open();
  put_home(1, 1, 100'000);
  put_home(2, 1, MiB);
  expect_read(1, {0, 100'000}, 100'000);
  expect_read(2, {0, MiB}, MiB);
  settle();
  home_.reads.clear();
  const auto device_reads = [this] {
    return std::ranges::count_if(
        files_.calls(), [](const CallRecord& call) { return call.call == FileCall::kRead; });
  };
  const auto before = device_reads();
  expect_read(1, {0, 100'000}, 100'000);
  EXPECT_EQ(device_reads(), before + 1);
  expect_read(1, {50'000, 1'000}, 100'000);
  EXPECT_EQ(device_reads(), before + 2);
  expect_read(2, {70'000, 1'000}, MiB);
  EXPECT_EQ(device_reads(), before + 4) << "the header lies elsewhere";
  EXPECT_TRUE(home_.reads.empty());
  EXPECT_EQ(tier_->metrics().hits_count, 3U);
}

TEST_F(DiskTierTest, WhatWaitsToBeWrittenExpiresToo) {
  open();
  put_home(1, 1, MiB);
  const Instant expires = clock_.now() + seconds(3600);
  (void)wait(tier_->read(sample_id(1), {0, MiB}, {.expires = expires}));
  clock_.ahead = clock_.ahead + seconds(3600);
  home_.reads.clear();
  expect_read(1, {0, MiB}, MiB);
  EXPECT_EQ(home_.reads.size(), 1U);
}

TEST_F(DiskTierTest, WhoDistrustsWhatWasKeptGetsTheHomes) {
  open();
  put_home(1, 1);
  // The home's bytes were wrong once, and are kept with checksums that say they are as they came.
  const storage::SealedChunk wrong = sample_chunk(2, kWhole);
  ASSERT_TRUE(wait(home_.inner.unlink(sample_id(1), sample_owner(0))).value());
  ASSERT_TRUE(wait(home_.inner.put(
      sample_id(1), {sample_header(1), Buffer::copy_of(wrong.payload.view())}, sample_owner(0))));
  (void)wait(tier_->read(sample_id(1), {0, kWhole}));
  settle();
  ASSERT_TRUE(wait(home_.inner.unlink(sample_id(1), sample_owner(0))).value());
  put_home(1, 1);
  home_.reads.clear();
  const Result<storage::SealedRead> kept = wait(tier_->read(sample_id(1), {0, 1000}));
  EXPECT_FALSE(std::ranges::equal(kept->payload.view(), BytesView(sample_bytes(1, 1000))));
  EXPECT_TRUE(home_.reads.empty());

  // A look at what is at home leaves the tier as it is.
  const Result<storage::SealedRead> at_home =
      wait(tier_->read(sample_id(1), {0, 1000}, {.no_cache = true}));
  EXPECT_TRUE(std::ranges::equal(at_home->payload.view(), BytesView(sample_bytes(1, 1000))));
  EXPECT_GT(tier_->metrics().entries_count, 0U);

  const Result<storage::SealedRead> anew =
      wait(tier_->read(sample_id(1), {0, 1000}, {.distrust = 1}));
  EXPECT_TRUE(std::ranges::equal(anew->payload.view(), BytesView(sample_bytes(1, 1000))));
  EXPECT_EQ(tier_->metrics().entries_count, 0U) << "all of the chunk is forgotten";
  EXPECT_EQ(tier_->metrics().distrusted_count, 1U);
  expect_read(1, {0, kWhole});
  settle();
  home_.reads.clear();
  expect_read(1, {0, kWhole});
  EXPECT_TRUE(home_.reads.empty());
}

TEST_F(DiskTierTest, APutAfterARestartEndsWhatWasCachedBefore) {
  open();
  ASSERT_TRUE(wait(tier_->put(sample_id(1), sample_chunk(1, kWhole), sample_owner(1))));
  expect_read(1, {0, kWhole});
  close();
  // Dropped while the tier was away; its footer still names the runs.
  ASSERT_TRUE(wait(home_.unlink(sample_id(1), sample_owner(1))).value());
  open();
  ASSERT_TRUE(wait(tier_->put(sample_id(1), {sample_header(2), sample_chunk(2, kWhole).payload},
                              sample_owner(1))));
  EXPECT_EQ(wait(tier_->read(sample_id(1), {0, 10}))->header, sample_header(2));
}

TEST_F(DiskTierTest, SecondMissesAreAdmittedAndFirstOnesByChanceOnly) {
  cache::DiskTierOptions never = options();
  never.first_miss_chance = 0;
  open(never);
  put_home(1, 1);
  expect_read(1, {0, kWhole});
  expect_read(1, {0, kWhole});
  EXPECT_EQ(tier_->metrics().refused_count, 8U) << "at once again is no second reference";
  clock_.ahead = kReferenceGap + kReferenceGap;
  expect_read(1, {0, kWhole});
  settle();
  EXPECT_EQ(tier_->metrics().admitted_ghost, 4U);
  home_.reads.clear();
  expect_read(1, {0, kWhole});
  EXPECT_TRUE(home_.reads.empty());
}

TEST_F(DiskTierTest, AFullQueueRefusesAndNobodyWaits) {
  open();
  put_home(1, 60);
  const auto all = [](DiskTier& tier) -> io::Task<void> {
    // The home answers at once, so that the writer gets no turn in between.
    for (uint64_t number = 1; number <= 60; ++number) {
      co_await read_right(tier, number, {0, kWhole}, kWhole, sample_header(number));
    }
    EXPECT_LE(tier.metrics().queued_bytes, kWriteQueueBytesMax);
  };
  wait(all(*tier_));
  EXPECT_GT(tier_->metrics().refused_queue, 0U);
  settle();
  EXPECT_EQ(tier_->metrics().queued_bytes, 0U);
}

// Readers, drops and puts on several reactors at once.
struct Shared {
  storage::MemoryStore home;
  std::unique_ptr<DiskTier> tier;
  std::string directory;
};

constexpr uint64_t kSharedChunks = 12;
constexpr size_t kSharedBytes = 2 * MiB + 5;

io::Task<void> open_shared(Shared& shared, size_t reactor) {
  if (reactor != 0) co_return;
  DiskTierOptions options;
  options.directory = shared.directory;
  options.size_bytes = 64 * MiB;
  options.first_miss_chance = 1;
  options.home = &shared.home;
  shared.tier = std::move((co_await DiskTier::open(options)).value());
  for (uint64_t number = 0; number < kSharedChunks; ++number) {
    EXPECT_TRUE(co_await shared.home.put(sample_id(number), sample_chunk(number, kSharedBytes),
                                         sample_owner(0)));
  }
}

io::Task<void> read_shared(Shared& shared, size_t reactor) {
  SeededRandom random(reactor);
  for (int i = 0; i < 300; ++i) {
    const uint64_t number = random.below(kSharedChunks);
    const uint64_t from = random.below(kSharedBytes);
    const Result<storage::SealedRead> got =
        co_await shared.tier->read(sample_id(number), {from, random.below(3 * MiB)});
    EXPECT_TRUE(got.has_value());
    if (!got) continue;
    EXPECT_EQ(got->header, sample_header(number));
    const Bytes whole = sample_bytes(number, kSharedBytes);
    EXPECT_TRUE(std::ranges::equal(got->payload.view(),
                                   BytesView(whole).subspan(from, got->payload.size())));
    // A chunk of this reactor's own comes and goes meanwhile.
    const uint64_t own = 100 + reactor;
    EXPECT_TRUE(
        co_await shared.tier->put(sample_id(own), sample_chunk(own, 70'000), sample_owner(own)));
    const Result<storage::SealedRead> mine =
        co_await shared.tier->read(sample_id(own), {0, 70'000});
    EXPECT_TRUE(mine.has_value());
    EXPECT_TRUE((co_await shared.tier->unlink(sample_id(own), sample_owner(own))).value());
  }
}

io::Task<void> close_shared(Shared& shared, size_t reactor) {
  if (reactor == 0) EXPECT_TRUE(co_await shared.tier->close());
}

TEST(DiskTierThreads, ReactorsReadPutAndDropAtTheSameTime) {
  TemporaryDirectory directory;
  Shared shared;
  shared.directory = directory.sub("cache");
  io::ReactorGroupOptions options;
  options.reactors_count = 4;
  options.reactor.pool_bytes = 64 * MiB;
  const auto group = std::move(io::ReactorGroup::start(options).value());
  group->run_on_each([&](size_t reactor) { return open_shared(shared, reactor); });
  group->run_on_each([&](size_t reactor) { return read_shared(shared, reactor); });
  // A core that only reads gives the writer few turns: what waits for them is read from memory.
  EXPECT_GT(shared.tier->metrics().hits_count + shared.tier->metrics().queue_hits_count, 100U);
  EXPECT_EQ(shared.tier->metrics().rotten_entries, 0U);
  group->run_on_each([&](size_t reactor) { return close_shared(shared, reactor); });
  group->join();
}

}  // namespace
}  // namespace cairn::cache
