// What a node answers to others: a handler for its listener for them (wire.h).
//
// Bytes come from what is kept, or from `front`: the node's own tiers with the home behind them,
// where they are read once for all who ask. While they are read the asker is told that this node
// lives. The listener's TLS knows who may ask; a request that came without it is refused.
//
// Thread rule: one per reactor; what is shared is guarded.
#pragma once

#include <mutex>
#include <string>

#include "cluster/hot_chunks.h"
#include "http/server.h"
#include "peer/control.h"
#include "peer/peer_tier.h"

namespace cairn::peer {

// How hot chunks are, for all reactors.
class Heat {
 public:
  explicit Heat(double node_bytes_per_second = kNodeBytesPerSecond) : hot_(node_bytes_per_second) {}
  size_t ask(cluster::ChunkKey key, uint64_t size_bytes, size_t most, Instant now) {
    const std::lock_guard lock(mutex_);
    return hot_.ask(key, size_bytes, most, now);
  }
  void done(cluster::ChunkKey key, uint64_t size_bytes) {
    const std::lock_guard lock(mutex_);
    hot_.done(key, size_bytes);
  }

 private:
  std::mutex mutex_;
  cluster::HotChunks hot_;
};

class Door final : public http::Handler {
 public:
  struct Parts {
    PeerTier& tier;
    storage::ChunkStore& front;
    Heat& heat;
    Inventory& inventory;
  };
  // All outlive the door.
  explicit Door(Parts parts) : parts_(std::move(parts)) {}

  io::Task<void> handle(http::Exchange& exchange) override;

 private:
  io::Task<void> serve(http::Exchange& exchange, Question question);
  io::Task<Status> send_kept(http::Exchange& exchange, const Question& question,
                             size_t owners_count);
  io::Task<Status> send_read(http::Exchange& exchange, const Question& question,
                             size_t owners_count);
  io::Task<Result<storage::SealedRead>> read(Question question);

  const Parts parts_;
};

}  // namespace cairn::peer
