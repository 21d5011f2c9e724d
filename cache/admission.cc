#include "cache/admission.h"

#include <algorithm>

namespace cairn::cache {
namespace {

// First misses get what the better reasons leave: they stop at a quarter of the bucket.
constexpr double kChanceLevelMin = 0.25;
constexpr double kChanceLevelMax = 0.75;

}  // namespace

AdmissionControl::AdmissionControl(const AdmissionOptions& options, Instant now)
    : options_(options),
      ghost_(options.capacity_bytes, options.expected_entries, options.ghost_bytes_max,
             options.gap),
      budget_(options.write_bytes_per_second, now),
      random_(options.seed) {}

// Proportional to the bucket's level: where inflow and writes are equal the level stands still, so
// the budget is used up without a period or a gain to tune.
double AdmissionControl::chance(Instant now) {
  if (!budget_.limited()) return options_.chance;
  const double level = budget_.level(now);
  const double steered = (level - kChanceLevelMin) / (kChanceLevelMax - kChanceLevelMin);
  return std::clamp(steered, 0.0, 1.0) * kFirstMissChanceMax;
}

Admission AdmissionControl::decide(uint64_t fingerprint, uint64_t size_bytes, uint8_t frequency,
                                   const Hints& hints, Instant now) {
  if (hints.no_cache) return Admission::kNo;
  Admission reason = Admission::kNo;
  if (hints.pin) {
    reason = Admission::kPinned;
  } else if (hints.stream) {
    reason = Admission::kNo;
  } else if (frequency >= options_.frequent) {
    reason = Admission::kFrequent;
  } else if (ghost_.recall(fingerprint, now)) {
    reason = Admission::kGhost;
  } else if (options_.chance > 0 && static_cast<double>(random_.below(1 << 24)) <
                                        chance(now) * static_cast<double>(1 << 24)) {
    reason = Admission::kChance;
  }
  if (admitted(reason) && !budget_.allows(size_bytes, now)) reason = Admission::kNoBudget;
  if (!admitted(reason)) ghost_.remember(fingerprint, size_bytes, now);
  return reason;
}

}  // namespace cairn::cache
