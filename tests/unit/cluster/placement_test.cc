#include "cluster/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/load_bound.h"

namespace cairn::cluster {
namespace {

std::vector<Node> some_nodes(size_t count) {
  std::vector<Node> nodes;
  for (size_t i = 0; i < count; ++i) nodes.push_back({.name = "node-" + std::to_string(i)});
  return nodes;
}

std::vector<ChunkKey> some_keys(size_t count, uint64_t seed = 1) {
  SeededRandom random(seed);
  std::vector<ChunkKey> keys(count);
  for (ChunkKey& key : keys) key = random.next_u64();
  return keys;
}

TEST(Placement, OrderOfTheListDoesNotMatter) {
  std::vector<Node> nodes = some_nodes(7);
  nodes[2].weight = 3;
  const Placement one(nodes);
  const Placement other({nodes.rbegin(), nodes.rend()});
  for (const ChunkKey key : some_keys(1000)) {
    EXPECT_EQ(one.preferred(key, 7), other.preferred(key, 7));
    EXPECT_EQ(one.first(key), one.preferred(key, 1).at(0));
  }
}

TEST(Placement, EveryNodeGetsItsShare) {
  const Placement placement(some_nodes(16));
  std::vector<size_t> counts(16);
  for (const ChunkKey key : some_keys(160'000)) ++counts[placement.first(key)];
  for (const size_t count : counts) EXPECT_NEAR(static_cast<double>(count), 10'000, 400);
}

TEST(Placement, SharesFollowTheWeights) {
  std::vector<Node> nodes = some_nodes(4);
  nodes[0].weight = 4;
  nodes[3].weight = 0.5;
  const Placement placement(nodes);
  std::vector<size_t> counts(4);
  for (const ChunkKey key : some_keys(65'000)) ++counts[placement.first(key)];
  EXPECT_NEAR(static_cast<double>(counts[0]), 40'000, 600);
  EXPECT_NEAR(static_cast<double>(counts[1]), 10'000, 400);
  EXPECT_NEAR(static_cast<double>(counts[3]), 5'000, 300);
}

// A12: removing one of 16 nodes moves at most 1/16 + 1 % of the keys, and only its own.
TEST(Placement, LeavingMovesOnlyTheShareOfWhoLeft) {
  const std::vector<Node> nodes = some_nodes(16);
  const Placement before(nodes);
  const Placement after({nodes.begin(), nodes.end() - 1});
  size_t moved = 0;
  for (const ChunkKey key : some_keys(100'000)) {
    const std::string& was = before.nodes()[before.first(key)].name;
    const std::string& is = after.nodes()[after.first(key)].name;
    if (was == is) continue;
    ++moved;
    EXPECT_EQ(was, nodes.back().name);
    // To the node that was second before.
    EXPECT_EQ(is, before.nodes()[before.preferred(key, 2).at(1)].name);
  }
  EXPECT_LE(moved, 100'000 / 16 + 1000);
  EXPECT_GE(moved, 100'000 / 16 - 1000);
}

TEST(Placement, JoiningWithAnotherWeightMovesOnlyItsShare) {
  std::vector<Node> nodes = some_nodes(10);
  const Placement before(nodes);
  nodes.push_back({.name = "new", .weight = 2});
  const Placement after(nodes);
  size_t moved = 0;
  for (const ChunkKey key : some_keys(60'000)) {
    const std::string& is = after.nodes()[after.first(key)].name;
    if (before.nodes()[before.first(key)].name == is) continue;
    ++moved;
    EXPECT_EQ(is, "new");
  }
  EXPECT_NEAR(static_cast<double>(moved), 10'000, 400);
}

// The names are hashed the same in every version: a change here splits a cluster in two halves that
// ask each other in vain.
TEST(Placement, HashesAreFixed) {
  EXPECT_EQ(hash_name("node-1"), 3422739927267098180ULL);
  EXPECT_EQ(mix(1, 2), 11307387092600937729ULL);
}

TEST(LoadBound, AsksTheFirstOwnerWhileItIsBelowTheBound) {
  const std::vector<NodeIndex> owners{2, 0, 1};
  EXPECT_EQ(choose_owner(owners, std::vector<double>{0, 0, 0}, 0, 100), 0U);
  EXPECT_EQ(choose_owner(owners, std::vector<double>{100, 100, 200}, 133, 100), 1U);
  EXPECT_EQ(choose_owner(owners, std::vector<double>{300, 280, 400}, 100, 1), 2U);  // The least.
}

// A12: 16 nodes, Zipf 1.0, bound 1.25: no node has more than 1.3 times the mean.
TEST(LoadBound, KeepsZipfWithinTheBound) {
  constexpr size_t kNodes = 16, kKeys = 10'000, kInFlight = 1600;
  const Placement placement(some_nodes(kNodes));
  const std::vector<ChunkKey> keys = some_keys(kKeys);
  std::vector<double> sums(kKeys);
  for (size_t rank = 0; rank < kKeys; ++rank) {
    sums[rank] = (rank > 0 ? sums[rank - 1] : 0) + 1.0 / static_cast<double>(rank + 1);
  }
  SeededRandom random(3);
  std::vector<double> loads(kNodes), served(kNodes);
  std::vector<NodeIndex> ring;  // What is in flight; the oldest leaves when one comes.
  double worst = 0;
  for (size_t i = 0; i < 200'000; ++i) {
    const double draw = static_cast<double>(random.next_u64() >> 11) * 0x1p-53 * sums.back();
    const ChunkKey key =
        keys[static_cast<size_t>(std::ranges::lower_bound(sums, draw) - sums.begin())];
    const std::vector<NodeIndex> owners = placement.preferred(key, kNodes);
    const double mean = static_cast<double>(std::min(i, kInFlight)) / kNodes;
    const NodeIndex node = owners[choose_owner(owners, loads, mean, 1)];
    if (ring.size() < kInFlight) {
      ring.push_back(node);
    } else {
      loads[std::exchange(ring[i % kInFlight], node)] -= 1;
    }
    loads[node] += 1;
    if (i >= kInFlight)
      worst = std::max(worst, *std::ranges::max_element(loads) * kNodes / kInFlight);
  }
  EXPECT_LE(worst, 1.3);
  EXPECT_GE(worst, 1.1) << "the first owners alone would not be bounded by anything here";
}

}  // namespace
}  // namespace cairn::cluster
