// What a request tells the cache tiers about the block it reads.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "storage/read_options.h"

namespace cairn::cache {

using storage::kNever;

struct Hints {
  bool no_cache = false;  // Kept by no tier.
  // Part of a one-time load, declared or detected: it passes through windows, where other readers
  // of the same load find it, and never reaches a main segment or a disk by itself.
  bool stream = false;
  bool pin = false;            // Kept until it is unpinned or erased, as far as pins have room.
  bool declared_load = false;  // Carries a load id: references within kLoadGap count as one.
  uint16_t tenant = 0;         // Slot of TenantShares; 0 has no share of its own.
  bool ahead = false;          // Nobody has asked for it yet.
  bool awaited = false;        // Others, too far behind for memory, are about to ask for it.
  uint8_t frequency = 0;       // Counted references that it comes with.
  storage::Urgency urgency = storage::Urgency::kClient;
  float cost = 1;            // Of fetching it again, relative to the cheapest home.
  Instant expires = kNever;  // Upstream objects: not served from this moment on.
};

// What a tier below another one is told of a read, and what it makes of it. That a load passes
// through memory only is a matter of memory's size: it is not told.
inline storage::ReadOptions options_of(const Hints& hints) {
  return {.no_cache = hints.no_cache,
          .declared_load = hints.declared_load,
          .pin = hints.pin,
          .urgency = hints.urgency,
          .frequency = hints.frequency,
          .tenant = hints.tenant,
          .expires = hints.expires,
          .awaited = hints.awaited};
}
inline Hints hints_of(const storage::ReadOptions& options) {
  return {.no_cache = options.no_cache,
          .stream = options.stream,
          .pin = options.pin,
          .declared_load = options.declared_load,
          .tenant = options.tenant,
          .awaited = options.awaited,
          .expires = options.expires};
}

}  // namespace cairn::cache
