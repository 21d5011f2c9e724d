// The ready queue: a growing ring of coroutine handles. It holds each suspended task at most once,
// so its size is bounded by the number of tasks.
#pragma once

#include <coroutine>
#include <cstddef>
#include <vector>

namespace cairn::io {

class HandleQueue {
 public:
  bool empty() const { return head_ == tail_; }
  size_t size() const { return tail_ - head_; }

  void push(std::coroutine_handle<> handle) {
    if (size() == ring_.size()) grow();
    ring_[tail_++ & (ring_.size() - 1)] = handle;
  }
  // REQUIRES: !empty().
  std::coroutine_handle<> pop() { return ring_[head_++ & (ring_.size() - 1)]; }

 private:
  static constexpr size_t kInitialSize = 64;  // Sizes are powers of two.

  void grow() {
    std::vector<std::coroutine_handle<>> bigger(ring_.empty() ? kInitialSize : 2 * ring_.size());
    const size_t count = size();
    for (size_t i = 0; i < count; ++i) bigger[i] = ring_[(head_ + i) & (ring_.size() - 1)];
    ring_.swap(bigger);
    head_ = 0;
    tail_ = count;
  }

  std::vector<std::coroutine_handle<>> ring_;
  size_t head_ = 0;  // Both only grow; the difference is the size.
  size_t tail_ = 0;
};

}  // namespace cairn::io
