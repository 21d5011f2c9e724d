// What a disk tier holds, where, and what it gives up (CACHE_DEDUP.md section 3, and
// docs/decisions/0011; figures in bench/README.md). The device is cut in regions, each filled from
// start to end and reused in order. They make two logs: one of first misses, one of what was
// asked for again, and the second may take nearly all. What is reused is the oldest region of the
// first log, or of the second when that is over its share. Entries of a reused region that were
// referenced are written again, to the second log, as far as the share of the caller goes; the
// others go when what is written anew lies over them, and are found until then. A region that was
// referenced or pinned for the larger part is passed over as it is: once before it is reused, or as
// long as it is pinned and not all of them are.
//
// Pure: no I/O, no clock. How a tier uses it:
//   look_up()       on a read; the tier checks the bytes, and erase()s an entry that is not right
//   place()         room in the open region of a log for an entry that admission let in: from then
//                   on what lay there is not found; none: seal it, and
//   next_region()   says which region to use next, reclaim() takes the items of its footer and says
//                   which of them to write again (they may need a region of the second log before
//                   this one), open_region() makes it the open one of a log
//   commit()        enters a placed entry: from then on look_up() finds it
//   take_departed() what left by reuse since it was asked last
//   restore()       after a restart, region by region, oldest first
// The tier keeps its own list of a region's items (its footer): no memory is taken for them here.
// A tier with one open region uses the second log only. Externally synchronised: one lock a tier.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cache/disk_index.h"
#include "cache/hints.h"
#include "cache/limits.h"
#include "cache/ram_node.h"
#include "cache/reference_filter.h"
#include "cache/tenant_shares.h"

namespace cairn::cache {

struct DiskPolicyOptions {
  uint32_t regions_count = 0;  // At least 3.
  uint32_t region_units = 0;   // Of unit_bytes; what entries may fill, without footer.
  uint64_t unit_bytes = kDiskUnitBytes;
  double kept_share = kKeptShareMax;
  ReferenceFilter filter{};
};

using RegionId = uint16_t;

// What has not shown yet that it will be asked for again does not age what has.
enum class DiskLog : uint8_t { kNew, kKept };

// What admission asks the disk (admission.h).
struct DiskState {
  bool has_room = false;  // There are regions that were never used.
  double chance_usefulness =
      1;  // Share of first misses that were asked for again before they left.
};

struct DiskPlace {
  RegionId region = 0;
  uint32_t offset_units = 0;
  uint32_t size_units = 0;
};

// An entry as a region's footer names it.
struct DiskItem {
  uint64_t fingerprint = 0;
  DiskPlace place;
  Instant expires = kNever;  // For restore().
};

struct DiskDeparture {
  DiskItem item;
  Departure reason = Departure::kNone;
  bool by_chance = false;  // Came in as a first miss and was never asked for again.
};

class DiskPolicy {
 public:
  explicit DiskPolicy(const DiskPolicyOptions& options, Instant now);

  // Where the entry is; counts the reference. None when absent or expired.
  std::optional<DiskPlace> look_up(uint64_t fingerprint, Instant now, const Hints& hints);
  // Where the entry is, without counting anything.
  std::optional<DiskPlace> peek(uint64_t fingerprint);
  bool pinned(uint64_t fingerprint) {
    const DiskEntry* const entry = index_.find(fingerprint);
    return entry != nullptr && entry->pinned != 0;
  }
  // When the entry expires, rounded down to a minute; kNever also when it is absent.
  Instant expires_of(uint64_t fingerprint);
  bool contains(uint64_t fingerprint) { return index_.find(fingerprint) != nullptr; }
  bool erase(uint64_t fingerprint);

  uint32_t units_of(uint64_t size_bytes) const {
    return static_cast<uint32_t>((size_bytes + options_.unit_bytes - 1) / options_.unit_bytes);
  }
  // True when an entry of that size can be held at all.
  bool holds(uint64_t size_bytes) const;
  std::optional<DiskPlace> place(uint64_t size_bytes, DiskLog log = DiskLog::kKept);
  // Closes the open region of `log`, with which goes what is left of its last filling, and says
  // which to use next; its items have to be reclaimed first.
  RegionId next_region(DiskLog log = DiskLog::kKept);
  // `items`: all that the region's footer names, stale ones too. What is to be written again comes
  // back in `survivors`, in order of offset: at most set_reinserted_share() of a region, and pins.
  // It stays in the index at its old place until move() or erase(), so its bytes have to be read
  // before they are overwritten. The rest is left where it is until place() gives its room away.
  void reclaim(RegionId region, std::span<const DiskItem> items, Instant now,
               std::vector<DiskItem>& survivors);
  // What of the last filling of the open region of `log` is still there, in order of offset.
  std::vector<DiskItem> left_in(DiskLog log);
  std::vector<DiskDeparture> take_departed() { return std::exchange(departed_, {}); }
  void set_reinserted_share(double share) { reinserted_share_ = share; }
  // Makes it the open region of `log`; closes the one that was.
  void open_region(RegionId region, DiskLog log = DiskLog::kKept);

  void commit(uint64_t fingerprint, const DiskPlace& place, const Hints& hints, bool by_chance,
              Instant now);
  // Enters a survivor at its new place, with what is known of it. False when it was erased since.
  bool move(const DiskItem& survivor, const DiskPlace& place);
  // Adds what a region's footer names; entries found again later replace those found before.
  void restore(RegionId region, std::span<const DiskItem> items, Instant now);

  // Pins an entry; false when it is absent or pins have no room.
  bool pin(uint64_t fingerprint);
  bool unpin(uint64_t fingerprint);

  TenantShares& shares() { return shares_; }
  // False when the tenant has its share of a disk that is full: nothing of it should be admitted.
  bool tenant_may_add(uint16_t tenant) const { return !full_ || !shares_.over(tenant); }

  DiskState state() const { return {!full_, chance_usefulness()}; }
  uint64_t live_bytes() const { return live_units_ * options_.unit_bytes; }
  uint64_t pinned_bytes() const { return pinned_units_ * options_.unit_bytes; }
  uint64_t entries_count() const { return index_.entries_count(); }
  uint64_t memory_bytes() const;

 private:
  struct Region {
    uint32_t live_units = 0;
    uint32_t pinned_units = 0;
    uint32_t referenced_units = 0;
    bool used = false;    // Open or filled.
    bool passed = false;  // Over once since it was opened.
  };
  // Of a region's last filling, in order of offset, the first ones last. Some may have been erased.
  using LeftItems = std::vector<DiskItem>;
  struct Log {
    std::deque<RegionId> filled;  // Oldest first.
    std::optional<RegionId> open;
    uint32_t open_units = 0;  // Placed in the open region.
    LeftItems left;           // Behind them.
  };
  bool at_place(const DiskItem& item);
  uint64_t counted_stamp(Instant now) const;
  uint32_t minute_of(Instant expires) const;
  bool expired(const DiskEntry& entry, Instant now) const;
  void enter(const DiskEntry& entry);
  void leave(const DiskEntry& entry);
  bool pass_over(RegionId region);
  RegionId take_least_pinned();
  Log& log_to_reuse();
  void note_chance(uint32_t units, bool useful);
  double chance_usefulness() const;
  double all_units() const {
    return static_cast<double>(options_.region_units) * options_.regions_count;
  }
  Log& log(DiskLog which) { return logs_[static_cast<size_t>(which)]; }
  void choose_survivors(std::vector<DiskItem>& referenced, std::vector<DiskItem>& survivors,
                        LeftItems& left);
  void give_up(const DiskItem& item, Departure reason);
  void give_up_left(Log& filling, uint32_t below_units);

  const DiskPolicyOptions options_;
  const Instant made_;
  DiskIndex index_;
  std::vector<Region> regions_;
  std::array<Log, 2> logs_;
  size_t fresh_ = 0;                    // Regions before this one have been used.
  bool full_ = false;                   // Every region has been used.
  std::map<RegionId, LeftItems> left_;  // Of regions that were reclaimed and are not open yet.
  std::vector<DiskDeparture> departed_;
  uint64_t live_units_ = 0;
  uint64_t pinned_units_ = 0;
  double reinserted_share_ = kReinsertedShareMin;
  // First misses that were hit, and that left without; both are halved now and then.
  double useful_units_ = 0;
  double useless_units_ = 0;
  TenantShares shares_;
};

}  // namespace cairn::cache
