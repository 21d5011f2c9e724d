// Which entries a shard of a RAM tier keeps (CACHE_DEDUP.md section 3; figures in bench/README.md).
//
// A FIFO window takes every new entry in; what leaves it enters main, a greedy-dual of frequency *
// cost / size, when it is worth more than what it would displace. References are counted through
// the correlated-reference filter. Streams and large entries never enter main. Pinned entries are
// outside both. With `window_share` 1 the class is a plain FIFO window whose departures tell their
// counted references: the one in front of a disk tier.
//
// Pure: no I/O, no clock, no hash table. The tier owns the nodes, embeds them in its own entries
// and looks them up; every node that leaves is handed out once, on the caller's list `departed`,
// with the reason in it. Externally synchronised: one lock a shard.
//
// Invariant: used_bytes() <= capacity_bytes after every call.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/units.h"
#include "cache/greedy_dual.h"
#include "cache/hints.h"
#include "cache/ram_node.h"
#include "cache/reference_filter.h"
#include "cache/tenant_shares.h"

namespace cairn::cache {

// The window of a tier: enough for readers of one load that are 256 MiB apart, but at least a
// twentieth, and at most a quarter: what it takes is lost to main (bench/README.md).
inline double window_share_of(uint64_t tier_bytes) {
  constexpr double kFollowed = 256.0 * MiB;
  return std::clamp(kFollowed / static_cast<double>(std::max<uint64_t>(tier_bytes, 1)), 0.05, 0.25);
}

struct RamPolicyOptions {
  uint64_t capacity_bytes = 0;
  double window_share = 0.25;
  double large_share = 1.0 / 64;  // Entries above this share of the capacity stay window-only.
  ReferenceFilter filter{};
};

class RamPolicy {
 public:
  explicit RamPolicy(const RamPolicyOptions& options);

  // Takes in `node`, whose size_bytes says what it is charged with. It may itself be on `departed`
  // afterwards. REQUIRES: not resident.
  void insert(RamNode& node, Instant now, const Hints& hints, PlaceList& departed);
  // A reference to a resident entry. False when it has expired: it is then on `departed`.
  bool touch(RamNode& node, Instant now, const Hints& hints, PlaceList& departed);
  // Takes out a resident entry without putting it on a list (deleted, found rotten).
  void erase(RamNode& node);
  // Gives up the entry that is worth least, window last, pins never; null when there is none. For
  // a tier whose memory is still held by readers of what has departed.
  RamNode* evict_one();

  // Pins a resident entry; false when pins have no room. Unpinning makes it an entry of main.
  bool pin(RamNode& node, PlaceList& departed);
  void unpin(RamNode& node, PlaceList& departed);

  void set_capacity(uint64_t capacity_bytes, PlaceList& departed);
  TenantShares& shares() { return shares_; }

  uint64_t used_bytes() const { return window_bytes_ + main_bytes_ + pinned_bytes_; }
  uint64_t window_bytes() const { return window_bytes_; }
  uint64_t pinned_bytes() const { return pinned_bytes_; }
  uint64_t capacity_bytes() const { return capacity_bytes_; }

 private:
  uint64_t main_capacity_bytes() const { return capacity_bytes_ - window_capacity_bytes_; }
  void divide();
  void drain_window(Instant now, PlaceList& departed);
  void leave_window(RamNode& node, Instant now, PlaceList& departed);
  bool enter_main(RamNode& node, PlaceList& departed);
  void give_up_shares(uint64_t needed_bytes, PlaceList& departed);
  void shrink_main(uint64_t limit_bytes, PlaceList& departed);
  bool pin_fits(const RamNode& node) const;
  void add_to_main(RamNode& node);
  void take_from_main(RamNode& node);
  static double value_of(const RamNode& node);
  static void depart(RamNode& node, Departure departure, PlaceList& departed);

  const RamPolicyOptions options_;
  uint64_t capacity_bytes_;
  uint64_t window_capacity_bytes_ = 0;
  uint64_t large_bytes_ = 0;

  PlaceList window_;
  uint64_t window_bytes_ = 0;
  GreedyDual main_;
  uint64_t main_bytes_ = 0;
  PlaceList pinned_;
  uint64_t pinned_bytes_ = 0;

  // Entries in main by tenant, longest unreferenced first, for those with a share of their own.
  std::array<TenantList, kTenantSlotsMax> by_tenant_;
  TenantShares shares_;
};

}  // namespace cairn::cache
