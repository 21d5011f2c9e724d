// The event loop of one core: runs tasks, completes I/O, fires timers, takes messages.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "io/buffer_pool.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::io {

class Backend;
class DeadlineWheel;
class Mailbox;
class TimerHeap;

enum class BackendKind : unsigned char { kIoUring, kEpoll, kSimulated };

struct ReactorOptions {
  int core = -1;                       // CPU to pin the thread to; -1 = none.
  uint64_t pool_bytes = 256ULL << 20;  // Cap of this reactor's BufferPool.
  const Clock* clock = nullptr;        // Null = system_clock().
  int index = -1;                      // For sharding; -1 = the lowest number not in use.
  std::optional<BackendKind> backend;  // Overrides CAIRN_IO.
};

// What a backend is built from; both outlive it.
struct BackendParts {
  BufferPool& pool;
  Mailbox& mailbox;
};
using BackendFactory =
    std::move_only_function<Result<std::unique_ptr<Backend>>(const BackendParts& parts)>;

// One per thread. Everything not marked [any thread] is called on the reactor's own thread.
// REQUIRES: all tasks started on it are complete before destruction.
class Reactor {
 public:
  // Chooses the backend by CAIRN_IO=epoll|io_uring or by what the kernel allows (probe.h).
  // Fails with kUnsupported when a forced backend is not to be had.
  static Result<std::unique_ptr<Reactor>> create(ReactorOptions options);
  // With a backend of the caller's making (the simulated one).
  static Result<std::unique_ptr<Reactor>> create_with(ReactorOptions options,
                                                      BackendFactory make_backend);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // The reactor that runs on this thread. REQUIRES: there is one.
  static Reactor& current();
  static Reactor* current_or_null();

  // Runs the loop on this thread until `main` completes and returns its value. The first call ties
  // the reactor to its thread (and pins it): every later one comes from the same thread.
  template <typename T>
  T run(Task<T> main);

  // [any thread] Runs `message` on the reactor's thread, in order of posting per sender.
  void post(std::move_only_function<void()> message);
  // Puts a suspended coroutine at the end of this reactor's ready queue.
  void resume_later(std::coroutine_handle<> coroutine);
  // Runs `work` once, after everything now ready has run and before the loop waits for I/O: where
  // a core's batch engines (hashing, flush groups) do their work.
  void at_end_of_turn(std::move_only_function<void()> work);

  const Clock& clock() const;
  Instant now() const;  // Read once per turn of the loop.
  BufferPool& buffers();
  BackendKind kind() const;
  int index() const;  // 0-based number, unique among the live reactors; for sharding by core.
  Backend& backend();

  // For the awaitables inside io/.
  DeadlineWheel& deadlines();
  TimerHeap& timers();
  std::shared_ptr<Mailbox> mailbox() const;
  // Whether one more operation that completed at once may continue without a trip through the ready
  // queue; false now and then, so that a busy socket starves nobody.
  bool take_inline_turn();

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);
  void run_until_complete(bool (*is_complete)(const void* task), const void* task);
  std::unique_ptr<State> state_;
};

// Completes after `delay`, or early with kCancelled.
Task<Status> sleep_for(Duration delay, StopToken stop = {});
// Lets other ready tasks run.
Task<void> yield();
// Runs `task` on `target`'s thread and resumes the caller on its own reactor with the value.
template <typename T>
Task<T> run_on(Reactor& target, Task<T> task);

template <typename T>
T Reactor::run(Task<T> main) {
  resume_later(main.handle());
  run_until_complete(
      [](const void* task) { return static_cast<const Task<T>*>(task)->is_complete(); }, &main);
  return main.take();
}

namespace detail {

// A coroutine that nobody awaits and that frees itself when it ends.
struct Detached {
  struct promise_type {
    static void* operator new(size_t size_bytes) { return allocate_frame(size_bytes); }
    static void operator delete(void* frame, size_t size_bytes) noexcept {
      free_frame(frame, size_bytes);
    }
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

struct Nothing {};
template <typename T>
using ValueOrNothing = std::conditional_t<std::is_void_v<T>, Nothing, T>;

// Runs a task on another reactor and comes back. The task is destroyed over there, for its locals
// may belong to that reactor.
template <typename T>
class RunOn {
 public:
  RunOn(Reactor& target, Task<T> task) : target_(target), task_(std::move(task)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    home_ = &Reactor::current();
    target_.post([this] { drive(*this); });
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

 private:
  static Detached drive(RunOn& self) {
    if constexpr (std::is_void_v<T>) {
      co_await self.task_;
    } else {
      self.value_.emplace(co_await self.task_);
    }
    self.task_ = Task<T>();
    // `self` may be gone as soon as the message is posted.
    self.home_->post([home = self.home_, waiter = self.waiter_] { home->resume_later(waiter); });
  }

  Reactor& target_;
  Task<T> task_;
  Reactor* home_ = nullptr;
  std::coroutine_handle<> waiter_;
  std::optional<ValueOrNothing<T>> value_;
};

}  // namespace detail

template <typename T>
Task<T> run_on(Reactor& target, Task<T> task) {
  if (&target == Reactor::current_or_null()) {
    co_return co_await task;
  }
  detail::RunOn<T> hop(target, std::move(task));
  co_return co_await hop;
}

}  // namespace cairn::io
