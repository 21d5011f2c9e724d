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
#include "io/reactor.h"
#include "io/task.h"
#include "io/until.h"
#include "io/until_watch.h"

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
  // The same, but gives up at `until`; the value is then dropped when it comes.
  Task<Result<T>> wait(Until until) const;

 private:
  struct State {
    std::shared_ptr<Mailbox> home;
    std::optional<T> value;  // Written on the awaiting reactor only.
    Parked* waiter = nullptr;
  };
  explicit Completion(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

namespace detail {
void post_to(Mailbox& mailbox, std::move_only_function<void()> message);
}

template <typename T>
Completion<T> Completion<T>::make() {
  auto state = std::make_shared<State>();
  state->home = Reactor::current().mailbox();
  return Completion(std::move(state));
}

template <typename T>
void Completion<T>::complete(T value) const {
  const std::shared_ptr<Mailbox> home = state_->home;
  detail::post_to(*home, [state = state_, value = std::move(value)]() mutable {
    state->value.emplace(std::move(value));
    if (state->waiter != nullptr) std::exchange(state->waiter, nullptr)->wake();
  });
}

template <typename T>
Task<T> Completion<T>::wait() const {
  Result<T> value = co_await wait(Until{});
  co_return std::move(*value);
}

template <typename T>
Task<Result<T>> Completion<T>::wait(Until until) const {
  const std::shared_ptr<State> state = state_;
  if (!state->value) {
    Parked parked(until);
    state->waiter = &parked;
    const std::optional<Code> gave_up = co_await parked;
    state->waiter = nullptr;
    if (gave_up && !state->value) co_return fail(*gave_up, "gave up waiting for a completion");
  }
  co_return std::move(*state->value);
}

}  // namespace cairn::io
