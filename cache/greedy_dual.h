// Greedy-dual order of entries in constant time (Cao and Irani 1997; with frequencies: Cherkasova
// 1998). An entry's priority is L + value, L being the priority of the last victim: what is not
// referenced ages as L rises. Values are sorted into classes of a quarter of an octave; within a
// class priorities can only grow with time, so each class is a queue and the victim is the least of
// the queues' heads. Owns no nodes. Externally synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cache/ram_node.h"

namespace cairn::cache {

class GreedyDual {
 public:
  static constexpr size_t kClassesCount = 256;

  double inflation() const { return inflation_; }
  // What `value` would be worth now.
  double priority_of(double value) const { return inflation_ + value; }

  void push(RamNode& node, double value);
  void remove(RamNode& node);
  // Moves a referenced node to its new place.
  void renew(RamNode& node, double value);

  // The node with the least priority; null when empty.
  RamNode* victim() const;
  // Takes out nodes of less than `priority` until they make up `size_bytes`. False, and nothing is
  // taken, when there are too few of them. REQUIRES: `victims` is empty.
  bool displace(double priority, uint64_t size_bytes, PlaceList& victims);
  // Ages everything to `priority`, that of an entry which left or was turned away.
  void age_to(double priority) {
    if (priority > inflation_) inflation_ = priority;
  }

 private:
  static size_t class_of(double value);
  void put_back(PlaceList& victims);
  size_t least_class() const;
  void note_head(size_t value_class);

  double inflation_ = 0;
  std::array<PlaceList, kClassesCount> queues_;
  std::array<double, kClassesCount> heads_{};  // Priority of each queue's head.
  std::array<uint64_t, kClassesCount / 64> occupied_{};
};

}  // namespace cairn::cache
