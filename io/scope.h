// Structured concurrency: a Scope owns the tasks it spawns and is joined before it dies.
#pragma once

#include <coroutine>
#include <cstddef>

#include "io/stop.h"
#include "io/task.h"

namespace cairn::io {

namespace detail {
struct Detached;
}  // namespace detail

// Runs children side by side on one reactor. A child is started at once, up to its first wait.
// REQUIRES: join() has been awaited (or no child was spawned) before destruction.
class Scope {
 public:
  Scope() = default;
  ~Scope();  // Asserts that no child is running.
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void spawn(Task<void> child);
  // Completes when every child has. Children may spawn further ones meanwhile.
  Task<void> join();
  // Asks the children to stop: the token that was given to them fires. join() is still needed.
  void request_stop() noexcept { stop_.request(); }
  StopToken stop_token() { return stop_.token(); }
  size_t running_count() const { return running_count_; }

 private:
  struct JoinAwaiter;
  static detail::Detached run_child(Scope& scope, Task<void> child);
  StopSource stop_;
  size_t running_count_ = 0;
  std::coroutine_handle<> joiner_ = nullptr;
};

}  // namespace cairn::io
