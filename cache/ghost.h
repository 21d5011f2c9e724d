// Remembers which blocks were asked for lately and not kept: fingerprints without data, until as
// many bytes as the horizon have been remembered since.
//
// A block that is asked for again within a reference gap belongs to the same piece of work (the
// slowest of several readers of one model): that recall does not count, and changes nothing.
//
// A table of buckets of 16 slots; a slot is a 24-bit tag, the 8-bit half gap and the 16-bit turn
// (of the horizon's kTurnsOfHorizon) in which it was written: 6 bytes. A full bucket gives up its
// oldest slot, and when that happens too often the table doubles. A fingerprint that was never
// remembered is found with a chance of 16 / 2^24, doubled with the table; half gaps come round, so
// that one recall in 128 which should count does not. Externally synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace cairn::cache {

class Ghost {
 public:
  // `expected_entries` sizes the table at first; it doubles up to `bytes_max`.
  Ghost(uint64_t horizon_bytes, uint64_t expected_entries, uint64_t bytes_max, Duration gap);

  void remember(uint64_t fingerprint, uint64_t size_bytes, Instant now);
  bool contains(uint64_t fingerprint) const { return find(fingerprint) != kNoSlot; }
  // True when it was remembered at least a gap ago; it is not remembered afterwards.
  bool recall(uint64_t fingerprint, Instant now);

  uint64_t memory_bytes() const { return tags_.capacity() * 4 + turns_.capacity() * 2; }
  uint64_t entries_count() const { return entries_count_; }

 private:
  static constexpr uint32_t kTurnsOfHorizon = 16384;
  static constexpr size_t kNoSlot = SIZE_MAX;

  size_t bucket_of(uint64_t fingerprint) const;
  uint32_t tag_of(uint64_t fingerprint) const;
  bool fresh(size_t slot) const;
  size_t find(uint64_t fingerprint) const;
  uint32_t half_gap(Instant now) const;
  void advance(uint64_t size_bytes);
  void sweep(uint64_t turns);
  void grow();

  const uint64_t turn_bytes_;
  const uint64_t bytes_max_;
  const int64_t half_gap_nanoseconds_;
  uint64_t remembered_bytes_ = 0;
  uint16_t turn_ = 0;
  const unsigned first_bucket_bits_;
  unsigned bucket_bits_;
  std::vector<uint32_t> tags_;  // 0 is an empty slot.
  std::vector<uint16_t> turns_;
  uint64_t entries_count_ = 0;
  size_t sweep_at_ = 0;
  uint64_t sweep_debt_ = 0;     // Buckets to be swept, in parts of kTurnsOfSweep.
  uint64_t crowded_count_ = 0;  // Live slots given up since the last doubling.
};

}  // namespace cairn::cache
