// What a reader tells the stores below it about one read: tiers decide by it what they keep, homes
// what they hurry for. A store may ignore all of it; the bytes are the same.
#pragma once

#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace cairn::storage {

inline constexpr Instant kNever{std::numeric_limits<int64_t>::max()};

// Who waits for the bytes. A home hedges for the first only, and serves the last after the others.
enum class Urgency : uint8_t {
  kClient,      // A request, now.
  kAhead,       // Nobody yet: read before it is asked for.
  kBackground,  // Nobody: warming, scrubbing.
};

struct ReadOptions {
  bool no_cache = false;       // Answered and kept by no tier: what is at home is asked for.
  bool stream = false;         // Part of a one-time load: kept by no tier for itself.
  bool declared_load = false;  // References within a minute are one.
  bool pin = false;            // Kept until it is unpinned, as far as pins have room.
  bool from_peer = false;      // Another node of the cluster asks: no third one is asked for it.
  Urgency urgency = Urgency::kClient;
  uint8_t frequency = 0;     // Counted references to the block in the tiers above.
  uint16_t tenant = 0;       // Slot of the tenant's share of a tier; 0: it has none of its own.
  Instant expires = kNever;  // No tier answers with it from this moment on.
  bool awaited = false;      // Part of a load that others, further behind, are about to ask for.
  // Reads of it before this one whose bytes did not verify. From the first on no tier answers, and
  // each forgets the chunk; of several copies each such read asks another home first.
  uint8_t distrust = 0;
  // Null, or raised by what a tier had without asking the home. Of the reader, on its reactor.
  uint64_t* cached_bytes = nullptr;
};

}  // namespace cairn::storage
