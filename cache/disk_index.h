// The index of a disk tier: 16 bytes an entry in open tables that are at least 0.64 full when
// large, so at most 25 bytes of memory an entry. It holds 48-bit fingerprints: the bytes on disk
// say whose they are, so a mistaken identity is found by the tier's check and is a miss. Externally
// synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/limits.h"

namespace cairn::cache {

// Units are of kDiskUnitBytes (a smaller unit in replays of traces with small objects).
struct DiskEntry {
  static constexpr uint32_t kSizeUnitsMax = 1 << 12;
  static constexpr uint32_t kOffsetUnitsMax = 1 << 15;
  static constexpr uint32_t kMinutesMax = (1 << 20) - 1;

  uint64_t fingerprint : 48 = 0;  // 0: an empty slot.
  uint64_t region : 16 = 0;
  uint64_t offset_units : 15 = 0;
  uint64_t size_units_less_one : 12 = 0;
  uint64_t frequency : 2 = 0;
  uint64_t pinned : 1 = 0;
  uint64_t by_chance : 1 = 0;         // Written as a first miss, and not hit since.
  uint64_t expires_minutes : 20 = 0;  // Minute of the policy's life, from 1; 0: never.
  uint64_t counted : 6 = 0;           // Half reference gaps, modulo 64.
  uint64_t tenant : 7 = 0;

  uint32_t size_units() const { return static_cast<uint32_t>(size_units_less_one) + 1; }
};
static_assert(sizeof(DiskEntry) == 16);
static_assert(kTenantSlotsMax == 1 << 7 && kRegionsMax < 1 << 16 && kDiskFrequencyMax < 1 << 2);

class DiskIndex {
 public:
  DiskIndex();

  // Null when absent. Pointers hold until the next insert or erase.
  DiskEntry* find(uint64_t fingerprint);
  // Puts `entry` in the place of one with its fingerprint, or beside the others.
  void insert(const DiskEntry& entry);
  bool erase(uint64_t fingerprint);

  static uint64_t short_fingerprint(uint64_t fingerprint) {
    const uint64_t low = fingerprint & ((uint64_t{1} << 48) - 1);
    return low == 0 ? 1 : low;
  }
  uint64_t entries_count() const { return entries_count_; }
  uint64_t memory_bytes() const;

 private:
  // Grown one at a time: the memory that growing takes twice is that of one table.
  static constexpr unsigned kTableBits = 6;
  struct Table {
    std::vector<DiskEntry> slots;
    size_t used = 0;
  };
  Table& table_of(uint64_t short_fingerprint);
  static size_t home_of(const Table& table, uint64_t short_fingerprint);
  static size_t slot_of(const Table& table, uint64_t short_fingerprint);
  static void grow(Table& table);

  std::vector<Table> tables_;
  uint64_t entries_count_ = 0;
};

}  // namespace cairn::cache
