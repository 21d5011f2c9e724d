#include "cache/ram_policy.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::cache {
namespace {

// Second chances given to a tenant's own entries before one of them goes.
constexpr int kSecondChancesMax = 8;

}  // namespace

RamPolicy::RamPolicy(const RamPolicyOptions& options)
    : options_(options), capacity_bytes_(options.capacity_bytes) {
  ASSERT(options.window_share >= 0 && options.window_share <= 1);
  divide();
}

void RamPolicy::divide() {
  const auto capacity = static_cast<double>(capacity_bytes_);
  window_capacity_bytes_ =
      std::min(capacity_bytes_, static_cast<uint64_t>(capacity * options_.window_share));
  large_bytes_ = static_cast<uint64_t>(capacity * options_.large_share) + 1;
}

double RamPolicy::value_of(const RamNode& node) {
  return double{node.cost} * node.frequency /
         static_cast<double>(std::max<uint64_t>(node.size_bytes, 1));
}

void RamPolicy::depart(RamNode& node, Departure departure, PlaceList& departed) {
  node.place = RamNode::Place::kNowhere;
  node.departure = departure;
  departed.push_back(node);
}

void RamPolicy::insert(RamNode& node, Instant now, const Hints& hints, PlaceList& departed) {
  ASSERT(!node.resident());
  node.frequency = std::clamp<uint8_t>(hints.frequency, 1, kFrequencyMax);
  node.counted = now;
  node.expires = hints.expires;
  node.cost = hints.cost;
  node.tenant = hints.tenant;
  node.departure = Departure::kNone;
  node.window_only = hints.stream || node.size_bytes >= large_bytes_;
  if (hints.no_cache || node.size_bytes > capacity_bytes_ || hints.expires <= now) {
    depart(node, Departure::kRefused, departed);
    return;
  }
  shares_.add(node.tenant, node.size_bytes);
  if (hints.pin && pin_fits(node)) {
    shrink_main(main_capacity_bytes() - pinned_bytes_ - node.size_bytes, departed);
    node.place = RamNode::Place::kPinned;
    pinned_.push_back(node);
    pinned_bytes_ += node.size_bytes;
    return;
  }
  node.place = RamNode::Place::kWindow;
  window_.push_back(node);
  window_bytes_ += node.size_bytes;
  drain_window(now, departed);
}

bool RamPolicy::touch(RamNode& node, Instant now, const Hints& hints, PlaceList& departed) {
  ASSERT(node.resident());
  if (node.expires <= now) {
    erase(node);
    depart(node, Departure::kExpired, departed);
    return false;
  }
  if (node.place == RamNode::Place::kPinned) return true;
  if (options_.filter.counts(node.counted, now, hints)) {
    node.counted = now;
    if (node.frequency < kFrequencyMax) ++node.frequency;
  }
  if (node.place == RamNode::Place::kWindow) return true;
  main_.renew(node, value_of(node));
  if (node.tenant != 0) {
    by_tenant_[node.tenant].remove(node);
    by_tenant_[node.tenant].push_back(node);
  }
  return true;
}

void RamPolicy::erase(RamNode& node) {
  ASSERT(node.resident());
  switch (node.place) {
    case RamNode::Place::kWindow:
      window_.remove(node);
      window_bytes_ -= node.size_bytes;
      break;
    case RamNode::Place::kMain:
      main_.remove(node);
      take_from_main(node);
      break;
    case RamNode::Place::kPinned:
      pinned_.remove(node);
      pinned_bytes_ -= node.size_bytes;
      break;
    case RamNode::Place::kNowhere: break;
  }
  shares_.remove(node.tenant, node.size_bytes);
  node.place = RamNode::Place::kNowhere;
}

RamNode* RamPolicy::evict_one() {
  PlaceList departed;
  if (main_bytes_ > 0) {
    shrink_main(main_bytes_ - 1, departed);
  } else if (RamNode* const node = window_.front(); node != nullptr) {
    erase(*node);
    depart(*node, Departure::kWindow, departed);
  }
  return departed.pop_front();
}

void RamPolicy::add_to_main(RamNode& node) {
  node.place = RamNode::Place::kMain;
  main_.push(node, value_of(node));
  main_bytes_ += node.size_bytes;
  if (node.tenant != 0) by_tenant_[node.tenant].push_back(node);
}

// The rest of leaving main_; its order was left already.
void RamPolicy::take_from_main(RamNode& node) {
  main_bytes_ -= node.size_bytes;
  if (node.tenant != 0) by_tenant_[node.tenant].remove(node);
}

void RamPolicy::drain_window(Instant now, PlaceList& departed) {
  while (window_bytes_ > window_capacity_bytes_) {
    RamNode& node = *window_.pop_front();
    window_bytes_ -= node.size_bytes;
    leave_window(node, now, departed);
  }
}

void RamPolicy::leave_window(RamNode& node, Instant now, PlaceList& departed) {
  Departure departure = Departure::kWindow;
  if (node.expires <= now) {
    departure = Departure::kExpired;
  } else if (node.window_only) {
    departure = Departure::kStream;
  } else if (enter_main(node, departed)) {
    return;
  }
  shares_.remove(node.tenant, node.size_bytes);
  depart(node, departure, departed);
}

bool RamPolicy::enter_main(RamNode& node, PlaceList& departed) {
  const uint64_t room_bytes = main_capacity_bytes() - pinned_bytes_;
  if (node.size_bytes > room_bytes) return false;
  if (main_bytes_ + node.size_bytes > room_bytes) {
    give_up_shares(main_bytes_ + node.size_bytes - room_bytes, departed);
  }
  if (main_bytes_ + node.size_bytes > room_bytes) {
    const double priority = main_.priority_of(value_of(node));
    PlaceList victims;
    if (!main_.displace(priority, main_bytes_ + node.size_bytes - room_bytes, victims)) {
      main_.age_to(priority);
      return false;
    }
    while (RamNode* const victim = victims.pop_front()) {
      main_.age_to(victim->priority);
      take_from_main(*victim);
      shares_.remove(victim->tenant, victim->size_bytes);
      depart(*victim, Departure::kMain, departed);
    }
  }
  add_to_main(node);
  return true;
}

// Entries of tenants above their share go first, those that were not referenced since their last
// turn before others.
void RamPolicy::give_up_shares(uint64_t needed_bytes, PlaceList& departed) {
  const uint64_t limit_bytes = main_bytes_ > needed_bytes ? main_bytes_ - needed_bytes : 0;
  while (main_bytes_ > limit_bytes) {
    const uint16_t tenant = shares_.most_over();
    TenantList& list = by_tenant_[tenant];
    if (tenant == 0 || list.empty()) return;
    for (int chance = 0; chance < kSecondChancesMax && list.front()->frequency > 1; ++chance) {
      RamNode& node = *list.pop_front();
      --node.frequency;
      list.push_back(node);
    }
    RamNode& node = *list.front();
    erase(node);
    depart(node, Departure::kShare, departed);
  }
}

void RamPolicy::shrink_main(uint64_t limit_bytes, PlaceList& departed) {
  if (main_bytes_ > limit_bytes) give_up_shares(main_bytes_ - limit_bytes, departed);
  while (main_bytes_ > limit_bytes) {
    RamNode& node = *main_.victim();
    main_.age_to(node.priority);
    erase(node);
    depart(node, Departure::kMain, departed);
  }
}

// A pin takes its room from main, so that new entries always have their window.
bool RamPolicy::pin_fits(const RamNode& node) const {
  const auto limit_bytes =
      static_cast<uint64_t>(static_cast<double>(capacity_bytes_) * kPinnedShareMax);
  return pinned_bytes_ + node.size_bytes <= std::min(limit_bytes, main_capacity_bytes());
}

bool RamPolicy::pin(RamNode& node, PlaceList& departed) {
  ASSERT(node.resident());
  if (node.place == RamNode::Place::kPinned) return true;
  if (!pin_fits(node)) return false;
  erase(node);
  shares_.add(node.tenant, node.size_bytes);
  shrink_main(main_capacity_bytes() - pinned_bytes_ - node.size_bytes, departed);
  node.place = RamNode::Place::kPinned;
  pinned_.push_back(node);
  pinned_bytes_ += node.size_bytes;
  return true;
}

void RamPolicy::unpin(RamNode& node, PlaceList& departed) {
  if (node.place != RamNode::Place::kPinned) return;
  pinned_.remove(node);
  pinned_bytes_ -= node.size_bytes;
  if (enter_main(node, departed)) return;
  shares_.remove(node.tenant, node.size_bytes);
  depart(node, Departure::kMain, departed);
}

void RamPolicy::set_capacity(uint64_t capacity_bytes, PlaceList& departed) {
  capacity_bytes_ = capacity_bytes;
  divide();
  while (pinned_bytes_ > main_capacity_bytes()) {
    RamNode& node = *pinned_.front();
    erase(node);
    depart(node, Departure::kMain, departed);
  }
  shrink_main(main_capacity_bytes() - pinned_bytes_, departed);
  while (window_bytes_ > window_capacity_bytes_) {
    RamNode& node = *window_.front();
    erase(node);
    depart(node, Departure::kWindow, departed);
  }
}

}  // namespace cairn::cache
