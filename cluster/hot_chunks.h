// On how many owners a hot chunk is kept. Its first owner counts what is asked of it and tells each
// reader which of the owners to ask: with n of them every n-th reader goes to each, and an owner
// that does not have the chunk yet takes it from one before it, never from the home.
//
// Two measures, the larger counts:
// - the rate: bytes a second over the last second, which falls by half in kHotHalfLife and not
//   faster, so that copies are not made again and again; an owner is wanted for every
//   kHotRateShare of a node's network bandwidth (CACHE_DEDUP.md section 3, "Hot replication");
// - what is being sent right now: an owner for every kHotQueue of sending, so that a thousand nodes
//   that ask for a new model at once are served by a tree and not by one node.
//
// At most kHotChunksMax chunks are counted (the coldest is forgotten: Metwally et al., "Efficient
// computation of frequent and top-k elements", ICDT 2005, without its error terms, since a chunk
// that was forgotten only loses copies; one that finds no room, because all others are being sent,
// has one owner). Externally synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/clock.h"
#include "cluster/placement.h"

namespace cairn::cluster {

inline constexpr Duration kHotHalfLife = seconds(60);
inline constexpr Duration kHotWindow = seconds(1);
inline constexpr Duration kHotQueue = milliseconds(10);
inline constexpr double kHotRateShare = 0.25;
inline constexpr size_t kHotChunksMax = 4096;

class HotChunks {
 public:
  // `node_bytes_per_second`: network bandwidth of one node.
  explicit HotChunks(double node_bytes_per_second);

  // Somebody asks for `size_bytes` of the chunk: on how many owners it shall be now, 1 to `most`.
  size_t ask(ChunkKey key, uint64_t size_bytes, size_t most, Instant now);
  // What was asked of it was sent, by this node or another one.
  void done(ChunkKey key, uint64_t size_bytes);
  // Without asking; 1 for a chunk that is not counted.
  size_t owners(ChunkKey key, size_t most, Instant now) const;

  size_t counted() const { return chunks_.size(); }

 private:
  struct Heat {
    Instant window_began;
    double window_bytes = 0;
    double rate = 0;  // Bytes a second at `rated`.
    Instant rated;
    double in_flight_bytes = 0;
  };
  static double rate_at(const Heat& heat, Instant now);
  size_t owners_of(const Heat& heat, size_t most, Instant now) const;
  void forget_coldest(Instant now);

  const double node_bytes_per_second_;
  std::unordered_map<ChunkKey, Heat> chunks_;
  size_t refused_ = 0;  // Since a pass made room.
};

}  // namespace cairn::cluster
