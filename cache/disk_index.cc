#include "cache/disk_index.h"

#include <utility>

namespace cairn::cache {
namespace {

// Full at 0.8 (12 probes for what is absent), 0.64 after growing by a quarter.
constexpr size_t kFullNumerator = 4;
constexpr size_t kFullDenominator = 5;
constexpr size_t kSlotsMin = 16;
constexpr unsigned kFingerprintBits = 48;

}  // namespace

DiskIndex::DiskIndex() : tables_(size_t{1} << kTableBits) {}

DiskIndex::Table& DiskIndex::table_of(uint64_t short_fingerprint) {
  return tables_[short_fingerprint >> (kFingerprintBits - kTableBits)];
}

// Scales the bits that did not choose the table to its size, which is no power of two.
size_t DiskIndex::home_of(const Table& table, uint64_t short_fingerprint) {
  const uint64_t rest = short_fingerprint << (64 - kFingerprintBits + kTableBits);
  return static_cast<size_t>((static_cast<unsigned __int128>(rest) * table.slots.size()) >> 64);
}

// The slot that holds the fingerprint, or the empty one where it would go.
size_t DiskIndex::slot_of(const Table& table, uint64_t short_fingerprint) {
  size_t slot = home_of(table, short_fingerprint);
  while (table.slots[slot].fingerprint != 0 && table.slots[slot].fingerprint != short_fingerprint) {
    if (++slot == table.slots.size()) slot = 0;
  }
  return slot;
}

DiskEntry* DiskIndex::find(uint64_t fingerprint) {
  const uint64_t wanted = short_fingerprint(fingerprint);
  Table& table = table_of(wanted);
  if (table.slots.empty()) return nullptr;
  DiskEntry& entry = table.slots[slot_of(table, wanted)];
  return entry.fingerprint == 0 ? nullptr : &entry;
}

void DiskIndex::grow(Table& table) {
  Table larger;
  larger.slots.resize(table.slots.empty() ? kSlotsMin
                                          : table.slots.size() + table.slots.size() / 4);
  larger.used = table.used;
  for (const DiskEntry& entry : table.slots) {
    if (entry.fingerprint != 0) larger.slots[slot_of(larger, entry.fingerprint)] = entry;
  }
  table = std::move(larger);
}

void DiskIndex::insert(const DiskEntry& entry) {
  Table& table = table_of(entry.fingerprint);
  if ((table.used + 1) * kFullDenominator > table.slots.size() * kFullNumerator) grow(table);
  DiskEntry& slot = table.slots[slot_of(table, entry.fingerprint)];
  if (slot.fingerprint == 0) {
    ++table.used;
    ++entries_count_;
  }
  slot = entry;
}

bool DiskIndex::erase(uint64_t fingerprint) {
  const uint64_t wanted = short_fingerprint(fingerprint);
  Table& table = table_of(wanted);
  if (table.slots.empty()) return false;
  size_t hole = slot_of(table, wanted);
  if (table.slots[hole].fingerprint == 0) return false;
  // Entries behind the hole move up when their home is not between the hole and them, so that no
  // probe ends early (Knuth, The Art of Computer Programming 6.4, algorithm R).
  const size_t size = table.slots.size();
  for (size_t at = (hole + 1) % size; table.slots[at].fingerprint != 0; at = (at + 1) % size) {
    const size_t home = home_of(table, table.slots[at].fingerprint);
    const size_t from_home = (at + size - home) % size;
    const size_t from_hole = (at + size - hole) % size;
    if (from_home < from_hole) continue;
    table.slots[hole] = table.slots[at];
    hole = at;
  }
  table.slots[hole] = DiskEntry{};
  --table.used;
  --entries_count_;
  return true;
}

uint64_t DiskIndex::memory_bytes() const {
  uint64_t bytes = tables_.capacity() * sizeof(Table);
  for (const Table& table : tables_) bytes += table.slots.capacity() * sizeof(DiskEntry);
  return bytes;
}

}  // namespace cairn::cache
