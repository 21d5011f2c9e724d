// Waiting for each other: events, semaphores and bounded channels on one reactor, and a one-shot
// completion across threads.
#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::io {

// Level-triggered flag on one reactor: wait() completes once set() has been called.
class Event {
 public:
  Task<void> wait();
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }

 private:
  std::deque<std::coroutine_handle<>> waiters_;
  bool set_ = false;
};

// Counts permits on one reactor; waiters are served in arrival order.
class Semaphore {
 public:
  explicit Semaphore(size_t permits_count) : permits_count_(permits_count) {}
  Task<void> acquire();
  bool try_acquire();
  void release();
  size_t available() const { return permits_count_; }

 private:
  std::deque<std::coroutine_handle<>> waiters_;
  size_t permits_count_;
};

// One permit with RAII: `const MutexGuard guard = co_await mutex.lock();`
class Mutex;
class [[nodiscard]] MutexGuard {
 public:
  explicit MutexGuard(Mutex* mutex) : mutex_(mutex) {}
  MutexGuard(MutexGuard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
  MutexGuard& operator=(MutexGuard&&) = delete;
  ~MutexGuard();

 private:
  Mutex* mutex_;
};
class Mutex {
 public:
  Task<MutexGuard> lock();

 private:
  friend class MutexGuard;
  Semaphore one_{1};
};

// A value that some thread sets once and one task awaits on its own reactor.
// Shared ownership: both sides hold the state.
template <typename T>
class Completion {
 public:
  // Called on the awaiting reactor's thread.
  static Completion make();
  // [any thread] Exactly once.
  void complete(T value) const;
  Task<T> wait() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn::io
