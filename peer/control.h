// What nodes ask each other besides bytes: which chunks a node has, that it forgets some, and how
// it does. The bodies are messages of proto/peer.proto.
//
//   POST /v1/lookup  Chunks -> Holdings
//   POST /v1/drop    Chunks -> Dropped
//   GET  /v1/stats          -> NodeStats
//
// Parsing takes hostile bytes, bounded by kControlBytesMax and kChunksPerQuestionMax.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "http/server.h"
#include "io/task.h"
#include "peer/metrics.h"
#include "storage/chunk_store.h"

namespace cairn::peer {

inline constexpr std::string_view kLookupPath = "/v1/lookup";
inline constexpr std::string_view kDropPath = "/v1/drop";
inline constexpr std::string_view kStatsPath = "/v1/stats";

inline constexpr size_t kChunksPerQuestionMax = 1024;
inline constexpr size_t kControlBytesMax = 64 * KiB;  // Of a body, either way.

// Bytes of one chunk's payload, by where a node has them.
struct Holding {
  uint64_t kept_bytes = 0;  // Sealed, for other nodes.
  uint64_t ram_bytes = 0;   // In the tier in memory.
  uint64_t disk_bytes = 0;  // In the tiers on disk, the largest of them.
  uint64_t pinned_bytes = 0;
  friend bool operator==(const Holding&, const Holding&) = default;
};

struct NodeStats {
  uint64_t hits = 0;  // Reads of clients that the tier in memory answered,
  uint64_t misses = 0;
  uint64_t asked = 0;  // Of other nodes,
  uint64_t answered = 0;
  uint64_t home_reads = 0;  // By this node, for whomever.
  uint64_t hedged = 0;
  uint64_t served = 0;  // To other nodes.
  uint64_t served_bytes = 0;
  uint64_t kept_bytes = 0;
  uint64_t kept_capacity_bytes = 0;
  uint64_t kept_pinned_bytes = 0;
  uint64_t ram_bytes = 0;
  uint64_t ram_capacity_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t disk_capacity_bytes = 0;
  uint64_t disk_hit_bytes = 0;
  uint64_t disk_miss_bytes = 0;
  friend bool operator==(const NodeStats&, const NodeStats&) = default;
};

// REQUIRES: ids.size() <= kChunksPerQuestionMax.
std::string encode_chunks(std::span<const storage::ChunkId> ids);
std::optional<std::vector<storage::ChunkId>> decode_chunks(std::string_view body);
std::string encode_holdings(std::span<const Holding> holdings);
// nullopt also when it is not `count` of them.
std::optional<std::vector<Holding>> decode_holdings(std::string_view body, size_t count);
std::string encode_dropped(uint64_t chunks_count);
std::optional<uint64_t> decode_dropped(std::string_view body);
std::string encode_stats(const NodeStats& stats);
std::optional<NodeStats> decode_stats(std::string_view body);

// What this node has of chunks, in all of its tiers. Thread rule: any.
class Inventory {
 public:
  virtual ~Inventory() = default;
  virtual Holding holding(const storage::ChunkId& id) const = 0;
  // True when there was something. The chunk stays at home.
  virtual bool forget(const storage::ChunkId& id) = 0;
  virtual NodeStats stats() const = 0;
};

// Whether a path is one of the above.
bool is_control_path(std::string_view path);
// Answers such a request, whatever is in it.
io::Task<void> answer_control(http::Exchange& exchange, Inventory& inventory, Counters& counters);

}  // namespace cairn::peer
