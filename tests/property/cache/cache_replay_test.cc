// Property: the policies keep their quality. Method: generated traces at reduced size, replayed
// through the references and through the production classes; bounds are the demands of
// CACHE_DEDUP.md section 3 relative to the reference in the same run, or what was measured when
// the bound was set, with a margin of half a point. Whole traces: bench/README.md.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.h"
#include "bench/cachesim/references.h"
#include "bench/cachesim/replay.h"
#include "bench/cachesim/stack.h"
#include "bench/cachesim/trace.h"

namespace cairn::cachesim {
namespace {

constexpr uint64_t kHotBelow = 1001;  // Ids of the hot set of the generated loads.
constexpr uint64_t kLoadsCapacityBytes = 1280 * MiB;

const Trace& mix() {
  static const Trace trace = *parse_trace(generate_csv(Synthetic::kMix, 8));
  return trace;
}
uint64_t share_of(const Trace& trace, double share) {
  return static_cast<uint64_t>(static_cast<double>(trace.footprint_bytes) * share);
}
Outcome reference(std::string_view name, const Trace& trace, uint64_t capacity_bytes) {
  return replay(trace, *make_reference(name, capacity_bytes, trace.ids.size()));
}
Outcome stack(const StackOptions& options, const Trace& trace) {
  Stack cache(options, trace);
  return replay(trace, cache, kHotBelow);
}
// One capacity, a tenth of it in memory, all of that a window: loads are followed there.
Outcome loads(Synthetic kind) {
  const Trace trace = *parse_trace(generate_csv(kind, 5));
  StackOptions options;
  options.memory_bytes = kLoadsCapacityBytes / 10;
  options.disk_bytes = kLoadsCapacityBytes - options.memory_bytes;
  options.window_share = 1;
  options.large_share = 1;
  options.fill = true;
  return stack(options, trace);
}

TEST(CacheReplay, TheGeneratorWritesThePublishedBytes) {
  const std::string csv = generate_csv(Synthetic::kMix, 1000);
  EXPECT_TRUE(csv.starts_with("0,")) << csv.substr(0, 40);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1'000);
}

TEST(CacheReplay, ReferencesGiveThePublishedRatios) {
  // LRU at 1.25 GiB on the whole trace scan4 (CACHE_DEDUP.md, finding 3); SIEVE and S3-FIFO as
  // well.
  const Trace trace = *parse_trace(generate_csv(Synthetic::kScan4));
  EXPECT_NEAR(reference("lru", trace, kLoadsCapacityBytes).miss_ratio(), 0.2293, 0.0001);
  EXPECT_NEAR(reference("sieve", trace, kLoadsCapacityBytes).miss_ratio(), 0.5487, 0.0001);
  EXPECT_NEAR(reference("s3fifo", trace, kLoadsCapacityBytes).miss_ratio(), 0.2434, 0.0001);
  EXPECT_NEAR(reference("gdsf", trace, kLoadsCapacityBytes).miss_ratio(), 0.1858, 0.0005);
}

TEST(CacheReplay, MemoryMissesHardlyMoreObjectsThanGreedyDualWithFrequencies) {
  for (const double share : {0.01, 0.1}) {
    const uint64_t capacity_bytes = share_of(mix(), share);
    StackOptions options;
    options.memory_bytes = capacity_bytes;
    EXPECT_LE(stack(options, mix()).miss_ratio(),
              reference("gdsf", mix(), capacity_bytes).miss_ratio() + 0.01)
        << share;
  }
}

TEST(CacheReplay, ADiskMissesHardlyMoreBytesThanS3Fifo) {
  const uint64_t capacity_bytes = share_of(mix(), 0.1);
  StackOptions options;
  options.memory_bytes = capacity_bytes / 10;
  options.disk_bytes = capacity_bytes - options.memory_bytes;
  options.chance = 0.3;
  options.fill = true;
  EXPECT_LE(stack(options, mix()).byte_miss_ratio(),
            reference("s3fifo", mix(), capacity_bytes).byte_miss_ratio() + 0.01);
}

// At an eighth of its size the trace repeats itself more: the whole one writes 0.044.
TEST(CacheReplay, TwoTiersWithoutFirstMissesWriteLittle) {
  StackOptions options;
  options.memory_bytes = share_of(mix(), 0.01);
  options.disk_bytes = share_of(mix(), 0.1);
  const Outcome outcome = stack(options, mix());
  EXPECT_LE(outcome.written(), 0.16);
  EXPECT_LE(outcome.byte_miss_ratio(),
            reference("lru", mix(), options.disk_bytes).byte_miss_ratio());
}

TEST(CacheReplay, AOneTimeLoadCostsTheHotSetLessThanHalfAPoint) {
  const Outcome scan = loads(Synthetic::kScan);
  const Outcome noscan = loads(Synthetic::kNoScan);
  EXPECT_LT(noscan.hot_hits / noscan.hot_requests - scan.hot_hits / scan.hot_requests, 0.005);
}

TEST(CacheReplay, FourReadersOfALoadAreNotPopularity) {
  const Outcome outcome = loads(Synthetic::kScan4);
  EXPECT_LE(outcome.written(), 0.03);  // A fifth of the trace: filling the disk weighs more.
  // Each chunk and each hot object is missed once.
  const double unavoidable = 2 * 1280 + 1000;
  EXPECT_LE(outcome.miss_ratio(), unavoidable / outcome.requests + 0.005);
}

}  // namespace
}  // namespace cairn::cachesim
