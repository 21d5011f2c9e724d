// The caches on disk in front of the home, opened from the home to the front and closed the other
// way round.
//
// Thread rule: open() and close() on one reactor; the rest on any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cache/disk_tier.h"
#include "io/task.h"
#include "server/tier_config.h"
#include "storage/chunk_store.h"

namespace cairn::server {

class DiskTiers {
 public:
  // Those of `tiers` that are on disk, front first; `home` outlives them. Fails as
  // cache::DiskTier::open() does; what was opened before has to be closed then, too.
  io::Task<Status> open(const std::vector<TierConfig>& tiers, storage::ChunkStore& home);
  io::Task<Status> close();

  // What requests read from: the front tier, or the home when there is none.
  storage::ChunkStore& front(storage::ChunkStore& home) const;

  // Front first.
  const std::vector<cache::DiskTier*>& all() const { return all_; }

  struct Reading {
    std::string directory;
    cache::DiskTierMetrics metrics;
  };
  std::vector<Reading> read() const;

 private:
  struct Tier {
    std::string directory;
    std::unique_ptr<cache::DiskTier> store;
  };
  std::vector<Tier> tiers_;  // Front first.
  std::vector<cache::DiskTier*> all_;
};

}  // namespace cairn::server
