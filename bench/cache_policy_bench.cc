// What the cache policies cost: a hit in a shard of memory, with the shard's lock and hash table; a
// look-up and a decision on a full disk; and memory by entry. CACHE_DEDUP.md, A11.
#include <benchmark/benchmark.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "bench/cachesim/mix.h"
#include "cache/admission.h"
#include "cache/disk_policy.h"
#include "cache/ram_policy.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

constexpr uint64_t kEntries = 100'000;

struct Entry : RamNode {
  uint64_t value[8] = {};  // 64 bytes.
};

struct Shard {
  std::mutex mutex;
  RamPolicy policy{{.capacity_bytes = kEntries * 2 * MiB}};
  std::unordered_map<uint64_t, Entry> entries;
};

std::unique_ptr<Shard> filled_shard() {
  auto shard = std::make_unique<Shard>();
  PlaceList departed;
  for (uint64_t id = 0; id < kEntries; ++id) {
    Entry& entry = shard->entries[hash(id)];
    entry.size_bytes = 1 * MiB;
    shard->policy.insert(entry, {}, {}, departed);
  }
  return shard;
}

// Time advances a microsecond a look-up, as on a busy core.
void look_up_in_memory(benchmark::State& state) {
  static const std::unique_ptr<Shard> shards[2] = {filled_shard(), filled_shard()};
  Shard& shard = *shards[state.thread_index() % 2];
  Instant now{};
  uint64_t id = 0;
  for (auto _ : state) {
    now = now + microseconds(1);
    PlaceList departed;
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.entries.find(hash(hash(++id) % kEntries));
    benchmark::DoNotOptimize(shard.policy.touch(at->second, now, {}, departed));
    benchmark::DoNotOptimize(at->second.value[0]);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_in_memory)->ThreadRange(1, 2);

// A tebibyte of blocks of 1 MiB and their headers in regions of 128 MiB.
struct Disk {
  DiskPolicy policy{{.regions_count = 8'192, .region_units = 32'767}, {}};
  AdmissionControl admission{{.capacity_bytes = 1 * TiB, .expected_entries = 1 * TiB / MiB}, {}};
  uint64_t blocks = 0;
};

std::unique_ptr<Disk> filled_disk() {
  auto disk = std::make_unique<Disk>();
  for (uint64_t region = 0; region < 8'192; ++region) {
    disk->policy.open_region(disk->policy.next_region());
    while (const auto place = disk->policy.place(1 * MiB + kDiskUnitBytes)) {
      disk->policy.commit(hash(disk->blocks++), *place, {}, false, {});
    }
  }
  for (uint64_t id = 0; id < 2 * disk->blocks; ++id) {
    disk->admission.decide(hash(id + (uint64_t{1} << 40)), 1 * MiB, 1, {}, {});
  }
  return disk;
}

void look_up_on_disk(benchmark::State& state) {
  static const std::unique_ptr<Disk> disk = filled_disk();
  Instant now{};
  uint64_t id = 0;
  for (auto _ : state) {
    now = now + microseconds(1);
    benchmark::DoNotOptimize(disk->policy.look_up(hash(hash(++id) % disk->blocks), now, {}));
  }
  state.SetItemsProcessed(state.iterations());
  const auto entries = static_cast<double>(disk->policy.entries_count());
  state.counters["index_bytes_per_entry"] =
      static_cast<double>(disk->policy.memory_bytes()) / entries;
  state.counters["ghost_bytes_per_entry"] =
      static_cast<double>(disk->admission.ghost().memory_bytes()) / entries;
}
BENCHMARK(look_up_on_disk);

void decide_on_a_miss(benchmark::State& state) {
  static const std::unique_ptr<Disk> disk = filled_disk();
  Instant now{};
  uint64_t id = 0;
  for (auto _ : state) {
    now = now + microseconds(1);
    benchmark::DoNotOptimize(
        disk->admission.decide(hash(++id), 1 * MiB, 1, {}, now, disk->policy.state()));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decide_on_a_miss);

}  // namespace
}  // namespace cairn::cache

BENCHMARK_MAIN();
