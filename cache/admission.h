// Which blocks a disk tier writes (CACHE_DEDUP.md section 3, "Flash admission"; what differs from
// it: docs/decisions/0011): those that were referenced again while they were in memory, those that
// were asked for before and are remembered by the ghost, and first misses: all while the disk has
// regions that were never used, then by chance. Streams are never written by themselves, and
// nothing is written beyond the budget. Externally synchronised.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "cache/disk_policy.h"
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
  kChance,    // A first miss that was drawn, is awaited, or found an empty disk.
  kPinned,    // Asked for by hint.
};
constexpr bool admitted(Admission decision) {
  return decision >= Admission::kFrequent;
}
// Where an admitted entry goes.
constexpr DiskLog log_of(Admission decision) {
  return decision == Admission::kChance ? DiskLog::kNew : DiskLog::kKept;
}

struct AdmissionOptions {
  uint64_t capacity_bytes = 0;  // Of the disk tier.
  uint64_t expected_entries = 0;
  double ghost_horizon = kGhostHorizon;
  uint64_t ghost_bytes_max = 64 * MiB;
  uint64_t write_bytes_per_second = 0;  // 0: no budget.
  double chance = 0.15;  // Of a first miss, without a budget. 0: never, nor with one.
  bool fill = true;      // First misses go to a disk that has room.
  uint8_t frequent = 2;  // Counted references that admit by themselves.
  Duration gap = kReferenceGap;
  uint64_t seed = 1;
};

class AdmissionControl {
 public:
  AdmissionControl(const AdmissionOptions& options, Instant now);

  // For a block that is not on the disk: when it was fetched for a reader, or about to leave
  // memory. `frequency`: its counted references in memory. `disk`: DiskPolicy::state().
  Admission decide(uint64_t fingerprint, uint64_t size_bytes, uint8_t frequency, const Hints& hints,
                   Instant now, const DiskState& disk = {});
  // Bytes that went to the device, whatever the reason: admissions and reinsertions.
  void wrote(uint64_t size_bytes, Instant now) { budget_.spend(size_bytes, now); }

  // The chance of a first miss now: steered so that the budget is just used, and by how many of the
  // first misses that were written before were worth it.
  double chance(const DiskState& disk, Instant now);
  // How much of a region may be written again (DiskPolicy::set_reinserted_share): the most without
  // a budget or with a full bucket, the least when it is running dry.
  double reinserted_share(Instant now);
  const Ghost& ghost() const { return ghost_; }

 private:
  double spare_level(Instant now);
  bool first_miss_wanted(uint64_t fingerprint, const DiskState& disk, Instant now);

  const AdmissionOptions options_;
  Ghost ghost_;
  WriteBudget budget_;
  SeededRandom random_;
};

}  // namespace cairn::cache
