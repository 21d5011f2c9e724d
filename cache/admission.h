// Which blocks a disk tier writes (CACHE_DEDUP.md section 3, "Flash admission"): those that were
// referenced again while they were in memory, those that were asked for before and are remembered
// by the ghost, and first misses by chance. Streams are never written by themselves, and
// nothing is written beyond the budget. Externally synchronised.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "cache/ghost.h"
#include "cache/hints.h"
#include "cache/limits.h"
#include "cache/write_budget.h"

namespace cairn::cache {

enum class Admission : uint8_t {
  kNo,        // Not wanted: a stream, no-cache, or an unlucky first miss. Remembered, streams too.
  kNoBudget,  // Wanted, but the device has taken its writes for now.
  kFrequent,  // Counted references while in memory.
  kGhost,     // Asked for before, within the horizon.
  kChance,    // A first miss that was drawn.
  kPinned,    // Asked for by hint.
};
constexpr bool admitted(Admission decision) {
  return decision >= Admission::kFrequent;
}

struct AdmissionOptions {
  uint64_t capacity_bytes = 0;  // Of the disk tier: the ghost's horizon.
  uint64_t expected_entries = 0;
  uint64_t ghost_bytes_max = 64 * MiB;
  uint64_t write_bytes_per_second = 0;  // 0: no budget.
  // Of a first miss, at a bucket that is neither filling nor running dry, and without a budget.
  double chance = 0.15;
  uint8_t frequent = 2;  // Counted references that admit by themselves.
  Duration gap = kReferenceGap;
  uint64_t seed = 1;
};

class AdmissionControl {
 public:
  AdmissionControl(const AdmissionOptions& options, Instant now);

  // For a block that is not on the disk and is about to leave memory (or was just fetched and has
  // no window to wait in). `frequency`: its counted references.
  Admission decide(uint64_t fingerprint, uint64_t size_bytes, uint8_t frequency, const Hints& hints,
                   Instant now);
  // Asked for before? Takes the memory of it; for tiers that admit at the fetch, before the window.
  bool recall(uint64_t fingerprint, Instant now) { return ghost_.recall(fingerprint, now); }
  // Bytes that went to the device, whatever the reason: admissions and reinsertions.
  void wrote(uint64_t size_bytes, Instant now) { budget_.spend(size_bytes, now); }

  // The chance of a first miss now: steered so that the budget is just used.
  double chance(Instant now);
  const Ghost& ghost() const { return ghost_; }

 private:
  const AdmissionOptions options_;
  Ghost ghost_;
  WriteBudget budget_;
  SeededRandom random_;
};

}  // namespace cairn::cache
