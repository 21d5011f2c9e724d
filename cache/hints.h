// What a request tells the cache tiers about the block it reads.
#pragma once

#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace cairn::cache {

inline constexpr Instant kNever{std::numeric_limits<int64_t>::max()};

struct Hints {
  bool no_cache = false;  // Kept by no tier.
  // Part of a one-time load, declared or detected: it passes through windows, where other readers
  // of the same load find it, and never reaches a main segment or a disk by itself.
  bool stream = false;
  bool pin = false;            // Kept until it is unpinned or erased, as far as pins have room.
  bool declared_load = false;  // Carries a load id: references within kLoadGap count as one.
  uint16_t tenant = 0;         // Slot of TenantShares; 0 has no share of its own.
  float cost = 1;              // Of fetching it again, relative to the cheapest home.
  Instant expires = kNever;    // Upstream objects: not served from this moment on.
};

}  // namespace cairn::cache
