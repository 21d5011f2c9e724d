// Which nodes cache a chunk: weighted rendezvous hashing (Thaler and Ravishankar, "Using name-based
// mappings to increase hit rates", IEEE/ACM ToN 1998; weights by logarithm: Schindelhauer and
// Schomaker, SPAA 2005).
//
// Every node computes the same order from the same list of nodes, without asking anybody. A node
// that joins takes its share from all others, and one that leaves gives its share to all others;
// nothing else moves.
//
// A Placement is immutable: a change of the membership makes a new one. Thread rule: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::cluster {

inline constexpr size_t kNodesMax = 4096;

struct Node {
  std::string name;   // Unique in a cluster, and kept over restarts: what is hashed.
  double weight = 1;  // > 0; a node's share of the chunks is its weight's share of all weights.
};

// What a chunk is placed by: the first eight bytes of its id, which are uniform (an HMAC).
using ChunkKey = uint64_t;
// Position of a node in Placement::nodes().
using NodeIndex = uint32_t;

class Placement {
 public:
  // Nodes may come in any order. REQUIRES: at most kNodesMax, names unique, weights > 0.
  explicit Placement(std::vector<Node> nodes);

  const std::vector<Node>& nodes() const { return nodes_; }
  size_t size() const { return nodes_.size(); }

  // The first owner. REQUIRES: size() > 0.
  NodeIndex first(ChunkKey key) const;
  // The first `count` owners in order of preference, fewer in a smaller cluster.
  std::vector<NodeIndex> preferred(ChunkKey key, size_t count) const;

 private:
  double score(NodeIndex node, ChunkKey key) const;

  std::vector<Node> nodes_;      // By name.
  std::vector<uint64_t> seeds_;  // Hashes of the names.
  std::vector<double> weights_;  // Beside each other: the loop over all nodes reads only these.
  bool equal_weights_ = true;
};

// A well mixed number of both (the finalizer of SplitMix64, Steele et al., OOPSLA 2014).
uint64_t mix(uint64_t a, uint64_t b);
// FNV-1a, mixed; stable over versions, since nodes of different versions must agree.
uint64_t hash_name(std::string_view name);

}  // namespace cairn::cluster
