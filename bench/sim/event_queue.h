// Virtual time: what happens next, in order; ties in the order in which they were planned.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace cairn::sim {

// `Event` is a small value. Not thread-safe.
template <typename Event>
class EventQueue {
 public:
  double now() const { return now_; }
  bool empty() const { return heap_.empty(); }

  // REQUIRES: at >= now().
  void plan(double at, Event event) { heap_.push({at, sequence_++, event}); }

  Event next() {
    const Planned first = heap_.top();
    heap_.pop();
    now_ = first.at;
    return first.event;
  }

 private:
  struct Planned {
    double at;
    uint64_t sequence;
    Event event;
    bool operator<(const Planned& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };
  std::priority_queue<Planned> heap_;
  uint64_t sequence_ = 0;
  double now_ = 0;
};

// Something that does one thing after another at a fixed rate: a link, a disk, a pool of cores.
class Pipe {
 public:
  explicit Pipe(double per_second) : per_second_(per_second) {}

  // When `amount` that arrives `at` will have passed.
  double pass(double at, double amount) {
    free_at_ = (free_at_ > at ? free_at_ : at) + amount / per_second_;
    used_ += amount;
    return free_at_;
  }
  double waiting(double at) const { return free_at_ > at ? free_at_ - at : 0; }
  double used() const { return used_; }
  double share_used(double length) const { return length > 0 ? used_ / (per_second_ * length) : 0; }

 private:
  double per_second_;
  double free_at_ = 0;
  double used_ = 0;
};

}  // namespace cairn::sim
