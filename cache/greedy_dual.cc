#include "cache/greedy_dual.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace cairn::cache {
namespace {

// Quarter octaves from the exponent and two bits of the mantissa; 2^-48 is the least value told
// apart (one reference to an entry of 256 TiB), 2^16 the largest.
constexpr int64_t kLeastExponent = -48;
constexpr int64_t kExponentBias = 1023;
// Bounds the work of one admission. A newcomer that needs more victims is large, and turning it
// away is right more often than not.
constexpr size_t kVictimsMax = 4096;

}  // namespace

size_t GreedyDual::class_of(double value) {
  const auto quarters = static_cast<int64_t>(std::bit_cast<uint64_t>(value) >> 50);
  const int64_t least = (kLeastExponent + kExponentBias) * 4;
  return static_cast<size_t>(
      std::clamp<int64_t>(quarters - least, 0, static_cast<int64_t>(kClassesCount) - 1));
}

void GreedyDual::note_head(size_t value_class) {
  const RamNode* const head = queues_[value_class].front();
  const uint64_t bit = uint64_t{1} << (value_class % 64);
  if (head == nullptr) {
    occupied_[value_class / 64] &= ~bit;
  } else {
    occupied_[value_class / 64] |= bit;
    heads_[value_class] = head->priority;
  }
}

void GreedyDual::push(RamNode& node, double value) {
  const size_t value_class = class_of(value);
  node.value_class = static_cast<uint8_t>(value_class);
  node.priority = priority_of(value);
  const bool first = queues_[value_class].empty();
  queues_[value_class].push_back(node);
  if (first) note_head(value_class);
}

void GreedyDual::remove(RamNode& node) {
  const size_t value_class = node.value_class;
  const bool first = queues_[value_class].front() == &node;
  queues_[value_class].remove(node);
  if (first) note_head(value_class);
}

void GreedyDual::renew(RamNode& node, double value) {
  // Nothing changes for the hottest entries between two evictions.
  if (node.priority == priority_of(value)) return;
  remove(node);
  push(node, value);
}

size_t GreedyDual::least_class() const {
  size_t least = kClassesCount;
  double least_priority = std::numeric_limits<double>::infinity();
  for (size_t word = 0; word < occupied_.size(); ++word) {
    for (uint64_t bits = occupied_[word]; bits != 0; bits &= bits - 1) {
      const size_t value_class = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      if (heads_[value_class] >= least_priority) continue;
      least_priority = heads_[value_class];
      least = value_class;
    }
  }
  return least;
}

RamNode* GreedyDual::victim() const {
  const size_t least = least_class();
  return least == kClassesCount ? nullptr : queues_[least].front();
}

bool GreedyDual::displace(double priority, uint64_t size_bytes, PlaceList& victims) {
  uint64_t freed_bytes = 0;
  for (size_t taken = 0; freed_bytes < size_bytes; ++taken) {
    RamNode* const least = victim();
    if (least == nullptr || least->priority >= priority || taken == kVictimsMax) {
      put_back(victims);
      return false;
    }
    remove(*least);
    victims.push_back(*least);
    freed_bytes += least->size_bytes;
  }
  return true;
}

void GreedyDual::put_back(PlaceList& victims) {
  while (RamNode* const node = victims.pop_back()) {
    queues_[node->value_class].push_front(*node);
    note_head(node->value_class);
  }
}

}  // namespace cairn::cache
