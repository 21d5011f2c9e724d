// What this node has of chunks in all of its tiers, for other nodes that ask (peer/control.h).
// Thread rule: any.
#pragma once

#include "cache/ram_tier.h"
#include "peer/control.h"
#include "peer/peer_tier.h"
#include "server/disk_tiers.h"

namespace cairn::server {

class NodeInventory final : public peer::Inventory {
 public:
  // All outlive it; `ram` may be null.
  NodeInventory(peer::PeerTier& tier, cache::RamTier* ram, DiskTiers& disks)
      : tier_(tier), ram_(ram), disks_(disks) {}

  peer::Holding holding(const storage::ChunkId& id) const override;
  bool forget(const storage::ChunkId& id) override;
  peer::NodeStats stats() const override;

 private:
  peer::PeerTier& tier_;
  cache::RamTier* const ram_;
  DiskTiers& disks_;
};

}  // namespace cairn::server
