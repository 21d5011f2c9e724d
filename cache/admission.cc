#include "cache/admission.h"

#include <algorithm>

namespace cairn::cache {
namespace {

// First misses and generous reinsertion get what the better reasons leave: between these levels of
// the bucket they go from nothing to everything.
constexpr double kSpareLevelMin = 0.25;
constexpr double kSpareLevelMax = 0.75;
constexpr uint64_t kDraws = uint64_t{1} << 24;

uint64_t horizon_bytes(const AdmissionOptions& options) {
  return static_cast<uint64_t>(static_cast<double>(options.capacity_bytes) * options.ghost_horizon);
}

}  // namespace

AdmissionControl::AdmissionControl(const AdmissionOptions& options, Instant now)
    : options_(options),
      ghost_(horizon_bytes(options), options.expected_entries, options.ghost_bytes_max,
             options.gap),
      budget_(options.write_bytes_per_second, now),
      random_(options.seed) {}

// Proportional to the bucket's level: where inflow and writes are equal the level stands still, so
// the budget is used up without a period or a gain to tune.
double AdmissionControl::spare_level(Instant now) {
  const double level = budget_.level(now);
  return std::clamp((level - kSpareLevelMin) / (kSpareLevelMax - kSpareLevelMin), 0.0, 1.0);
}

double AdmissionControl::chance(const DiskState& disk, Instant now) {
  if (options_.chance <= 0 || options_.chance >= 1) return options_.chance;
  const double allowed =
      budget_.limited() ? spare_level(now) * kFirstMissChanceMax : options_.chance;
  return allowed * std::min(1.0, disk.chance_usefulness / kChanceUsefulnessWanted);
}

double AdmissionControl::reinserted_share(Instant now) {
  return kReinsertedShareMin + (kReinsertedShareMax - kReinsertedShareMin) * spare_level(now);
}

// Readers of one load draw once: the others find it remembered.
bool AdmissionControl::first_miss_wanted(uint64_t fingerprint, const DiskState& disk, Instant now) {
  if (options_.chance >= 1) return true;
  if (ghost_.contains(fingerprint)) return false;
  if (options_.fill && disk.has_room && spare_level(now) > 0) return true;
  const double wanted = chance(disk, now) * static_cast<double>(kDraws);
  return static_cast<double>(random_.below(kDraws)) < wanted;
}

Admission AdmissionControl::decide(uint64_t fingerprint, uint64_t size_bytes, uint8_t frequency,
                                   const Hints& hints, Instant now, const DiskState& disk) {
  if (hints.no_cache) return Admission::kNo;
  Admission reason = Admission::kNo;
  if (hints.pin) {
    reason = Admission::kPinned;
  } else if (hints.stream && !hints.awaited) {
    reason = Admission::kNo;
  } else if (frequency >= options_.frequent) {
    reason = Admission::kFrequent;
  } else if (ghost_.recall(fingerprint, now)) {
    reason = Admission::kGhost;
  } else if (hints.awaited || first_miss_wanted(fingerprint, disk, now)) {
    reason = Admission::kChance;
  }
  if (admitted(reason) && !budget_.allows(size_bytes, now)) reason = Admission::kNoBudget;
  if (!admitted(reason)) ghost_.remember(fingerprint, size_bytes, now);
  return reason;
}

}  // namespace cairn::cache
