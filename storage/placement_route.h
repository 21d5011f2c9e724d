// PlacementRoute: where the chunks of one placement go and come from, in which order; what an
// administrator may change while it runs.
//
// Thread rule: any thread. A change is one atomic store, seen by every reactor with its next
// request; requests under way finish as they began.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "base/assert.h"
#include "storage/named_home.h"
#include "storage/placement.h"

namespace cairn::storage {

// When a put is acknowledged.
enum class Acknowledge : uint8_t {
  kOne,  // The chunk is durable in one home; the other copies are owed.
  kAll,  // It is durable in every home.
};

// A few homes, in an order.
class HomeList {
 public:
  void push_back(NamedHome* home) {
    ASSERT(count_ < homes_.size());
    homes_[count_++] = home;
  }
  NamedHome* const* begin() const { return homes_.data(); }
  NamedHome* const* end() const { return homes_.data() + count_; }
  // The first `count` of them go to the end.
  void rotate(size_t count) {
    std::rotate(homes_.begin(), homes_.begin() + count, homes_.begin() + count_);
  }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  NamedHome* front() const { return homes_[0]; }
  bool contains(const NamedHome* home) const {
    for (const NamedHome* one : *this) {
      if (one == home) return true;
    }
    return false;
  }

 private:
  std::array<NamedHome*, kHomesMax> homes_{};
  size_t count_ = 0;
};

class PlacementRoute {
 public:
  // What may change, as positions in the list of homes that was configured.
  struct Choice {
    uint8_t primary = 0;
    uint8_t drained = 0;  // A bit per home: takes no new copies, and is read when no other can.
    friend bool operator==(Choice, Choice) = default;
  };

  // The homes outlive it. REQUIRES: 1 to kHomesPerPlacementMax homes.
  PlacementRoute(Placement placement, std::vector<NamedHome*> homes, Acknowledge acknowledge,
                 NamedHome* staging)
      : placement_(std::move(placement)),
        homes_(std::move(homes)),
        acknowledge_(acknowledge),
        staging_(staging) {
    ASSERT(!homes_.empty() && homes_.size() <= kHomesPerPlacementMax);
  }

  const Placement& placement() const { return placement_; }
  const std::vector<NamedHome*>& homes() const { return homes_; }
  Acknowledge acknowledge() const { return acknowledge_; }
  NamedHome* staging() const { return staging_; }  // Null without one.

  Choice choice() const { return choice_.load(std::memory_order_relaxed); }
  // REQUIRES: the primary is one of the homes and not drained.
  void choose(Choice choice) {
    ASSERT(choice.primary < homes_.size() && (choice.drained >> choice.primary & 1) == 0);
    if (choice_.exchange(choice) != choice) switches_count_.fetch_add(1);
  }
  uint64_t switches_count() const { return switches_count_.load(); }

  // The homes that shall have every chunk of the placement, the primary first.
  HomeList wanted() const {
    const Choice now = choice();
    HomeList list;
    list.push_back(homes_[now.primary]);
    for (size_t at = 0; at < homes_.size(); ++at) {
      if (at != now.primary && (now.drained >> at & 1) == 0) list.push_back(homes_[at]);
    }
    return list;
  }

 private:
  const Placement placement_;
  const std::vector<NamedHome*> homes_;
  const Acknowledge acknowledge_;
  NamedHome* const staging_;
  std::atomic<Choice> choice_{Choice{}};
  std::atomic<uint64_t> switches_count_{0};
};

}  // namespace cairn::storage
