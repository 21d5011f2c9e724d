#include "cluster/hot_chunks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/units.h"

namespace cairn::cluster {
namespace {

constexpr double kNodeBytesPerSecond = 1e9;
constexpr Instant kBegin{1'000'000'000'000};

TEST(HotChunks, ColdChunkHasOneOwner) {
  HotChunks hot(kNodeBytesPerSecond);
  EXPECT_EQ(hot.ask(1, 4 * MiB, 16, kBegin), 1U);
  hot.done(1, 4 * MiB);
  EXPECT_EQ(hot.owners(1, 16, kBegin), 1U);
  EXPECT_EQ(hot.owners(2, 16, kBegin), 1U);
}

TEST(HotChunks, OwnersFollowTheRateAndFallSlowly) {
  HotChunks hot(kNodeBytesPerSecond);
  Instant now = kBegin;
  for (int i = 0; i < 1000; ++i, now = now + milliseconds(1)) {  // 1 GB/s.
    hot.ask(7, 1'000'000, 16, now);
    hot.done(7, 1'000'000);
  }
  EXPECT_EQ(hot.owners(7, 16, now), 4U);
  EXPECT_EQ(hot.owners(7, 3, now), 3U);  // There are no more nodes.
  EXPECT_EQ(hot.owners(7, 16, now + seconds(50)), 3U);
  EXPECT_EQ(hot.owners(7, 16, now + seconds(70)), 2U);
  EXPECT_EQ(hot.owners(7, 16, now + seconds(200)), 1U);
}

TEST(HotChunks, ManyAtOnceSpreadBeforeASecondIsOver) {
  HotChunks hot(kNodeBytesPerSecond);
  size_t owners = 0;
  for (int i = 0; i < 10; ++i) owners = hot.ask(7, 4'000'000, 100, kBegin);
  EXPECT_EQ(owners, 4U);  // 40 MB to send, 10 ms of sending each.
  for (int i = 0; i < 10; ++i) hot.done(7, 4'000'000);
  EXPECT_EQ(hot.owners(7, 100, kBegin), 1U);
}

TEST(HotChunks, MemoryIsBounded) {
  HotChunks hot(kNodeBytesPerSecond);
  Instant now = kBegin;
  for (int i = 0; i < 300; ++i) hot.ask(~0ULL, 10'000'000, 99, now);  // 12 owners by rate.
  for (int i = 0; i < 300; ++i) hot.done(~0ULL, 10'000'000);
  for (uint64_t key = 0; key < 5 * kHotChunksMax; ++key) {
    hot.ask(key, 1000, 99, now);
    hot.done(key, 1000);
    ASSERT_LE(hot.counted(), kHotChunksMax);
  }
  EXPECT_EQ(hot.owners(~0ULL, 99, now), 12U) << "the hot one is not the one that is forgotten";
  HotChunks busy(kNodeBytesPerSecond);
  for (uint64_t key = 0; key < 2 * kHotChunksMax; ++key) busy.ask(key, 1000, 99, now);
  EXPECT_EQ(busy.counted(), kHotChunksMax);
}

// A12: one chunk with half of all traffic: within 5 s no node has more than 1.5 times the mean.
TEST(HotChunks, OneChunkWithHalfOfTheTrafficIsSpread) {
  constexpr size_t kNodes = 16;
  constexpr uint64_t kBytes = 4'000'000;
  std::vector<Node> nodes;
  for (size_t i = 0; i < kNodes; ++i) nodes.push_back({.name = "n" + std::to_string(i)});
  const Placement placement(nodes);
  std::vector<HotChunks> hot(kNodes, HotChunks(kNodeBytesPerSecond));
  SeededRandom random(5);
  const ChunkKey hottest = random.next_u64();
  Instant now = kBegin;
  std::vector<double> sent;
  for (int second = 0; second < 6; ++second) {
    sent.assign(kNodes, 0);
    // The cluster sends at 4/5 of what it can.
    const int requests = static_cast<int>(0.8 * kNodes * kNodeBytesPerSecond / kBytes);
    for (int i = 0; i < requests; ++i, now = now + Duration{1'000'000'000 / requests}) {
      const ChunkKey key = random.below(2) == 0 ? hottest : random.next_u64();
      const std::vector<NodeIndex> owners = placement.preferred(key, kNodes);
      HotChunks& first = hot[owners[0]];
      const size_t count = first.ask(key, kBytes, kNodes, now);
      first.done(key, kBytes);
      sent[owners[random.below(count)]] += kBytes;
    }
  }
  double total = 0;
  for (const double bytes : sent) total += bytes;
  EXPECT_LE(*std::ranges::max_element(sent), 1.5 * total / kNodes);
}

}  // namespace
}  // namespace cairn::cluster
