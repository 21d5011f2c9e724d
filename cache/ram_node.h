// What the RAM policy knows of an entry; the tier embeds it in (or derives its entry from) it, so
// that one hash table and one allocation serve both. And the lists that nodes are on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/clock.h"
#include "cache/hints.h"

namespace cairn::cache {

// Why an entry left a tier.
inline constexpr size_t kDeparturesCount = 7;
enum class Departure : uint8_t {
  kNone,     // It is still there.
  kRefused,  // It never got in: no-cache, or larger than the tier.
  kWindow,   // It reached the end of the window and was not worth a place in main.
  kStream,   // It reached the end of the window and was only allowed there.
  kMain,     // Something worth more took its place.
  kShare,    // Its tenant had more than its share.
  kExpired,  // Its time had come.
};

struct RamNode {
  enum class Place : uint8_t { kNowhere, kWindow, kMain, kPinned };

  RamNode* before = nullptr;  // In the window, in a value class, among the pins, or the departed.
  RamNode* after = nullptr;
  RamNode* tenant_before = nullptr;  // Among the tenant's entries in main.
  RamNode* tenant_after = nullptr;
  double priority = 0;  // When in main: inflation at the last reference + value.
  Instant counted;      // Last counted reference.
  Instant expires = kNever;
  uint64_t size_bytes = 0;  // As charged: bytes of the block and the tier's overhead.
  float cost = 1;
  uint16_t tenant = 0;
  uint8_t frequency = 0;  // Counted references, at most kFrequencyMax.
  uint8_t value_class = 0;
  Place place = Place::kNowhere;
  Departure departure = Departure::kNone;
  bool window_only = false;

  bool resident() const { return place != Place::kNowhere; }
};

// A doubly linked list through two of a node's members. Owns nothing.
template <RamNode* RamNode::* Before, RamNode* RamNode::* After>
class NodeList {
 public:
  bool empty() const { return first_ == nullptr; }
  RamNode* front() const { return first_; }

  void push_back(RamNode& node) {
    node.*Before = last_;
    node.*After = nullptr;
    (last_ != nullptr ? last_->*After : first_) = &node;
    last_ = &node;
  }
  void push_front(RamNode& node) {
    node.*Before = nullptr;
    node.*After = first_;
    (first_ != nullptr ? first_->*Before : last_) = &node;
    first_ = &node;
  }
  void remove(RamNode& node) {
    (node.*Before != nullptr ? (node.*Before)->*After : first_) = node.*After;
    (node.*After != nullptr ? (node.*After)->*Before : last_) = node.*Before;
    node.*Before = node.*After = nullptr;
  }
  RamNode* pop_front() {
    RamNode* const node = first_;
    if (node != nullptr) remove(*node);
    return node;
  }
  RamNode* pop_back() {
    RamNode* const node = last_;
    if (node != nullptr) remove(*node);
    return node;
  }

 private:
  RamNode* first_ = nullptr;
  RamNode* last_ = nullptr;
};
using PlaceList = NodeList<&RamNode::before, &RamNode::after>;
using TenantList = NodeList<&RamNode::tenant_before, &RamNode::tenant_after>;

}  // namespace cairn::cache
