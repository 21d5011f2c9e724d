// The event loop of one core: runs tasks, completes I/O, fires timers, takes messages.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "io/buffer_pool.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::io {

class Backend;

enum class BackendKind : unsigned char { kIoUring, kEpoll, kSimulated };

struct ReactorOptions {
  int core = -1;                      // CPU to pin the thread to; -1 = none.
  uint64_t pool_bytes = 256ULL << 20;  // Cap of this reactor's BufferPool.
  const Clock* clock = nullptr;       // Null = system_clock().
};

// One per thread. Everything not marked [any thread] is called on the reactor's own thread.
// REQUIRES: all tasks started on it are complete before destruction.
class Reactor {
 public:
  // Chooses the backend by CAIRN_IO=epoll|io_uring or by what the kernel allows (probe.h).
  static Result<std::unique_ptr<Reactor>> create(ReactorOptions options);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // The reactor that runs on this thread. REQUIRES: there is one.
  static Reactor& current();
  static Reactor* current_or_null();

  // Runs the loop on this thread until `main` completes and returns its value.
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
  int index() const;  // 0-based number given at creation order; for sharding by core.
  Backend& backend();

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);
  void run_until(const std::function<bool()>& done);
  std::unique_ptr<State> state_;
};

// Completes after `delay`, or early with kCancelled.
Task<Status> sleep_for(Duration delay, StopToken stop = {});
// Lets other ready tasks run.
Task<void> yield();
// Runs `task` on `target`'s thread and resumes the caller on its own reactor with the value.
template <typename T>
Task<T> run_on(Reactor& target, Task<T> task);

}  // namespace cairn::io
