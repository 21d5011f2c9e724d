// Property: after a power cut at any instant every acknowledged chunk is there and verifies, and
// nothing that is there is torn; dropped chunks may come back whole (they are unreferenced then).
// Method: one seeded workload on the simulated disk, cut at every change in turn, reopened,
// compared. Negative control: with syncs that lie, acknowledged chunks are lost.
#include <cstdlib>
#include <set>

#include "io/sim_file_system.h"
#include "tests/support/store_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;
using testing_support::StoreFixture;

// What the workload was told.
struct Told {
  std::set<uint64_t> acknowledged;  // Puts that succeeded and were not dropped since.
  std::set<uint64_t> dropped;       // Drops that were asked for.
};

size_t size_of(uint64_t number) {
  return 20000 + (number * 7919) % 300000;
}

io::Task<void> put_told(VolumeStore& store, uint64_t number, Told& told) {
  const Status done = co_await store.put(sample_id(number), sample_chunk(number, size_of(number)),
                                         sample_owner(number));
  if (done) told.acknowledged.insert(number);
}

// Groups of concurrent puts with drops between them, enough to fill more than one log file.
io::Task<void> workload(VolumeStore& store, uint64_t seed, Told& told) {
  SeededRandom random(seed);
  uint64_t next = 0;
  for (int group = 0; group < 24; ++group) {
    io::Scope scope;
    const uint64_t count = 1 + random.below(8);
    for (uint64_t i = 0; i < count; ++i) scope.spawn(put_told(store, next++, told));
    co_await scope.join();
    for (int drops = 0; drops < 2 && !told.acknowledged.empty(); ++drops) {
      const uint64_t skip = random.below(told.acknowledged.size());
      const uint64_t victim = *std::next(told.acknowledged.begin(), static_cast<ptrdiff_t>(skip));
      told.acknowledged.erase(victim);
      told.dropped.insert(victim);
      (void)co_await store.unlink(sample_id(victim), sample_owner(victim));
    }
  }
}

class VolumeStoreCrash : public StoreFixture {
 protected:
  struct Run {
    Told told;
    uint64_t changes_count = 0;
    bool was_cut = false;
  };

  Run run_until_cut(io::SimFileSystem& disk, uint64_t seed) {
    files_ = &disk;
    SeededRandom random(seed);
    VolumeStoreOptions options = options_for({"/volume"});
    options.random = &random;
    Run run;
    Result<std::unique_ptr<VolumeStore>> store = wait(VolumeStore::open(options));
    if (store) {
      wait(workload(**store, seed, run.told));
      (void)wait((*store)->close());
    }
    run.changes_count = disk.changes_count();
    run.was_cut = disk.is_cut();
    return run;
  }

  // Acknowledged chunks that are missing or damaged; everything else that is listed must verify.
  uint64_t count_lost(io::SimFileSystem& disk, const Told& told) {
    files_ = &disk;
    Result<std::unique_ptr<VolumeStore>> opened = try_open({"/volume"});
    if (!opened) {
      EXPECT_TRUE(told.acknowledged.empty()) << opened.error().message;
      return told.acknowledged.size();
    }
    VolumeStore& store = **opened;
    uint64_t lost = 0;
    for (const uint64_t number : told.acknowledged) {
      const Result<SealedRead> got = wait(store.read(sample_id(number), {0, size_of(number)}));
      const bool right =
          got && got->header == sample_header(number) &&
          std::ranges::equal(got->payload.view(), sample_bytes(number, size_of(number)));
      if (!right) ++lost;
    }
    const std::vector<ChunkStat> listed = wait(store.list(std::nullopt, 10000)).value();
    for (const ChunkStat& stat : listed) {
      EXPECT_TRUE(wait(store.verify(stat.id)).has_value()) << "a torn chunk is visible";
    }
    quarantined_count_ += store.metrics().quarantined_files;
    close(std::move(*opened));
    return lost;
  }

  uint64_t quarantined_count_ = 0;
};

// CAIRN_CRASH_SEEDS=20 for a long run; each seed is another workload and other fates of writes.
uint64_t seeds_count() {
  const char* text = std::getenv("CAIRN_CRASH_SEEDS");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

TEST_F(VolumeStoreCrash, AcknowledgedChunksSurviveACutAtEveryChange) {
  for (uint64_t seed = 1; seed <= seeds_count(); ++seed) {
    io::SimFileSystem whole({.seed = seed});
    const uint64_t changes_count = run_until_cut(whole, seed).changes_count;
    ASSERT_GT(changes_count, 100U);
    uint64_t acknowledged_sum = 0;
    for (uint64_t cut = 1; cut <= changes_count; ++cut) {
      SCOPED_TRACE(testing::Message() << "seed=" << seed << " cut=" << cut);
      io::SimFileSystem disk({.seed = seed * 1000 + cut, .cut_after_changes = cut});
      const Run run = run_until_cut(disk, seed);
      if (!run.was_cut) continue;  // Another interleaving needed fewer changes.
      disk.restart();
      ASSERT_EQ(count_lost(disk, run.told), 0U);
      acknowledged_sum += run.told.acknowledged.size();
    }
    EXPECT_GT(acknowledged_sum, changes_count * 5) << "the cuts must come after acknowledgements";
  }
  EXPECT_EQ(quarantined_count_, 0U) << "a crash makes no file that is not understood";
}

TEST_F(VolumeStoreCrash, ASecondCutDuringRecoveryLosesNothingEither) {
  for (uint64_t cut = 1; cut <= 25; ++cut) {
    SCOPED_TRACE(testing::Message() << "second cut=" << cut);
    io::SimFileSystem disk({.seed = cut, .cut_after_changes = 140});
    const Run run = run_until_cut(disk, 5);
    ASSERT_TRUE(run.was_cut);
    disk.restart();
    // The second cut is made by a fault that pulls the plug at the n-th change of the recovery.
    const uint64_t begin = disk.changes_count();
    disk.set_fault([&disk, begin, cut](io::SimOperation, const std::string&, uint64_t) -> Status {
      if (!disk.is_cut() && disk.changes_count() >= begin + cut) disk.cut_power();
      return {};
    });
    files_ = &disk;
    Result<std::unique_ptr<VolumeStore>> opened = try_open({"/volume"});
    if (opened) (void)wait((*opened)->close());
    disk.set_fault({});
    if (!disk.is_cut()) disk.cut_power();
    disk.restart();
    ASSERT_EQ(count_lost(disk, run.told), 0U);
  }
}

TEST_F(VolumeStoreCrash, WithLyingSyncsAcknowledgedChunksAreLost) {
  uint64_t lost = 0;
  for (uint64_t cut = 60; cut <= 140; cut += 10) {
    io::SimFileSystem disk({.seed = cut, .cut_after_changes = cut});
    files_ = &disk;
    // The volume itself is made with honest syncs, so that it opens again.
    close(open({"/volume"}));
    disk.set_syncs_ignored(true);
    const Run run = run_until_cut(disk, 3);
    ASSERT_TRUE(run.was_cut);
    disk.set_syncs_ignored(false);
    disk.restart();
    lost += count_lost(disk, run.told);
  }
  EXPECT_GT(lost, 0U);
}

}  // namespace
}  // namespace cairn::storage
