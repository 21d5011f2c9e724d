#include "cache/disk_contents.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::cache {

using Counters = DiskTierCounters;

namespace {

DiskPolicyOptions policy_options(const CacheGeometry& geometry) {
  DiskPolicyOptions options;
  options.regions_count = geometry.regions_count;
  options.region_units = static_cast<uint32_t>(geometry.region_bytes / kDiskBlockBytes);
  return options;
}

AdmissionOptions admission_options(const DiskContentsOptions& options) {
  AdmissionOptions admission;
  admission.capacity_bytes = options.geometry.region_bytes * options.geometry.regions_count;
  admission.expected_entries = admission.capacity_bytes / kBlockBytes;
  admission.write_bytes_per_second = options.write_bytes_per_second;
  admission.chance = options.chance;
  admission.fill = options.chance > 0;
  return admission;
}

std::vector<DiskItem> items_of(RegionId region, std::span<const FooterRow> rows) {
  std::vector<DiskItem> items;
  items.reserve(rows.size());
  for (const FooterRow& row : rows) {
    items.push_back({row.fingerprint, {region, row.offset_blocks, row.size_blocks}, kNever});
  }
  return items;
}

bool same_place(const DiskPlace& a, const DiskPlace& b) {
  return a.region == b.region && a.offset_units == b.offset_units;
}

}  // namespace

DiskContents::DiskContents(const DiskContentsOptions& options, DiskTierCounters& counters,
                           Instant now)
    : geometry_(options.geometry),
      counters_(counters),
      policy_(policy_options(options.geometry), now),
      admission_(admission_options(options), now) {}

std::optional<HeldRun> DiskContents::peek(const BlockKey& key) {
  const std::optional<DiskPlace> place = policy_.peek(fingerprint_of(key));
  if (!place || place->size_units < 2 || place->size_units > entry_blocks(kBlockBytes)) return {};
  return HeldRun{key, *place};
}

std::optional<HeldRun> DiskContents::find(const ChunkId& chunk, FrameRange frames,
                                          const Hints& hints, Instant now) {
  const uint32_t block_first = frames.first - frames.first % kBlockFrames;
  const std::lock_guard guard(mutex_);
  // Most runs begin with their block or with what is asked for.
  for (uint32_t back = 0; back <= frames.first - block_first; ++back) {
    const uint32_t first = back == 0 ? block_first : frames.first - back + 1;
    const std::optional<HeldRun> run = peek({chunk, first});
    if (!run || run->frames().end < frames.end) continue;
    const uint64_t fingerprint = fingerprint_of(run->key);
    if (!policy_.look_up(fingerprint, now, hints)) continue;  // It has expired.
    if (hints.pin && !policy_.pin(fingerprint)) Counters::add(counters_.pins_refused);
    return run;
  }
  return std::nullopt;
}

bool DiskContents::forget(const HeldRun& run) {
  const std::lock_guard guard(mutex_);
  const std::optional<HeldRun> held = peek(run.key);
  if (!held || !same_place(held->place, run.place)) return false;
  return policy_.erase(fingerprint_of(run.key));
}

void DiskContents::erase_chunk(const ChunkId& chunk) {
  const std::lock_guard guard(mutex_);
  ++drops_[shard_of(chunk)];
  uint64_t erased = 0;
  for (uint32_t frame = 0; frame < kChunkFramesMax; ++frame) {
    if (policy_.erase(fingerprint_of({chunk, frame}))) ++erased;
  }
  Counters::add(counters_.erased_count, erased);
}

size_t DiskContents::unpin_chunk(const ChunkId& chunk) {
  size_t count = 0;
  const std::lock_guard guard(mutex_);
  if (policy_.pinned_bytes() == 0) return 0;
  for (uint32_t frame = 0; frame < kChunkFramesMax; ++frame) {
    if (policy_.unpin(fingerprint_of({chunk, frame}))) ++count;
  }
  return count;
}

CachedBytes DiskContents::cached_bytes(const ChunkId& chunk, ByteRange range) {
  CachedBytes bytes;
  const uint64_t end = range.offset_bytes + range.size_bytes;
  uint64_t counted = range.offset_bytes;  // Runs may overlap.
  const std::lock_guard guard(mutex_);
  for (uint32_t frame = 0; frame < kChunkFramesMax && counted < end; ++frame) {
    const std::optional<HeldRun> run = peek({chunk, frame});
    if (!run) continue;
    const uint64_t begin = std::max(counted, run->frames().offset_bytes());
    const uint64_t until = std::min(end, run->frames().end * uint64_t{crypto::kFrameBytes});
    if (begin >= until) continue;
    bytes.cached += until - begin;
    if (policy_.pinned(fingerprint_of(run->key))) bytes.pinned += until - begin;
    counted = until;
  }
  return bytes;
}

void DiskContents::set_share(uint16_t tenant, uint64_t share_bytes) {
  const std::lock_guard guard(mutex_);
  policy_.shares().set_share(tenant, share_bytes);
}

uint64_t DiskContents::drops_seen(const ChunkId& chunk) {
  const std::lock_guard guard(mutex_);
  return drops_[shard_of(chunk)];
}

Admission DiskContents::decide(const BlockKey& key, uint64_t size_bytes,
                               const storage::ReadOptions& options, Instant now) {
  Admission decision = Admission::kNo;
  bool is_over_share = false;
  {
    const std::lock_guard guard(mutex_);
    is_over_share = !options.pin && !policy_.tenant_may_add(options.tenant);
    if (!is_over_share) {
      decision = admission_.decide(fingerprint_of(key), size_bytes, options.frequency,
                                   hints_of(options), now, policy_.state());
    }
  }
  if (is_over_share) {
    Counters::add(counters_.refused_share);
    return Admission::kNo;
  }
  switch (decision) {
    case Admission::kNo: Counters::add(counters_.refused_count); break;
    case Admission::kNoBudget: Counters::add(counters_.refused_budget); break;
    case Admission::kFrequent: Counters::add(counters_.admitted_frequent); break;
    case Admission::kGhost: Counters::add(counters_.admitted_ghost); break;
    case Admission::kChance: Counters::add(counters_.admitted_chance); break;
    case Admission::kPinned: Counters::add(counters_.admitted_pinned); break;
  }
  return decision;
}

std::optional<DiskPlace> DiskContents::place(uint16_t size_blocks, DiskLog log) {
  const std::lock_guard guard(mutex_);
  const std::optional<DiskPlace> place = policy_.place(size_blocks * kDiskBlockBytes, log);
  count_departed(policy_.take_departed());
  return place;
}

bool DiskContents::erase_superfluous(const BlockKey& key, const FrameRange& frames) {
  bool any_pinned = false;
  for (uint32_t first = frames.first + 1; first < frames.end; ++first) {
    const std::optional<HeldRun> other = peek({key.chunk, first});
    if (!other || other->frames().end > frames.end) continue;
    any_pinned = policy_.pinned(fingerprint_of(other->key)) || any_pinned;
    policy_.erase(fingerprint_of(other->key));
  }
  return any_pinned;
}

bool DiskContents::commit(const BlockKey& key, const DiskPlace& place, uint64_t drops_seen,
                          bool by_chance, const Hints& hints, Instant now) {
  const HeldRun run{key, place};
  const std::lock_guard guard(mutex_);
  if (drops_[shard_of(key.chunk)] != drops_seen) return false;
  const std::optional<HeldRun> held = peek(key);
  if (held && held->frames().end > run.frames().end) return false;
  const uint64_t fingerprint = fingerprint_of(key);
  const bool was_pinned = held && policy_.pinned(fingerprint);
  policy_.commit(fingerprint, place, hints, by_chance, now);
  const bool had_pins = erase_superfluous(key, run.frames());
  const bool is_wanted = hints.pin || was_pinned || had_pins;
  if (is_wanted && !policy_.pin(fingerprint)) Counters::add(counters_.pins_refused);
  return true;
}

void DiskContents::wrote(uint64_t size_bytes, Instant now) {
  const std::lock_guard guard(mutex_);
  admission_.wrote(size_bytes, now);
}

RegionId DiskContents::next_region(DiskLog log) {
  const std::lock_guard guard(mutex_);
  const RegionId region = policy_.next_region(log);
  count_departed(policy_.take_departed());
  return region;
}

std::vector<DiskItem> DiskContents::reclaim(RegionId region, std::span<const FooterRow> rows,
                                            Instant now) {
  std::vector<DiskItem> survivors;
  const std::lock_guard guard(mutex_);
  policy_.set_reinserted_share(admission_.reinserted_share(now));
  policy_.reclaim(region, items_of(region, rows), now, survivors);
  count_departed(policy_.take_departed());
  return survivors;
}

void DiskContents::count_departed(const std::vector<DiskDeparture>& departed) {
  for (const DiskDeparture& each : departed) {
    switch (each.reason) {
      case Departure::kExpired: Counters::add(counters_.expired_count); break;
      case Departure::kShare: Counters::add(counters_.over_share_count); break;
      default: Counters::add(counters_.evictions_count);
    }
    Counters::add(counters_.evicted_bytes, each.item.place.size_units * kDiskBlockBytes);
  }
}

std::vector<DiskContents::LeftRun> DiskContents::left_in(DiskLog log) {
  std::vector<LeftRun> runs;
  const std::lock_guard guard(mutex_);
  for (const DiskItem& item : policy_.left_in(log)) {
    runs.push_back({item, policy_.expires_of(item.fingerprint)});
  }
  return runs;
}

void DiskContents::open_region(RegionId region, DiskLog log) {
  const std::lock_guard guard(mutex_);
  policy_.open_region(region, log);
}

std::optional<Instant> DiskContents::move(const DiskItem& survivor, const DiskPlace& place) {
  const std::lock_guard guard(mutex_);
  if (!policy_.move(survivor, place)) return std::nullopt;
  return policy_.expires_of(survivor.fingerprint);
}

void DiskContents::drop(const DiskItem& survivor) {
  const std::lock_guard guard(mutex_);
  const std::optional<DiskPlace> place = policy_.peek(survivor.fingerprint);
  if (place && same_place(*place, survivor.place)) policy_.erase(survivor.fingerprint);
}

void DiskContents::restore(const RegionFooter& footer, WallTime wall_now, Instant now) {
  restored_ = true;
  const auto region = static_cast<RegionId>(footer.region);
  std::vector<DiskItem> items = items_of(region, footer.rows);
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].expires = expires_again(footer.rows[i].minutes_left, footer.written, wall_now, now);
  }
  const std::lock_guard guard(mutex_);
  policy_.restore(region, items, now);
}

void DiskContents::read_into(DiskTierMetrics& metrics) {
  const std::lock_guard guard(mutex_);
  metrics.entries_count = policy_.entries_count();
  metrics.live_bytes = policy_.live_bytes();
  metrics.pinned_bytes = policy_.pinned_bytes();
  metrics.capacity_bytes = geometry_.region_bytes * geometry_.regions_count;
  metrics.index_bytes = policy_.memory_bytes() + admission_.ghost().memory_bytes();
}

}  // namespace cairn::cache
