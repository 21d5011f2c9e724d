#include "cluster/placement.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace cairn::cluster {

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = a + 0x9e3779b97f4a7c15U * (b | 1);
  x ^= b;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  return mix(hash, name.size());
}

Placement::Placement(std::vector<Node> nodes) : nodes_(std::move(nodes)) {
  ASSERT(nodes_.size() <= kNodesMax);
  std::ranges::sort(nodes_, {}, &Node::name);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    ASSERT(nodes_[i].weight > 0);
    ASSERT(i == 0 || nodes_[i - 1].name != nodes_[i].name);
    seeds_.push_back(hash_name(nodes_[i].name));
    weights_.push_back(nodes_[i].weight);
    equal_weights_ = equal_weights_ && nodes_[i].weight == nodes_[0].weight;
  }
}

// Monotonic in the hash, so that equal weights need no logarithm.
double Placement::score(NodeIndex node, ChunkKey key) const {
  // 53 bits, never 0: a uniform number in (0, 1).
  const double uniform = (static_cast<double>(mix(key, seeds_[node]) >> 11) + 0.5) * 0x1p-53;
  return equal_weights_ ? uniform : weights_[node] / -std::log(uniform);
}

NodeIndex Placement::first(ChunkKey key) const {
  ASSERT(!nodes_.empty());
  NodeIndex best = 0;
  double best_score = score(0, key);
  for (NodeIndex node = 1; node < nodes_.size(); ++node) {
    const double value = score(node, key);
    if (value > best_score) std::tie(best, best_score) = std::pair(node, value);
  }
  return best;
}

std::vector<NodeIndex> Placement::preferred(ChunkKey key, size_t count) const {
  std::vector<std::pair<double, NodeIndex>> scored(nodes_.size());
  for (NodeIndex node = 0; node < nodes_.size(); ++node) scored[node] = {score(node, key), node};
  count = std::min(count, scored.size());
  std::ranges::partial_sort(scored, scored.begin() + static_cast<ptrdiff_t>(count),
                            std::greater<>());
  std::vector<NodeIndex> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = scored[i].second;
  return order;
}

}  // namespace cairn::cluster
