// The two clocks of a reactor: exact timers for sleeping, and coarse deadlines that nearly every
// operation carries and that nearly never fire.
//
// Entries are intrusive and unlink themselves when destroyed. Thread rule: the reactor's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "io/until.h"

namespace cairn::io {

// A binary heap of exact timers: O(log n) to add, remove and fire.
class TimerHeap {
 public:
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual void on_timer() noexcept = 0;
    bool armed() const { return heap_ != nullptr; }
    void disarm() noexcept {
      if (heap_ != nullptr) heap_->remove(*this);
    }

   protected:
    ~Entry() { disarm(); }

   private:
    friend class TimerHeap;
    Instant at_;
    uint64_t sequence_ = 0;  // Equal times fire in order of arming.
    size_t index_ = 0;
    TimerHeap* heap_ = nullptr;
  };

  void add(Entry& entry, Instant at);
  void remove(Entry& entry) noexcept;
  // Fires every entry due at `now`.
  void advance(Instant now);
  // kNever when there is none.
  Instant next() const { return entries_.empty() ? kNever : entries_.front()->at_; }

 private:
  static bool before(const Entry& a, const Entry& b);
  void place(size_t index, Entry* entry);
  void sift_up(size_t index);
  void sift_down(size_t index);

  std::vector<Entry*> entries_;
  uint64_t next_sequence_ = 0;
};

// A hashed timing wheel (Varghese and Lauck 1987, scheme 6): arming and disarming are a few
// instructions. Fires up to two ticks late and never early.
class DeadlineWheel {
  struct Link {
    Link* next = nullptr;
    Link* previous = nullptr;
  };

 public:
  class Entry : private Link {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual void on_deadline() noexcept = 0;
    bool armed() const { return wheel_ != nullptr; }
    void disarm() noexcept {
      if (wheel_ != nullptr) wheel_->remove(*this);
    }

   protected:
    ~Entry() { disarm(); }

   private:
    friend class DeadlineWheel;
    int64_t tick_ = 0;
    DeadlineWheel* wheel_ = nullptr;
  };

  explicit DeadlineWheel(Instant now);
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  void add(Entry& entry, Instant deadline);
  void remove(Entry& entry) noexcept;
  void advance(Instant now);
  // When advance() has to be called next at the latest; kNever when nothing is armed. May be
  // earlier than the first deadline.
  Instant next() const;

 private:
  static constexpr size_t kSlotsCount = 1024;
  static constexpr int kTickShift = 25;  // 33.6 ms, a power of two so that no division is needed.
  static_assert((int64_t{1} << kTickShift) <= kDeadlineGranularity.nanoseconds);

  static void push_back(Link& list, Link& link);
  static void unlink(Link& link) noexcept;
  static size_t slot_of(int64_t tick) { return static_cast<size_t>(tick) % kSlotsCount; }
  void take_expired(size_t slot, int64_t now_tick, Link& expired);

  std::array<Link, kSlotsCount> slots_;
  std::array<uint64_t, kSlotsCount / 64> maybe_used_{};  // A clear bit means an empty slot.
  int64_t current_tick_;
  size_t armed_count_ = 0;
};

}  // namespace cairn::io
