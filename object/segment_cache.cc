#include "object/segment_cache.h"

#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace cairn::object {
namespace {

constexpr uint64_t kTableOverheadBytes = 256;  // List node, row of by_chunk_, allocations.
constexpr uint64_t kHashNodeBytes = 56;        // Of by_hash_, with its share of buckets.
constexpr uint64_t kTenantMix = 0x9e3779b97f4a7c15;
constexpr uint64_t kPlacementMix = 0xbf58476d1ce4e5b9;

}  // namespace

uint64_t SegmentCache::Table::memory_bytes() const {
  return kTableOverheadBytes + segments.size() * (sizeof(Segment) + kHashNodeBytes);
}

uint64_t SegmentCache::slot_of(TenantId tenant, storage::PlacementId placement,
                               const crypto::Sha256Value& hash) {
  return load_le<uint64_t>(hash.data()) ^ (tenant.value * kTenantMix) ^
         (uint64_t{placement} * kPlacementMix);
}

void SegmentCache::find(TenantId tenant, storage::PlacementId placement,
                        std::span<const SegmentName> names,
                        std::span<std::optional<SegmentPlace>> places) {
  ASSERT(places.size() == names.size());
  const std::lock_guard guard(mutex_);
  for (size_t i = 0; i < names.size(); ++i) {
    if (places[i]) continue;
    const auto at = by_hash_.find(slot_of(tenant, placement, names[i].hash));
    if (at == by_hash_.end()) continue;
    const Table& table = *at->second.table;
    const Segment& segment = table.segments[at->second.index];
    if (table.tenant != tenant || storage::placement_of(table.chunk) != placement ||
        segment.hash != names[i].hash || segment.size_bytes != names[i].size_bytes) {
      continue;
    }
    places[i] =
        SegmentPlace{table.chunk, table.chunk_bytes, segment.offset_bytes, segment.size_bytes};
    tables_.splice(tables_.begin(), tables_, at->second.table);
  }
}

void SegmentCache::insert(TenantId tenant, const ChunkId& chunk,
                          std::vector<SegmentName> segments) {
  Table table;
  table.tenant = tenant;
  table.chunk = chunk;
  table.segments.reserve(segments.size());
  for (const SegmentName& name : segments) {
    table.segments.push_back({name.hash, table.chunk_bytes, name.size_bytes});
    table.chunk_bytes += name.size_bytes;
  }
  const std::lock_guard guard(mutex_);
  const std::pair key{tenant.value, chunk};
  if (const auto at = by_chunk_.find(key); at != by_chunk_.end()) {
    tables_.splice(tables_.begin(), tables_, at->second);
    return;
  }
  tables_.push_front(std::move(table));
  const Position added = tables_.begin();
  by_chunk_.emplace(key, added);
  const storage::PlacementId placement = storage::placement_of(chunk);
  for (uint32_t i = 0; i < added->segments.size(); ++i) {
    by_hash_.insert_or_assign(slot_of(tenant, placement, added->segments[i].hash), Entry{added, i});
  }
  used_bytes_ += added->memory_bytes();
  while (used_bytes_ > capacity_bytes_) drop(std::prev(tables_.end()));
}

void SegmentCache::drop(Position table) {
  used_bytes_ -= table->memory_bytes();
  for (const Segment& segment : table->segments) {
    const auto at =
        by_hash_.find(slot_of(table->tenant, storage::placement_of(table->chunk), segment.hash));
    if (at != by_hash_.end() && at->second.table == table) by_hash_.erase(at);
  }
  by_chunk_.erase({table->tenant.value, table->chunk});
  tables_.erase(table);
}

bool SegmentCache::contains(TenantId tenant, const ChunkId& chunk) {
  const std::lock_guard guard(mutex_);
  return by_chunk_.contains({tenant.value, chunk});
}

void SegmentCache::erase(TenantId tenant, const ChunkId& chunk) {
  const std::lock_guard guard(mutex_);
  const auto at = by_chunk_.find({tenant.value, chunk});
  if (at != by_chunk_.end()) drop(at->second);
}

uint64_t SegmentCache::used_bytes() {
  const std::lock_guard guard(mutex_);
  return used_bytes_;
}

}  // namespace cairn::object
