#include "cache/disk_policy.h"

#include <algorithm>
#include <functional>
#include <ranges>
#include <utility>

#include "base/assert.h"

namespace cairn::cache {
namespace {

constexpr int64_t kNanosecondsOfMinute = 60'000'000'000;
// First misses are thought useful until this share of the disk has spoken; then the last eighth of
// it speaks.
constexpr double kUsefulnessPrior = 1.0 / 128;
constexpr double kUsefulnessMemory = 1.0 / 16;

DiskPlace place_of(const DiskEntry& entry) {
  return {static_cast<RegionId>(entry.region), static_cast<uint32_t>(entry.offset_units),
          entry.size_units()};
}

}  // namespace

DiskPolicy::DiskPolicy(const DiskPolicyOptions& options, Instant now)
    : options_(options), made_(now), regions_(options.regions_count) {
  ASSERT(options.regions_count >= 3 && options.regions_count <= kRegionsMax);
  ASSERT(options.region_units > 0 && options.region_units <= DiskEntry::kOffsetUnitsMax);
}

bool DiskPolicy::holds(uint64_t size_bytes) const {
  const uint64_t units = (size_bytes + options_.unit_bytes - 1) / options_.unit_bytes;
  return units > 0 && units <= DiskEntry::kSizeUnitsMax && units <= options_.region_units;
}

// False for what was erased, or is elsewhere now.
bool DiskPolicy::at_place(const DiskItem& item) {
  const DiskEntry* const entry = index_.find(item.fingerprint);
  return entry != nullptr && entry->region == item.place.region &&
         entry->offset_units == item.place.offset_units;
}

// A gap is two stamps; 64 stamps come round after 32 gaps, when one reference in 64 that should
// count may not.
uint64_t DiskPolicy::counted_stamp(Instant now) const {
  const int64_t half_gap = std::max<int64_t>(options_.filter.gap.nanoseconds / 2, 1);
  return static_cast<uint64_t>((now - made_).nanoseconds / half_gap) % 64;
}

// The first minute of the policy's life in which the entry is not served, counted from 1: never
// later than it expires.
uint32_t DiskPolicy::minute_of(Instant expires) const {
  if (expires == kNever) return 0;
  const int64_t minute = 1 + (expires - made_).nanoseconds / kNanosecondsOfMinute;
  return static_cast<uint32_t>(std::clamp<int64_t>(minute, 1, DiskEntry::kMinutesMax));
}

bool DiskPolicy::expired(const DiskEntry& entry, Instant now) const {
  return entry.expires_minutes != 0 && 1 + (now - made_).nanoseconds / kNanosecondsOfMinute >=
                                           static_cast<int64_t>(entry.expires_minutes);
}

Instant DiskPolicy::expires_of(uint64_t fingerprint) {
  const DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr || entry->expires_minutes == 0) return kNever;
  return made_ +
         Duration{(static_cast<int64_t>(entry->expires_minutes) - 1) * kNanosecondsOfMinute};
}

void DiskPolicy::enter(const DiskEntry& entry) {
  Region& region = regions_[entry.region];
  if (entry.frequency > 0) region.referenced_units += entry.size_units();
  region.live_units += entry.size_units();
  live_units_ += entry.size_units();
  if (entry.pinned != 0) {
    region.pinned_units += entry.size_units();
    pinned_units_ += entry.size_units();
  }
  shares_.add(entry.tenant, entry.size_units() * options_.unit_bytes);
}

void DiskPolicy::leave(const DiskEntry& entry) {
  Region& region = regions_[entry.region];
  if (entry.frequency > 0) region.referenced_units -= entry.size_units();
  region.live_units -= entry.size_units();
  live_units_ -= entry.size_units();
  if (entry.pinned != 0) {
    region.pinned_units -= entry.size_units();
    pinned_units_ -= entry.size_units();
  }
  shares_.remove(entry.tenant, entry.size_units() * options_.unit_bytes);
}

std::optional<DiskPlace> DiskPolicy::look_up(uint64_t fingerprint, Instant now,
                                             const Hints& hints) {
  DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr) return std::nullopt;
  if (expired(*entry, now)) {
    erase(fingerprint);
    return std::nullopt;
  }
  const DiskPlace place = place_of(*entry);
  const uint64_t stamp = counted_stamp(now);
  const uint64_t least = hints.declared_load ? 12 : 2;  // Half gaps.
  if ((stamp - entry->counted) % 64 >= least) {
    entry->counted = stamp;
    if (entry->by_chance != 0) note_chance(entry->size_units(), true);
    entry->by_chance = 0;
    if (entry->frequency == 0) regions_[entry->region].referenced_units += entry->size_units();
    if (entry->frequency < kDiskFrequencyMax) ++entry->frequency;
  }
  return place;
}

std::optional<DiskPlace> DiskPolicy::peek(uint64_t fingerprint) {
  const DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr) return std::nullopt;
  return place_of(*entry);
}

bool DiskPolicy::erase(uint64_t fingerprint) {
  const DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr) return false;
  leave(*entry);
  return index_.erase(fingerprint);
}

void DiskPolicy::note_chance(uint32_t units, bool useful) {
  (useful ? useful_units_ : useless_units_) += units;
  if (useful_units_ + useless_units_ < kUsefulnessMemory * all_units()) return;
  useful_units_ /= 2;
  useless_units_ /= 2;
}

double DiskPolicy::chance_usefulness() const {
  const double prior = kUsefulnessPrior * all_units();
  return (useful_units_ + prior * kChanceUsefulnessWanted) /
         (useful_units_ + useless_units_ + prior);
}

std::optional<DiskPlace> DiskPolicy::place(uint64_t size_bytes, DiskLog to) {
  ASSERT(holds(size_bytes));
  const uint32_t units = units_of(size_bytes);
  Log& filling = log(to);
  if (!filling.open || filling.open_units + units > options_.region_units) return std::nullopt;
  const DiskPlace place{*filling.open, filling.open_units, units};
  filling.open_units += units;
  give_up_left(filling, filling.open_units);
  return place;
}

// A region that is worth more as it is than what rewriting it would free. Pins let it pass for as
// long as there is another one, references once.
bool DiskPolicy::pass_over(RegionId id) {
  Region& region = regions_[id];
  const double limit_units = kPassedOverShare * options_.region_units;
  if (region.pinned_units > limit_units) return true;
  if (region.passed || region.referenced_units <= limit_units) return false;
  region.passed = true;
  return true;
}

DiskPolicy::Log& DiskPolicy::log_to_reuse() {
  Log& kept = log(DiskLog::kKept);
  Log& recent = log(DiskLog::kNew);
  const bool is_over = static_cast<double>(kept.filled.size()) >
                       options_.kept_share * static_cast<double>(regions_.size());
  return recent.filled.empty() || (is_over && !kept.filled.empty()) ? kept : recent;
}

RegionId DiskPolicy::next_region(DiskLog to) {
  Log& filled = log(to);
  if (filled.open) {
    give_up_left(filled, options_.region_units);
    filled.filled.push_back(*filled.open);
    filled.open.reset();
  }
  while (fresh_ < regions_.size() && regions_[fresh_].used) ++fresh_;
  if (fresh_ < regions_.size()) {
    regions_[fresh_].used = true;
    return static_cast<RegionId>(fresh_);
  }
  full_ = true;
  // Each may be passed over for its references, and is not the second time.
  const size_t turns_max = 2 * (logs_[0].filled.size() + logs_[1].filled.size());
  for (size_t turn = 0; turn < turns_max; ++turn) {
    Log& from = log_to_reuse();
    const RegionId region = from.filled.front();
    from.filled.pop_front();
    if (!pass_over(region)) return region;
    log(DiskLog::kKept).filled.push_back(region);
  }
  return take_least_pinned();
}

// When all are pinned for the larger part: the one that has the least to be written again.
RegionId DiskPolicy::take_least_pinned() {
  Log* from = nullptr;
  RegionId least = 0;
  for (Log& each : logs_) {
    for (const RegionId region : each.filled) {
      const bool is_less =
          from == nullptr || regions_[region].pinned_units < regions_[least].pinned_units;
      if (!is_less) continue;
      from = &each;
      least = region;
    }
  }
  ASSERT(from != nullptr);
  std::erase(from->filled, least);
  return least;
}

void DiskPolicy::give_up(const DiskItem& item, Departure reason) {
  const DiskEntry* const entry = index_.find(item.fingerprint);
  if (entry->by_chance != 0) note_chance(entry->size_units(), false);
  departed_.push_back({item, reason, entry->by_chance != 0});
  erase(item.fingerprint);
}

// What begins before `below_units` of the open region.
void DiskPolicy::give_up_left(Log& filling, uint32_t below_units) {
  LeftItems& left = filling.left;
  while (!left.empty() && left.back().place.offset_units < below_units) {
    if (at_place(left.back())) give_up(left.back(), Departure::kMain);
    left.pop_back();
  }
}

std::vector<DiskItem> DiskPolicy::left_in(DiskLog which) {
  std::vector<DiskItem> items;
  for (const DiskItem& item : log(which).left | std::views::reverse) {
    if (at_place(item)) items.push_back(item);
  }
  return items;
}

void DiskPolicy::reclaim(RegionId region, std::span<const DiskItem> items, Instant now,
                         std::vector<DiskItem>& survivors) {
  std::vector<DiskItem> referenced;
  LeftItems left;
  for (const DiskItem& item : items) {
    if (item.place.region != region || !at_place(item)) continue;
    const DiskEntry* const entry = index_.find(item.fingerprint);
    if (expired(*entry, now)) {
      give_up(item, Departure::kExpired);
    } else if (entry->pinned != 0) {
      survivors.push_back(item);
    } else if (shares_.over(static_cast<uint16_t>(entry->tenant))) {
      give_up(item, Departure::kShare);
    } else if (entry->frequency > 0) {
      referenced.push_back(item);
    } else {
      left.push_back(item);
    }
  }
  choose_survivors(referenced, survivors, left);
  const auto offset = [](const DiskItem& item) { return item.place.offset_units; };
  std::ranges::sort(survivors, {}, offset);
  std::ranges::sort(left, std::greater<>(), offset);
  left_[region] = std::move(left);
}

// The most referenced first, as far as the share goes.
void DiskPolicy::choose_survivors(std::vector<DiskItem>& referenced,
                                  std::vector<DiskItem>& survivors, LeftItems& left) {
  const auto rank = [this](const DiskItem& item) {
    const auto frequency = static_cast<unsigned>(index_.find(item.fingerprint)->frequency);
    return std::pair(kDiskFrequencyMax - frequency, item.place.offset_units);
  };
  std::ranges::sort(referenced, {}, rank);
  const auto limit_units =
      static_cast<uint64_t>(static_cast<double>(options_.region_units) * reinserted_share_);
  uint64_t kept_units = 0;
  for (const DiskItem& item : referenced) {
    if (kept_units + item.place.size_units > limit_units) {
      left.push_back(item);
      continue;
    }
    kept_units += item.place.size_units;
    DiskEntry& entry = *index_.find(item.fingerprint);
    entry.frequency -= 1;
    if (entry.frequency == 0) regions_[entry.region].referenced_units -= entry.size_units();
    survivors.push_back(item);
  }
}

void DiskPolicy::open_region(RegionId region, DiskLog to) {
  Log& filling = log(to);
  if (filling.open) {
    give_up_left(filling, options_.region_units);
    filling.filled.push_back(*filling.open);
  }
  filling.open = region;
  filling.open_units = 0;
  filling.left = std::exchange(left_[region], {});
  left_.erase(region);
  regions_[region].used = true;
  regions_[region].passed = false;
}

void DiskPolicy::commit(uint64_t fingerprint, const DiskPlace& place, const Hints& hints,
                        bool by_chance, Instant now) {
  erase(fingerprint);
  DiskEntry entry;
  entry.fingerprint = DiskIndex::short_fingerprint(fingerprint);
  entry.region = place.region;
  entry.offset_units = place.offset_units & (DiskEntry::kOffsetUnitsMax - 1);
  entry.size_units_less_one = (place.size_units - 1) & (DiskEntry::kSizeUnitsMax - 1);
  entry.by_chance = by_chance ? 1 : 0;
  entry.expires_minutes = minute_of(hints.expires) & DiskEntry::kMinutesMax;
  entry.counted = counted_stamp(now) & 63;
  entry.tenant = hints.tenant & (kTenantSlotsMax - 1);
  index_.insert(entry);
  enter(entry);
  if (hints.pin) pin(fingerprint);
}

bool DiskPolicy::move(const DiskItem& survivor, const DiskPlace& place) {
  if (!at_place(survivor)) return false;
  DiskEntry* const entry = index_.find(survivor.fingerprint);
  leave(*entry);
  entry->region = place.region;
  entry->offset_units = place.offset_units & (DiskEntry::kOffsetUnitsMax - 1);
  enter(*entry);
  return true;
}

void DiskPolicy::restore(RegionId region, std::span<const DiskItem> items, Instant now) {
  for (const DiskItem& item : items) {
    // It is newer than what an older region has of it, though it is not served itself.
    if (item.expires <= now) {
      erase(item.fingerprint);
      continue;
    }
    commit(item.fingerprint, item.place, Hints{.expires = item.expires}, false, made_);
  }
  logs_[1].filled.push_back(region);
  regions_[region].used = true;
}

bool DiskPolicy::pin(uint64_t fingerprint) {
  DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr) return false;
  if (entry->pinned != 0) return true;
  if (static_cast<double>(pinned_units_ + entry->size_units()) > kPinnedShareMax * all_units()) {
    return false;
  }
  leave(*entry);
  entry->pinned = 1;
  enter(*entry);
  return true;
}

bool DiskPolicy::unpin(uint64_t fingerprint) {
  DiskEntry* const entry = index_.find(fingerprint);
  if (entry == nullptr || entry->pinned == 0) return false;
  leave(*entry);
  entry->pinned = 0;
  enter(*entry);
  return true;
}

uint64_t DiskPolicy::memory_bytes() const {
  return index_.memory_bytes() + regions_.capacity() * sizeof(Region) +
         regions_.size() * sizeof(RegionId) + sizeof(*this);
}

}  // namespace cairn::cache
