// Bounds of the cache tiers' policies.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"

namespace cairn::cache {

// References closer than this to the last counted one belong to the same piece of work: several
// readers of one model are not popularity (measured in bench/README.md, trace scan4).
inline constexpr Duration kReferenceGap = seconds(10);
inline constexpr Duration kLoadGap = seconds(60);  // Where the request says that it is a load.

inline constexpr uint8_t kFrequencyMax = 15;     // In memory; more references change no decision.
inline constexpr uint8_t kDiskFrequencyMax = 3;  // Two bits of a disk entry.

// Pins may fill this share of a tier: the rest has to go on working as a cache.
inline constexpr double kPinnedShareMax = 0.5;

inline constexpr size_t kTenantSlotsMax = 128;  // Seven bits of a disk entry; slot 0 is "none".

// A disk tier that has spent its writes rewrites at most this share of a region when it reuses it;
// one that has not, at most the second
// (docs/decisions/0011).
inline constexpr double kReinsertedShareMin = 0.25;
inline constexpr double kReinsertedShareMax = 1.0;
// A region of which this share was referenced, or pinned, is left as it is for another turn.
inline constexpr double kPassedOverShare = 0.5;
// Regions of what was asked for again may take this share of a disk; the rest is for first misses.
inline constexpr double kKeptShareMax = 0.95;
inline constexpr size_t kRegionsMax = 65535;  // Sixteen bits of a disk entry.
inline constexpr uint64_t kDiskUnitBytes = 4 * KiB;

inline constexpr double kFirstMissChanceMax = 0.30;
// When fewer of the first misses that were written are asked for again, fewer are written.
inline constexpr double kChanceUsefulnessWanted = 0.15;
// What a ghost remembers, in capacities of its disk.
inline constexpr double kGhostHorizon = 1.2;

}  // namespace cairn::cache
