#include "io/timers.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace cairn::io {

bool TimerHeap::before(const Entry& a, const Entry& b) {
  return std::tie(a.at_, a.sequence_) < std::tie(b.at_, b.sequence_);
}

void TimerHeap::place(size_t index, Entry* entry) {
  entries_[index] = entry;
  entry->index_ = index;
}

void TimerHeap::sift_up(size_t index) {
  Entry* const entry = entries_[index];
  while (index != 0) {
    const size_t parent = (index - 1) / 2;
    if (!before(*entry, *entries_[parent])) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerHeap::sift_down(size_t index) {
  Entry* const entry = entries_[index];
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && before(*entries_[child + 1], *entries_[child])) ++child;
    if (!before(*entries_[child], *entry)) break;
    place(index, entries_[child]);
    index = child;
  }
  place(index, entry);
}

void TimerHeap::add(Entry& entry, Instant at) {
  ASSERT(entry.heap_ == nullptr);
  entry.at_ = at;
  entry.sequence_ = next_sequence_++;
  entry.heap_ = this;
  entries_.push_back(&entry);
  sift_up(entries_.size() - 1);
}

void TimerHeap::remove(Entry& entry) noexcept {
  ASSERT(entry.heap_ == this);
  const size_t index = entry.index_;
  Entry* const last = entries_.back();
  entries_.pop_back();
  entry.heap_ = nullptr;
  if (last == &entry) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

void TimerHeap::advance(Instant now) {
  while (!entries_.empty() && entries_.front()->at_ <= now) {
    Entry* const due = entries_.front();
    remove(*due);
    due->on_timer();
  }
}

DeadlineWheel::DeadlineWheel(Instant now) : current_tick_(now.nanoseconds >> kTickShift) {
  for (Link& slot : slots_) slot.next = slot.previous = &slot;
}

void DeadlineWheel::push_back(Link& list, Link& link) {
  link.next = &list;
  link.previous = list.previous;
  list.previous->next = &link;
  list.previous = &link;
}

void DeadlineWheel::unlink(Link& link) noexcept {
  link.next->previous = link.previous;
  link.previous->next = link.next;
  link.next = link.previous = nullptr;
}

void DeadlineWheel::add(Entry& entry, Instant deadline) {
  ASSERT(entry.wheel_ == nullptr);
  const int64_t rounded_up = ((deadline.nanoseconds - 1) >> kTickShift) + 1;
  entry.tick_ = std::max(rounded_up, current_tick_ + 1);
  entry.wheel_ = this;
  const size_t slot = slot_of(entry.tick_);
  push_back(slots_[slot], entry);
  maybe_used_[slot / 64] |= uint64_t{1} << (slot % 64);
  ++armed_count_;
}

void DeadlineWheel::remove(Entry& entry) noexcept {
  unlink(entry);
  entry.wheel_ = nullptr;
  --armed_count_;
}

void DeadlineWheel::take_expired(size_t slot, int64_t now_tick, Link& expired) {
  Link& list = slots_[slot];
  for (Link* link = list.next; link != &list;) {
    Link* const next = link->next;
    if (static_cast<Entry*>(link)->tick_ <= now_tick) {
      unlink(*link);
      push_back(expired, *link);
    }
    link = next;
  }
  if (list.next == &list) maybe_used_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
}

void DeadlineWheel::advance(Instant now) {
  const int64_t now_tick = now.nanoseconds >> kTickShift;
  if (now_tick <= current_tick_) return;
  const int64_t behind = std::min<int64_t>(now_tick - current_tick_, kSlotsCount);
  // Collected first: firing one entry may disarm others.
  Link expired;
  expired.next = expired.previous = &expired;
  for (int64_t i = 0; i < behind; ++i) take_expired(slot_of(now_tick - i), now_tick, expired);
  current_tick_ = now_tick;
  while (expired.next != &expired) {
    auto* const entry = static_cast<Entry*>(expired.next);
    remove(*entry);
    entry->on_deadline();
  }
}

Instant DeadlineWheel::next() const {
  if (armed_count_ == 0) return kNever;
  const size_t first = slot_of(current_tick_ + 1);
  for (size_t words = 0; words <= maybe_used_.size(); ++words) {
    const size_t word = (first / 64 + words) % maybe_used_.size();
    uint64_t bits = maybe_used_[word];
    if (words == 0) bits &= ~uint64_t{0} << (first % 64);
    if (bits == 0) continue;
    const size_t slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
    const size_t ahead = (slot + kSlotsCount - first) % kSlotsCount;
    return {(current_tick_ + 1 + static_cast<int64_t>(ahead)) << kTickShift};
  }
  return kNever;
}

}  // namespace cairn::io
