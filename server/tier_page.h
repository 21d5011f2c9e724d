// The part of the page /metrics about cache tiers: hits, misses, what was kept and why it went.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cache/ram_tier.h"
#include "object/read_ahead.h"
#include "server/disk_tiers.h"

namespace cairn::server {

struct TiersReading {
  std::optional<cache::RamTierCounters> ram;
  std::vector<DiskTiers::Reading> disks;
  object::ReadAhead::Counters ahead;
};

void append_tier_metrics(std::string& page, const TiersReading& reading);

}  // namespace cairn::server
