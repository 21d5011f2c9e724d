#include "bench/cachesim/references.h"

#include <algorithm>
#include <list>
#include <set>
#include <vector>

namespace cairn::cachesim {
namespace {

class Lru final : public Simulated {
 public:
  Lru(uint64_t capacity_bytes, size_t objects_count)
      : capacity_bytes_(capacity_bytes), slots_(objects_count) {}

  Answer get(uint32_t object, uint64_t size_bytes) override {
    Slot& slot = slots_[object];
    if (slot.present) {
      order_.splice(order_.end(), order_, slot.at);
      return Answer::kMemory;
    }
    if (size_bytes > capacity_bytes_) return Answer::kMiss;
    while (used_bytes_ + size_bytes > capacity_bytes_) {
      Slot& victim = slots_[order_.front()];
      used_bytes_ -= victim.size_bytes;
      victim.present = false;
      order_.pop_front();
    }
    slot = {true, size_bytes, order_.insert(order_.end(), object)};
    used_bytes_ += size_bytes;
    return Answer::kMiss;
  }

 private:
  struct Slot {
    bool present = false;
    uint64_t size_bytes = 0;
    std::list<uint32_t>::iterator at;
  };
  const uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  std::vector<Slot> slots_;
  std::list<uint32_t> order_;  // Least recently used first.
};

class Sieve final : public Simulated {
 public:
  Sieve(uint64_t capacity_bytes, size_t objects_count)
      : capacity_bytes_(capacity_bytes), slots_(objects_count), hand_(order_.end()) {}

  Answer get(uint32_t object, uint64_t size_bytes) override {
    Slot& slot = slots_[object];
    if (slot.present) {
      slot.visited = true;
      return Answer::kMemory;
    }
    if (size_bytes > capacity_bytes_) return Answer::kMiss;
    while (used_bytes_ + size_bytes > capacity_bytes_) evict();
    slot = {true, false, size_bytes};
    order_.push_back(object);
    used_bytes_ += size_bytes;
    return Answer::kMiss;
  }

 private:
  struct Slot {
    bool present = false;
    bool visited = false;
    uint64_t size_bytes = 0;
  };
  void evict() {
    if (hand_ == order_.end()) hand_ = order_.begin();
    while (slots_[*hand_].visited) {
      slots_[*hand_].visited = false;
      if (++hand_ == order_.end()) hand_ = order_.begin();
    }
    used_bytes_ -= slots_[*hand_].size_bytes;
    slots_[*hand_].present = false;
    hand_ = order_.erase(hand_);
  }

  const uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  std::vector<Slot> slots_;
  std::list<uint32_t> order_;  // Oldest first.
  std::list<uint32_t>::iterator hand_;
};

// A queue of objects with its bytes; removal from the middle for the ghost.
struct Fifo {
  std::list<uint32_t> order;
  uint64_t used_bytes = 0;
};

class S3Fifo final : public Simulated {
 public:
  S3Fifo(uint64_t capacity_bytes, size_t objects_count)
      : capacity_bytes_(capacity_bytes),
        small_bytes_(static_cast<uint64_t>(static_cast<double>(capacity_bytes) * 0.10)),
        ghost_bytes_(static_cast<uint64_t>(static_cast<double>(capacity_bytes) * 0.90)),
        slots_(objects_count) {}

  Answer get(uint32_t object, uint64_t size_bytes) override {
    Slot& slot = slots_[object];
    slot.size_bytes = size_bytes;
    if (slot.where == Where::kSmall || slot.where == Where::kMain) {
      ++slot.frequency;
      return Answer::kMemory;
    }
    const bool remembered = slot.where == Where::kGhost;
    if (remembered) leave(ghost_, object);
    if (size_bytes > small_bytes_) return Answer::kMiss;
    while (small_.used_bytes + main_.used_bytes + size_bytes > capacity_bytes_) evict();
    slot.frequency = 0;
    if (remembered) {
      enter(main_, Where::kMain, object);
    } else if (size_bytes < small_bytes_) {
      enter(small_, Where::kSmall, object);
    }
    return Answer::kMiss;
  }

 private:
  enum class Where : uint8_t { kNowhere, kSmall, kMain, kGhost };
  struct Slot {
    Where where = Where::kNowhere;
    uint32_t frequency = 0;
    uint64_t size_bytes = 0;
    std::list<uint32_t>::iterator at;
  };

  void enter(Fifo& fifo, Where where, uint32_t object) {
    Slot& slot = slots_[object];
    slot.where = where;
    slot.at = fifo.order.insert(fifo.order.end(), object);
    fifo.used_bytes += slot.size_bytes;
  }
  void leave(Fifo& fifo, uint32_t object) {
    Slot& slot = slots_[object];
    fifo.order.erase(slot.at);
    fifo.used_bytes -= slot.size_bytes;
    slot.where = Where::kNowhere;
  }
  void remember(uint32_t object) {
    if (slots_[object].size_bytes > ghost_bytes_) return;
    while (ghost_.used_bytes + slots_[object].size_bytes > ghost_bytes_) {
      leave(ghost_, ghost_.order.front());
    }
    enter(ghost_, Where::kGhost, object);
  }
  void evict() {
    if (main_.used_bytes > capacity_bytes_ - small_bytes_ || small_.order.empty()) {
      evict_main();
    } else {
      evict_small();
    }
  }
  void evict_small() {
    while (!small_.order.empty()) {
      const uint32_t object = small_.order.front();
      leave(small_, object);
      if (slots_[object].frequency < 2) {
        remember(object);
        return;
      }
      slots_[object].frequency = 0;
      enter(main_, Where::kMain, object);
    }
  }
  void evict_main() {
    while (!main_.order.empty()) {
      const uint32_t object = main_.order.front();
      leave(main_, object);
      if (slots_[object].frequency == 0) return;
      slots_[object].frequency = std::min(slots_[object].frequency, 3U) - 1;
      enter(main_, Where::kMain, object);
    }
  }

  const uint64_t capacity_bytes_;
  const uint64_t small_bytes_;
  const uint64_t ghost_bytes_;
  std::vector<Slot> slots_;
  Fifo small_;
  Fifo main_;
  Fifo ghost_;
};

class Gdsf final : public Simulated {
 public:
  Gdsf(uint64_t capacity_bytes, size_t objects_count)
      : capacity_bytes_(capacity_bytes), slots_(objects_count) {}

  Answer get(uint32_t object, uint64_t size_bytes) override {
    Slot& slot = slots_[object];
    if (slot.present) {
      order_.erase({slot.priority, slot.turn, object});
      slot.frequency += 1;
      enter(object);
      return Answer::kMemory;
    }
    if (size_bytes > capacity_bytes_) return Answer::kMiss;
    while (used_bytes_ + size_bytes > capacity_bytes_) {
      const auto victim = order_.begin();
      Slot& gone = slots_[victim->object];
      inflation_ = victim->priority;
      used_bytes_ -= gone.size_bytes;
      gone.present = false;
      order_.erase(victim);
    }
    slot.present = true;
    slot.size_bytes = size_bytes;
    slot.frequency = 1;
    used_bytes_ += size_bytes;
    enter(object);
    return Answer::kMiss;
  }

 private:
  struct Slot {
    bool present = false;
    double frequency = 0;
    double priority = 0;
    uint64_t turn = 0;
    uint64_t size_bytes = 0;
  };
  struct Position {
    double priority;
    uint64_t turn;  // Among equals the oldest goes first.
    uint32_t object;
    auto operator<=>(const Position&) const = default;
  };
  void enter(uint32_t object) {
    Slot& slot = slots_[object];
    slot.turn = ++turns_;
    slot.priority = inflation_ + 1e6 * slot.frequency / static_cast<double>(slot.size_bytes);
    order_.insert({slot.priority, slot.turn, object});
  }

  const uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  uint64_t turns_ = 0;
  double inflation_ = 0;
  std::vector<Slot> slots_;
  std::set<Position> order_;
};

}  // namespace

std::unique_ptr<Simulated> make_reference(std::string_view name, uint64_t capacity_bytes,
                                          size_t objects_count) {
  if (name == "lru") return std::make_unique<Lru>(capacity_bytes, objects_count);
  if (name == "sieve") return std::make_unique<Sieve>(capacity_bytes, objects_count);
  if (name == "s3fifo") return std::make_unique<S3Fifo>(capacity_bytes, objects_count);
  if (name == "gdsf") return std::make_unique<Gdsf>(capacity_bytes, objects_count);
  return nullptr;
}

}  // namespace cairn::cachesim
